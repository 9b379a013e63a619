package nn

import (
	"context"
	"math"
	"testing"

	"sgdwalk/record"

	"github.com/google/go-cmp/cmp"
)

// TestByHand is a network small enough to compute on paper: two inputs, one
// hidden unit, two classes.
//
//	x = (1, 2), w1 = (1, 1), b1 = -1   h = relu(1+2-1) = 2
//	w2 = (0, ln 2)^T, b2 = (0, 0)      logits (0, 2 ln 2), softmax (1/5, 4/5)
//	label 0: loss ln 5, dlogits (-4/5, 4/5)
//	dw2 = dlogits h = (-8/5, 8/5), db2 = dlogits
//	dh = dlogits . w2 = 4/5 ln 2, dw1 = dh x, db1 = dh
func TestByHand(t *testing.T) {
	in := Input{Height: 1, Width: 2, Channels: 1, Classes: 2}
	m, err := New("mlp:1", in, Options{Batch: 3, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	want := record.Layout{
		{Name: "linear1.weight", Kind: record.Weight, Shape: []int{1, 2}, Offset: 0},
		{Name: "linear1.bias", Kind: record.Bias, Shape: []int{1}, Offset: 2},
		{Name: "linear2.weight", Kind: record.Weight, Shape: []int{2, 1}, Offset: 3},
		{Name: "linear2.bias", Kind: record.Bias, Shape: []int{2}, Offset: 5},
	}
	if d := cmp.Diff(want, m.Layout()); d != "" {
		t.Fatal(d)
	}
	ln2 := math.Ln2
	copy(m.Theta(), []float32{1, 1, -1, 0, float32(ln2), 0, 0})
	grad := make([]float32, 7)
	got, err := m.Gradient([]float32{1, 2}, []int32{0}, grad)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(got.Loss-math.Log(5)) > 1e-6 || got.Accuracy != 0 || got.Examples != 1 {
		t.Errorf("got %+v, want loss ln 5, no hit, 1 example", got)
	}
	dh := 0.8 * ln2
	for i, w := range []float64{dh, 2 * dh, dh, -1.6, 1.6, -0.8, 0.8} {
		if math.Abs(float64(grad[i])-w) > 1e-6 {
			t.Errorf("gradient %d is %v, want %v", i, grad[i], w)
		}
	}

	// A hidden unit at exactly 0 does not learn: x = (1, 0), w1 x + b1 = 0.
	if _, err := m.Gradient([]float32{1, 0}, []int32{0}, grad); err != nil {
		t.Fatal(err)
	}
	if grad[0] != 0 || grad[2] != 0 || grad[3] != 0 {
		t.Errorf("gradient at the kink is %v, want 0 before it", grad)
	}

	// The mean over {label 0, label 1}: losses ln 5 and ln 5/4.
	e, err := NewEvaluator("mlp:1", in, []float32{1, 2, 1, 2}, []int32{0, 1}, EvalOptions{})
	if err != nil {
		t.Fatal(err)
	}
	all, err := e.Evaluate(context.Background(), m.Theta())
	if err != nil {
		t.Fatal(err)
	}
	if w := (math.Log(5) + math.Log(1.25)) / 2; math.Abs(all.Loss-w) > 1e-6 || all.Accuracy != 0.5 ||
		all.Examples != 2 {
		t.Errorf("got %+v, want loss %v, accuracy 0.5", all, w)
	}
}
