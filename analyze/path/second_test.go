package path_test

import (
	"math"
	"strings"
	"testing"

	"sgdwalk/analyze/path"
	"sgdwalk/record"
)

// TestSecondGradients: distance, rise of the loss and cosine of two gradients in closed form.
// Inner iterates without a gradient are left out, and so is one whose step has no row.
func TestSecondGradients(t *testing.T) {
	h := record.NewHeader(record.Pack(record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{2}}))
	h.Columns.Grad, h.Columns.Substep = true, true
	m, err := record.NewMemory(h)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []record.Step{
		{Step: 0, BatchLoss: record.Some(1), Theta: []float32{0, 0}, Grad: []float32{2, 0}},
		{Step: 0, Substep: 1, BatchLoss: record.Some(1.5), Theta: []float32{3, 4}, Grad: []float32{1, 1}},
		{Step: 0, Substep: 2, BatchLoss: record.Some(7), Theta: []float32{1, 1}},
		{Step: 1, BatchLoss: record.Some(2), Theta: []float32{1, 1}, Grad: []float32{0, 3}},
		{Step: 1, Substep: 1, BatchLoss: record.Some(1.75), Theta: []float32{1, 2}, Grad: []float32{0, -1}},
		{Step: 2, Theta: []float32{1, 1}},
		{Step: 3, Substep: 1, BatchLoss: record.Some(1.75), Theta: []float32{1, 2}, Grad: []float32{0, -1}},
	} {
		if err := m.Append(&s); err != nil {
			t.Fatal(err)
		}
	}
	r, err := path.Compute(t.Context(), m, path.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]float64{
		"distance": {5, 1}, "loss_rise": {0.5, -0.25}, "grad_norm": {math.Sqrt2, 1}, "grad_cos": {math.Sqrt2 / 2, -1},
	} {
		c := r.SecondGradients.Column(name)
		if c.Len() != 2 {
			t.Fatalf("%s has %d rows; want 2", name, c.Len())
		}
		for i, w := range want {
			if math.Abs(c.Floats[i]-w) > 1e-12 {
				t.Errorf("%s %d is %v; want %v", name, i, c.Floats[i], w)
			}
		}
	}
	s := r.Summary.SecondGradients
	if s.Distance.Mean.Value != 3 || s.LossRise.Mean.Value != 0.125 || s.LossRisesRatio.Value != 0.5 || r.Summary.InnerRows != 4 {
		t.Errorf("%+v, %+v", s, r.Summary)
	}
	var text strings.Builder
	for _, f := range r.Summary.Findings() {
		text.WriteString(f.Text + "\n")
	}
	if want := "taken 3 from theta on average: the mini-batch loss is 0.125 higher there on average, and higher in 50 % of the steps"; !strings.Contains(text.String(), want) {
		t.Errorf("%q; want %q", text.String(), want)
	}
}
