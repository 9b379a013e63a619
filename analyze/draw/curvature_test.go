package draw_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"sgdwalk/analyze/curvature"
	"sgdwalk/analyze/draw"
	"sgdwalk/analyze/figure"
)

// diagonal is half of sum_i d_i x_i^2.
type diagonal []float64

func (d diagonal) Loss(_ context.Context, x []float32) (float64, error) {
	sum := 0.0
	for i, v := range x {
		sum += d[i] * float64(v) * float64(v) / 2
	}
	return sum, nil
}

func (d diagonal) Gradient(ctx context.Context, x, grad []float32) (float64, error) {
	for i, v := range x {
		grad[i] = float32(d[i]) * v
	}
	return d.Loss(ctx, x)
}

func (diagonal) HessianAbsent() string { return "" }

func (d diagonal) HessianVectors(_ context.Context, _ []float32, v, dst [][]float32) error {
	for k := range v {
		for i, x := range v[k] {
			dst[k][i] = float32(d[i]) * x
		}
	}
	return nil
}

// A density with a gap, which the figure does not draw, still has one stem for every
// eigenvalue that was found and a whole line at the edge of stability, which is named
// in a note where it is far to the right.
func TestDensityDrawsStemsAndEdge(t *testing.T) {
	d, theta := make(diagonal, 200), make([]float32, 200)
	for i := range d {
		d[i], theta[i] = float64(i)/1000, 1
	}
	d[198], d[199] = 5, 10
	for _, c := range []struct {
		rate float64
		edge bool
	}{{0.1, true}, {0.01, false}} {
		r, err := curvature.Compute(t.Context(), theta, d, curvature.Options{
			Top: 1, MaxProducts: 60, LearningRate: c.rate, Edge: curvature.Edge{Threshold: 2},
		})
		if err != nil {
			t.Fatal(err)
		}
		f := draw.Density("", r)
		series := func(name string) *figure.Series {
			i := slices.IndexFunc(f.Series, func(s figure.Series) bool { return strings.Contains(s.Name, name) })
			if i < 0 {
				return nil
			}
			return &f.Series[i]
		}
		bulk, stems := series("density"), series("single eigenvalue")
		if bulk == nil || !slices.ContainsFunc(bulk.Y, math.IsNaN) {
			t.Fatal("the density has no gap: the test shows nothing")
		}
		if stems == nil || !stems.Stems || len(stems.X) == 0 || math.Abs(stems.X[len(stems.X)-1]-10) > 1e-4 {
			t.Errorf("the stems are %+v; the last must be at 10", stems)
		}
		edge := series("edge of stability")
		noted := slices.ContainsFunc(f.Notes, func(s string) bool { return strings.Contains(s, "2/\u03b7 = 200") })
		switch {
		case c.edge && (edge == nil || edge.X[0] != 20 || !(edge.Y[1] > edge.Y[0])):
			t.Errorf("rate %g: the edge is %+v; it must be a line at 20", c.rate, edge)
		case !c.edge && (edge != nil || !noted):
			t.Errorf("rate %g: the edge is %+v, noted: %v; it must be in a note alone", c.rate, edge, noted)
		}
	}
}
