package draw_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"sgdwalk/analyze"
	"sgdwalk/analyze/curvature"
	"sgdwalk/analyze/draw"
	"sgdwalk/analyze/figure"
	"sgdwalk/record"
)

// bowl is 3 x^2/2 + y^2/2, with gradients alone or with products.
type bowl struct{}

func (bowl) Loss(_ context.Context, x []float32) (float64, error) {
	return float64(3*x[0]*x[0]+x[1]*x[1]) / 2, nil
}

func (b bowl) Gradient(ctx context.Context, x, grad []float32) (float64, error) {
	grad[0], grad[1] = 3*x[0], x[1]
	return b.Loss(ctx, x)
}

type exactBowl struct{ bowl }

func (exactBowl) HessianAbsent() string { return "" }

func (exactBowl) HessianVectors(_ context.Context, _ []float32, v, dst [][]float32) error {
	for i := range v {
		dst[i][0], dst[i][1] = 3*v[i][0], v[i][1]
	}
	return nil
}

// A figure of curvature says that products are finite differences, and only then.
func TestFiguresNameFiniteDifferences(t *testing.T) {
	for _, c := range []struct {
		loss analyze.Gradient
		want bool
	}{{bowl{}, true}, {exactBowl{}, false}} {
		r, err := curvature.Compute(t.Context(), []float32{1, 1}, c.loss, curvature.Options{})
		if err != nil {
			t.Fatal(err)
		}
		names := func(note string) bool {
			return strings.HasPrefix(note, "Products are finite differences of gradients over a step of ")
		}
		if got := slices.ContainsFunc(draw.Density("", r).Notes, names); got != c.want {
			t.Errorf("%T: the density's note on differences is there: %v", c.loss, got)
		}
	}
	steps := record.Column{Name: "step", Ints: []int64{0, 1}}
	table := record.Table{Columns: []record.Column{
		steps,
		{Name: "lambda_max", Floats: []float64{3, 3}},
		{Name: "product_step", Floats: []float64{0.01, 0.02}},
	}}
	for _, f := range draw.Curvatures("", &table) {
		if notes := f.Figure.(*figure.Curves).Notes; !slices.Contains(notes,
			"Products are finite differences of gradients over a step of 0.01 to 0.02.") {
			t.Errorf("%s: notes %q", f.Name, notes)
		}
	}
}

// The figure of an empirical Fisher matrix has a stem for every eigenvalue above 0 and
// no edge of stability, and says how many eigenvalues are 0.
func TestFisherFigureHasStemsAlone(t *testing.T) {
	h := record.NewHeader(record.Pack(record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{5}}))
	h.Columns.Grad = true
	m, err := record.NewMemory(h)
	if err != nil {
		t.Fatal(err)
	}
	for k, g := range [][]float32{{2, 0, 0, 0, 0}, {0, 4, 0, 0, 0}} { // eigenvalues 4/2 and 16/2
		if err := m.Append(&record.Step{Step: int64(k), Epoch: 1, Examples: 3, Theta: g, Grad: g}); err != nil {
			t.Fatal(err)
		}
	}
	r, err := curvature.EmpiricalFisher(t.Context(), m, curvature.FisherOptions{Gradients: 2})
	if err != nil {
		t.Fatal(err)
	}
	f := draw.Fisher("", r)
	if f.XLabel != "eigenvalue of the empirical Fisher matrix" || len(f.Series) != 1 || !f.Series[0].Stems ||
		!slices.Equal(f.Series[0].X, []float64{2, 8}) {
		t.Errorf("x is %q, series %+v; it must have one stem at 2 and one at 8", f.XLabel, f.Series)
	}
	want := []string{
		"2 mini-batch gradients of 3 examples, steps 0 to 1.",
		"The other 3 eigenvalues are 0. A stem stands for one eigenvalue; its height has no meaning.",
	}
	if !slices.Equal(f.Notes, want) {
		t.Errorf("notes %q", f.Notes)
	}
}
