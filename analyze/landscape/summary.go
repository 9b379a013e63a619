package landscape

import (
	"math"
	"slices"

	"sgdwalk/analyze"
	"sgdwalk/analyze/pca"
	"sgdwalk/record"
)

// Summary is the result in numbers. Coordinates are multiples of the plane's
// directions; distances and residuals are in the space of theta. A value that
// cannot be had is null.
type Summary struct {
	Parameters int           `json:"parameters"` // P
	X          analyze.Range `json:"x"`          // of the grid, along U
	Y          analyze.Range `json:"y"`          // of the grid, along V
	NormU      float64       `json:"norm_u"`     // length of U
	NormV      float64       `json:"norm_v"`     // length of V
	Cosine     float64       `json:"cosine"`     // of the angle between U and V

	Shared    bool                 `json:"shared"`    // whether points shared work, see analyze.Planar
	Base      [2]int               `json:"base"`      // points along U and V before refinement
	Cells     int                  `json:"cells"`     // nx*ny
	Planned   int                  `json:"planned"`   // cells to be evaluated; fewer than all in a refined grid
	Evaluated int                  `json:"evaluated"` // cells that are valid
	Loss      analyze.Distribution `json:"loss"`      // over the cells
	MinA      record.Optional      `json:"min_a"`     // where the lowest finite cell is
	MinB      record.Optional      `json:"min_b"`
	Also      []Described          `json:"also,omitempty"` // what was measured beside the loss

	PathRows      int                  `json:"path_rows"`
	PathNonfinite int                  `json:"path_nonfinite"` // iterates without a projection
	PathOutside   int                  `json:"path_outside"`   // iterates whose projection is beyond the grid
	Residual      analyze.Distribution `json:"residual"`       // distances of the iterates from the plane
	// ResidualRatio is the median residual over the diameter of the path on the
	// plane, the diagonal of its bounding box along and across U.
	ResidualRatio record.Optional `json:"residual_ratio"`

	Compared      int             `json:"compared"`        // iterates with both losses
	PathLossRange record.Optional `json:"path_loss_range"` // largest less smallest true loss of the compared iterates
	// PlaneMinusTrue is over the compared iterates: loss at the projection less
	// loss at the iterate.
	PlaneMinusTrue analyze.Distribution `json:"plane_minus_true"`
	// PlaneError is the median of |plane_loss - true_loss|, PlaneErrorRatio that
	// over PathLossRange, and PlaneErrorRelative the median of
	// |plane_loss - true_loss| / |true_loss|. Late in training the first ratio can
	// be small and the second one large: the path's range is that of its start.
	PlaneError         record.Optional `json:"plane_error"`
	PlaneErrorRatio    record.Optional `json:"plane_error_ratio"`
	PlaneErrorRelative record.Optional `json:"plane_error_relative"`
	LastPlaneLoss      record.Optional `json:"last_plane_loss"` // of the last iterate, if it was compared
	LastTrueLoss       record.Optional `json:"last_true_loss"`

	// Compute knows no more of the plane than its vectors: the caller fills these in.
	Plane      *PlaneRecipe `json:"plane,omitempty"`
	Directions *pca.Summary `json:"directions,omitempty"` // of a plane of principal directions
}

// Described is a further measure in numbers.
type Described struct {
	Name        string               `json:"name"`
	Values      analyze.Distribution `json:"values"`                // over the cells
	Differences string               `json:"differences,omitempty"` // as in Measure
}

func summarize(p *analyze.Plane, g *Grid, l *projected) Summary {
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
		s.Also = append(s.Also, Described{Name: name, Values: analyze.Describe(&record.Column{Floats: g.Also[k], Valid: g.Valid})})
	}
	s.describePath(l)
	s.compare(l)
	return s
}

// markDifferences copies Measure.Differences to each value of the measure.
func markDifferences(also []Described, measures []Measure) {
	for _, m := range measures {
		for i := range also {
			if slices.Contains(m.Names, also[i].Name) {
				also[i].Differences = m.Differences
			}
		}
	}
}

func (s *Summary) describePath(l *projected) {
	s.PathRows = len(l.rows)
	if s.PathRows == 0 {
		return
	}
	s.Residual = analyze.Describe(&record.Column{Floats: l.residual})
	for i := range l.rows {
		switch a, b := l.a[i], l.b[i]; {
		case a-a != 0 || b-b != 0:
			s.PathNonfinite++
		case a < s.X.Min || a > s.X.Max || b < s.Y.Min || b > s.Y.Max:
			s.PathOutside++
		}
	}
	diameter := s.diameter(l)
	if s.Residual.Median.Valid && diameter > 0 && diameter-diameter == 0 {
		s.ResidualRatio = record.Some(s.Residual.Median.Value / diameter)
	}
}

// diameter returns the diagonal of the bounding box of the path on the plane, in
// the space of theta. The sides of the box are along U and across it: in oblique
// coordinates a box can be many times as long as what is in it.
func (s *Summary) diameter(l *projected) float64 {
	across := s.NormV * math.Sqrt(1-s.Cosine*s.Cosine)
	x, y := make([]float64, len(l.a)), make([]float64, len(l.a))
	for i := range x {
		x[i], y[i] = l.a[i]*s.NormU+l.b[i]*s.NormV*s.Cosine, l.b[i]*across
	}
	xMin, xMax := extent(x)
	yMin, yMax := extent(y)
	return math.Hypot(xMax-xMin, yMax-yMin)
}

// compare fills in what the two losses of the compared iterates say.
func (s *Summary) compare(l *projected) {
	var difference, size, relative []float64
	low, high := math.Inf(1), math.Inf(-1)
	for _, i := range l.compared {
		plane, truth := l.planeLoss[i], l.trueLoss[i]
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
	last := len(l.rows) - 1
	s.LastPlaneLoss, s.LastTrueLoss = l.planeLoss[last], l.trueLoss[last]
}
