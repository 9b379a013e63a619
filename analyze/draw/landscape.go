package draw

import (
	"fmt"
	"math"
	"strings"

	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/landscape"
	"sgdwalk/analyze/pca"
)

// Landscape draws the loss on a plane with the path of a run, where the result has
// one. The labels name the two directions; see [Directions].
func Landscape(title, xlabel, ylabel string, r *landscape.Result) *figure.Landscape {
	f := &figure.Landscape{Title: title, XLabel: xlabel, YLabel: ylabel, X: r.Grid.A, Y: r.Grid.B}
	nx, ny := r.Grid.Dims()
	for j := range ny {
		f.Z = append(f.Z, r.Grid.Loss[r.Grid.Cell(0, j):r.Grid.Cell(0, j)+nx])
		f.Valid = append(f.Valid, r.Grid.Valid[r.Grid.Cell(0, j):r.Grid.Cell(0, j)+nx])
	}
	a, b, residual := Values(&r.Path, "a"), Values(&r.Path, "b"), Values(&r.Path, "residual")
	loss := Values(&r.Path, "true_loss")
	if a == nil {
		return f
	}
	steps, epochs := r.Path.Column("step").Ints, r.Path.Column("epoch").Ints
	for i := range a {
		p := figure.PathPoint{A: a[i], B: b[i], Residual: residual[i], Loss: math.NaN(), Step: int(steps[i]), Epoch: int(epochs[i])}
		if loss != nil {
			p.Loss = loss[i]
		}
		f.Path = append(f.Path, p)
	}
	return f
}

// Directions labels the first two principal directions with their shares of the
// variance, beside those of a random walk.
func Directions(s *pca.Summary) (x, y string) {
	label := func(i int) string {
		null := s.RandomWalk.ExplainedVarianceRatio
		if i >= len(null) {
			return fmt.Sprintf("PC%d: %s of variance", i+1, percent(s.ExplainedVarianceRatio[i]))
		}
		return fmt.Sprintf("PC%d: %s of variance (random walk %s)", i+1, percent(s.ExplainedVarianceRatio[i]), percent(null[i]))
	}
	return label(0), label(1)
}

// percent writes a share for a reader.
func percent(share float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", 100*share), ".0") + " %"
}
