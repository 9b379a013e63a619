package landscape

import (
	"math"
	"slices"

	"sgdwalk/analyze"
	"sgdwalk/analyze/pca"
	"sgdwalk/record"
)

// Summary has the numbers of a landscape. Coordinates are multiples of the directions of the
// plane. Distances and residuals are in the space of theta. A value that cannot be computed
// is null.
type Summary struct {
	Parameters int           `json:"parameters"` // P
	X          analyze.Range `json:"x"`          // of the grid, along U
	Y          analyze.Range `json:"y"`          // of the grid, along V
	NormU      float64       `json:"norm_u"`     // length of U
	NormV      float64       `json:"norm_v"`     // length of V
	Cosine     float64       `json:"cosine"`     // of the angle between U and V

	Shared    bool                 `json:"shared"`    // whether points shared work, see analyze.Batched
	Base      [2]int               `json:"base"`      // points along U and V before refinement
	Cells     int                  `json:"cells"`     // nx*ny
	Planned   int                  `json:"planned"`   // cells to evaluate; less than Cells in a refined grid
	Evaluated int                  `json:"evaluated"` // cells that are valid
	Loss      analyze.Distribution `json:"loss"`      // over the cells
	MinA      record.Optional      `json:"min_a"`     // coordinates of the cell with the lowest finite loss
	MinB      record.Optional      `json:"min_b"`
	Also      []MeasureSummary     `json:"also,omitempty"` // further measures
	// Ruggedness is nil for a grid of fewer than three cells a side, and for results of older
	// versions.
	Ruggedness *Ruggedness `json:"ruggedness,omitempty"`

	PathRows      int                  `json:"path_rows"`
	PathNonfinite int                  `json:"path_nonfinite"` // iterates without a projection
	PathOutside   int                  `json:"path_outside"`   // iterates whose projection is beyond the grid
	Residual      analyze.Distribution `json:"residual"`       // distances of the iterates from the plane
	// ResidualRatio is the median residual divided by the diameter of the path on the plane:
	// the diagonal of its bounding box along U and across U.
	ResidualRatio record.Optional `json:"residual_ratio"`

	Compared      int             `json:"compared"`        // iterates with both losses
	PathLossRange record.Optional `json:"path_loss_range"` // largest minus smallest true loss of the compared iterates
	// PlaneMinusTrue describes the loss at the projection minus the loss at the iterate, over
	// the compared iterates.
	PlaneMinusTrue analyze.Distribution `json:"plane_minus_true"`
	// PlaneError is the median of |plane_loss - true_loss|. PlaneErrorRatio is PlaneError
	// divided by PathLossRange. PlaneErrorRelative is the median of
	// |plane_loss - true_loss| / |true_loss|. PlaneErrorRatio can be small and
	// PlaneErrorRelative large, because the large losses at the start decide the range.
	PlaneError         record.Optional `json:"plane_error"`
	PlaneErrorRatio    record.Optional `json:"plane_error_ratio"`
	PlaneErrorRelative record.Optional `json:"plane_error_relative"`
	LastPlaneLoss      record.Optional `json:"last_plane_loss"` // of the last iterate, if it was compared
	LastTrueLoss       record.Optional `json:"last_true_loss"`

	// Contours are Result.Contours.
	Contours []float64 `json:"contours,omitempty"`

	// Plane, Labels and Directions are set by the caller, because Compute gets only the vectors
	// of the plane.
	Plane      *PlaneRecipe `json:"plane,omitempty"`
	Labels     []string     `json:"labels,omitempty"`     // of the axes, two; nil in results of older versions
	Directions *pca.Summary `json:"directions,omitempty"` // of a plane of principal directions
	// Between has the lines between the points of a plane through points that are aligned; see
	// BetweenPoints.
	Between []BetweenSummary `json:"between,omitempty"`
}

// MeasureSummary describes a further measure.
type MeasureSummary struct {
	Name        string               `json:"name"`
	Values      analyze.Distribution `json:"values"`                // over the cells
	Differences string               `json:"differences,omitempty"` // Measure.Differences
}

