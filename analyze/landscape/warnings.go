package landscape

import (
	"fmt"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

const (
	// planeErrorLimit is the relative error of the loss on the plane from which on
	// a reader is told not to read losses of the path off the contours.
	planeErrorLimit = 0.1
	// residualLimit is the distance from the plane, in diameters of the path on
	// it, from which on the path is not in the picture.
	residualLimit = 0.25
	// eigenLimit is the residual of an eigenvalue, in units of the largest, from
	// which on a map of them is not to be trusted in its details.
	eigenLimit = 0.1
)

func warnings(s *Summary, path record.Trajectory) []analyze.Warning {
	var w []analyze.Warning
	add := func(when bool, code, format string, args ...any) {
		if when {
			w = append(w, analyze.Warning{Code: code, Text: fmt.Sprintf(format, args...)})
		}
	}
	add(s.Evaluated < s.Planned, "unfinished", "%d of %d cells are evaluated; running again goes on from there", s.Evaluated, s.Planned)
	if e := s.PlaneErrorRelative; s.disagrees() {
		text := fmt.Sprintf("contours under the path are not its loss: at %d compared iterates the loss on the plane differs from the true one by %.3g %% in the median (%.3g)", s.Compared, 100*e.Value, s.PlaneError.Value)
		if plane, truth := s.LastPlaneLoss, s.LastTrueLoss; plane.Valid && truth.Valid {
			text += fmt.Sprintf(", at the last one the plane has %.4g and the iterate %.4g", plane.Value, truth.Value)
		}
		w = append(w, analyze.Warning{Code: "plane_disagrees", Text: text})
	}
	if e := s.ResidualRatio; e.Valid && e.Value > residualLimit {
		far := fmt.Sprintf("%.3g %% of", 100*e.Value)
		if e.Value >= 1.5 {
			far = fmt.Sprintf("%.3g times", e.Value)
		}
		add(true, "path_off_plane", "half of the iterates lie more than %.3g off the plane, %s the diameter of the path on it", s.Residual.Median.Value, far)
	}
	add(s.Loss.Nonfinite > 0, "nonfinite_losses", "%d of %d evaluated cells have a NaN or infinite loss; they are kept", s.Loss.Nonfinite, s.Evaluated)
	if n := s.Compared - s.PlaneMinusTrue.Count; n > 0 {
		add(true, "nonfinite_path_losses", "%d of %d compared iterates have a NaN or infinite loss, there or at their projection", n, s.Compared)
	}
	add(s.PathNonfinite > 0, "nonfinite_iterates", "%d of the path's %d iterates are not finite and have no projection", s.PathNonfinite, s.PathRows)
	add(s.PathOutside > 0, "path_outside", "%d of the path's %d iterates lie outside the grid", s.PathOutside, s.PathRows)
	add(path != nil && len(path.Header().State) > 0, "normalization_state", "the model has running statistics; they are no parameters and no part of the plane: the policy of the loss decides what they are at its points")
	for _, d := range s.Also {
		add(d.Name == LambdaMaxName && d.Differences != "", "finite_differences", "the eigenvalues are from finite differences of gradients: %s. Their residuals cover half and twice the step; a loss with kinks (ReLU, max pooling) has other eigenvalues over a step than at the point", d.Differences)
		add(d.Name == LambdaResidualName && d.Values.Median.Valid && d.Values.Median.Value > eigenLimit, "eigenvalues_uncertain", "the extreme eigenvalues have residuals of %.3g %% of the larger one in the median; more products may help", 100*d.Values.Median.Value)
		add(d.Values.Nonfinite > 0, "nonfinite_measures", "%d of %d evaluated cells have a NaN or infinite %s; they are kept", d.Values.Nonfinite, s.Evaluated, d.Name)
	}
	flat := s.Evaluated > 1 && s.Loss.Count == s.Evaluated && s.Loss.Min == s.Loss.Max
	add(flat, "flat", "all %d evaluated cells have the same loss", s.Evaluated)
	return w
}
