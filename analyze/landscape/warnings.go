package landscape

import (
	"fmt"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

const (
	// planeErrorLimit is the relative error of the loss on the plane above which the contours
	// do not show the loss along the path.
	planeErrorLimit = 0.1
	// residualLimit is the median distance from the plane, in diameters of the path on the
	// plane, above which the plane does not show where the path is.
	residualLimit = 0.25
	// eigenLimit is the residual of an eigenvalue, in units of the largest eigenvalue, above
	// which the details of a map of eigenvalues are not reliable.
	eigenLimit = 0.1
)

// warnings returns what limits the conclusions. path is nil for a landscape without a path.
func (s *Summary) warnings(path record.Trajectory) []analyze.Warning {
	var w analyze.Warnings
	w.Add(s.Evaluated < s.Planned, "unfinished",
		"%d of %d cells are evaluated; run the same command again to evaluate the "+
			"others", s.Evaluated, s.Planned)
	if e := s.PlaneErrorRelative; s.isMisleading() {
		last := ""
		if plane, truth := s.LastPlaneLoss, s.LastTrueLoss; plane.Valid && truth.Valid {
			last = fmt.Sprintf("; at the last one the plane has %.4g and the iterate has %.4g",
				plane.Value, truth.Value)
		}
		w.Add(true, "plane_disagrees",
			"contours under the path do not show its loss: the loss on the plane differs from the "+
				"true loss by %.3g %% (%.3g) in the median of %d compared iterates%s",
			100*e.Value, s.PlaneError.Value, s.Compared,
			last)
	}
	if e := s.ResidualRatio; e.Valid && e.Value > residualLimit {
		far := fmt.Sprintf("%.3g %% of", 100*e.Value)
		if e.Value >= 1.5 {
			far = fmt.Sprintf("%.3g times", e.Value)
		}
		w.Add(true, "path_off_plane",
			"half of the iterates are farther than %.3g from the plane, which is %s the diameter of "+
				"the path on the plane", s.Residual.Median.Value, far)
	}
	w.Add(s.Loss.Nonfinite > 0, "nonfinite_losses",
		"%d of %d evaluated cells have a NaN or infinite loss; they are kept",
		s.Loss.Nonfinite, s.Evaluated)
	if n := s.Compared - s.PlaneMinusTrue.Count; n > 0 {
		w.Add(true, "nonfinite_path_losses",
			"%d of %d compared iterates have a NaN or infinite loss, at the iterate or at its "+
				"projection", n, s.Compared)
	}
	w.Add(s.PathNonfinite > 0, "nonfinite_iterates",
		"%d of %d iterates of the path are not finite and have no projection",
		s.PathNonfinite, s.PathRows)
	w.Add(s.PathOutside > 0, "path_outside", "%d of %d iterates of the path are outside the grid",
		s.PathOutside, s.PathRows)
	w.Add(path != nil && len(path.Header().State) > 0, "normalization_state",
		"the model has running statistics, which are "+
			"not parameters and not part of the plane: the policy of the loss decides their values at the points of the plane")
	for _, d := range s.Also {
		w.Add(d.Name == LambdaMaxName && d.Differences != "", "finite_differences", "the eigenvalues come from finite "+
			"differences of gradients: %s. Their residuals include half and twice the step. A loss with kinks (ReLU, max "+
			"pooling) has other eigenvalues over a step than at the point", d.Differences)
		w.Add(d.Name == LambdaResidualName && d.Values.Median.Valid && d.Values.Median.Value > eigenLimit,
			"eigenvalues_uncertain", "the extreme eigenvalues have residuals of %.3g %% of the larger eigenvalue in "+
				"the median; "+
				"more products may reduce them", 100*d.Values.Median.Value)
		w.Add(d.Values.Nonfinite > 0, "nonfinite_measures",
			"%d of %d evaluated cells have a NaN or infinite %s; they are kept",
			d.Values.Nonfinite, s.Evaluated, d.Name)
	}
	flat := s.Evaluated > 1 && s.Loss.Count == s.Evaluated && s.Loss.Min == s.Loss.Max
	w.Add(flat, "flat", "all %d evaluated cells have the same loss", s.Evaluated)
	return w
}