// summarize computes the numbers that do not depend on how the work was done.
func summarize(p *analyze.Plane, g *Grid, l *planePath) Summary {
	nx, ny := g.Dims()
	s := Summary{
		Parameters: p.Len(), Cosine: p.Cosine(),
		X:     analyze.Range{Min: g.A[0], Max: g.A[nx-1], N: nx},
		Y:     analyze.Range{Min: g.B[0], Max: g.B[ny-1], N: ny},
		Cells: nx * ny,
		Loss:  analyze.Describe(&record.Column{Floats: g.Loss, Valid: g.Valid}),
	}
	s.NormU, s.NormV = p.Norms()
	s.Evaluated = s.Cells - s.Loss.Absent
	if s.Loss.Min.Valid {
		for c, v := range g.Loss {
			if g.Valid[c] && v == s.Loss.Min.Value {
				s.MinA, s.MinB = record.Some(g.A[c%nx]), record.Some(g.B[c/nx])
				break
			}
		}
	}
	for k, name := range g.Names {
		s.Also = append(s.Also, MeasureSummary{
			Name:   name,
			Values: analyze.Describe(&record.Column{Floats: g.Also[k], Valid: g.Valid}),
		})
	}
	s.describePath(l)
	s.compare(l)
	return s
}

// markDifferences copies Measure.Differences to each value of the measure.
func markDifferences(also []MeasureSummary, measures []Measure) {
	for _, m := range measures {
		for i := range also {
			if slices.Contains(m.Names, also[i].Name) {
				also[i].Differences = m.Differences
			}
		}
	}
}

// describePath fills in where the path is in relation to the plane and the grid.
func (s *Summary) describePath(l *planePath) {
	s.PathRows = len(l.rows)
	if s.PathRows == 0 {
		return
	}
	residuals := make([]float64, len(l.rows))
	for i, r := range l.rows {
		residuals[i] = r.Residual
		switch {
		case !r.isFinite():
			s.PathNonfinite++
		case r.A < s.X.Min || r.A > s.X.Max || r.B < s.Y.Min || r.B > s.Y.Max:
			s.PathOutside++
		}
	}
	s.Residual = analyze.Describe(&record.Column{Floats: residuals})
	diameter := s.diameter(l)
	if s.Residual.Median.Valid && diameter > 0 && diameter-diameter == 0 {
		s.ResidualRatio = record.Some(s.Residual.Median.Value / diameter)
	}
}

// diameter returns the diagonal of the bounding box of the path on the plane, in the space of
// theta. The sides of the box are along U and across U, because a box in oblique coordinates
// can be many times longer than its content.
func (s *Summary) diameter(l *planePath) float64 {
	across := s.NormV * math.Sqrt(1-s.Cosine*s.Cosine)
	x, y := make([]float64, len(l.rows)), make([]float64, len(l.rows))
	for i, r := range l.rows {
		x[i], y[i] = r.A*s.NormU+r.B*s.NormV*s.Cosine, r.B*across
	}
	xMin, xMax := extent(x)
	yMin, yMax := extent(y)
	return math.Hypot(xMax-xMin, yMax-yMin)
}

// compare fills in how the loss on the plane differs from the loss at the compared iterates.
func (s *Summary) compare(l *planePath) {
	var difference, size, relative []float64
	low, high := math.Inf(1), math.Inf(-1)
	for _, i := range l.compared {
		plane, truth := l.rows[i].PlaneLoss, l.rows[i].TrueLoss
		if !plane.Valid || !truth.Valid {
			continue
		}
		s.Compared++
		d := plane.Value - truth.Value
		difference, size = append(difference, d), append(size, math.Abs(d))
		if truth.Value != 0 {
			relative = append(relative, math.Abs(d/truth.Value))
		}
		if truth.Value-truth.Value == 0 {
			low, high = min(low, truth.Value), max(high, truth.Value)
		}
	}
	if s.Compared == 0 {
		return
	}
	s.PlaneMinusTrue = analyze.Describe(&record.Column{Floats: difference})
	s.PlaneError = analyze.Describe(&record.Column{Floats: size}).Median
	s.PlaneErrorRelative = analyze.Describe(&record.Column{Floats: relative}).Median
	if high >= low {
		s.PathLossRange = record.Some(high - low)
	}
	if s.PlaneError.Valid && high > low {
		s.PlaneErrorRatio = record.Some(s.PlaneError.Value / (high - low))
	}
	last := &l.rows[len(l.rows)-1]
	s.LastPlaneLoss, s.LastTrueLoss = last.PlaneLoss, last.TrueLoss
}
