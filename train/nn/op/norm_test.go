package op

import (
	"math"
	"testing"

	G "gorgonia.org/gorgonia"
)

// TestNormFarFromZero normalizes values whose mean is 3000 standard deviations
// away from 0. Sums of squares in float32 would lose all digits of the variance.
func TestNormFarFromZero(t *testing.T) {
	const size, far = 6, 3000
	in, out := NewInput(4, 5, 1, 0), NewImage(4, 5, 1, 1)
	v := normal(size*20, 3)
	x := make([]float32, len(v))
	mean, variance := 0.0, 0.0
	for i := range v {
		x[i] = float32(v[i] + far)
		mean += float64(x[i]) / float64(len(v))
	}
	for _, a := range x {
		variance += (float64(a) - mean) * (float64(a) - mean) / float64(len(v))
	}
	b := &Batch{Size: size, Rows: size, Workers: NewWorkers(2)}
	t.Cleanup(b.Workers.Close)
	g := G.NewGraph()
	w := tensorNode(g, "w", []float32{1}, 1, 1, 1, 1)
	conv, z, err := NewConv[float32](b, in, out, tensorNode(g, "x", x, in.Shape(size)...), w, nil,
		ConvOptions{Input: true})
	if err != nil {
		t.Fatal(err)
	}
	gamma, beta := tensorNode(g, "gamma", []float32{2}, 1), tensorNode(g, "beta", []float32{-1}, 1)
	n, y, err := NewNorm(conv, z, gamma, beta, make([]float32, 1), make([]float32, 1), NormOptions{})
	if err != nil {
		t.Fatal(err)
	}
	vm := G.NewTapeMachine(g)
	defer vm.Close()
	if err := b.Workers.Run(vm.RunAll); err != nil {
		t.Fatal(err)
	}
	// The sums of one image are of 20 float32 terms near the pivot.
	if math.Abs(n.Mean[0]-mean) > 1e-5 || math.Abs(n.Variance[0]/variance-1) > 1e-5 || n.Count != len(v) {
		t.Errorf("mean %v, variance %v of %d; want %v, %v of %d",
			n.Mean[0], n.Variance[0], n.Count, mean, variance, len(v))
	}
	got := y.Value().Data().([]float32)
	for i, at := range interior(out, size) {
		want := 2*(float64(x[i])-mean)/math.Sqrt(variance+Epsilon) - 1
		// The mean itself is rounded to float32, by up to 1.2e-4 at 3000.
		if math.Abs(float64(got[at])-want) > 3e-4 {
			t.Errorf("value %d is %v, want %v", i, got[at], want)
		}
	}
}

// TestNormNeedsSkip: without a Skip the gradient of the residual would be lost.
func TestNormNeedsSkip(t *testing.T) {
	b := &Batch{Size: 1, Workers: NewWorkers(1)}
	m := NewImage(2, 2, 1, 1)
	g := G.NewGraph()
	x := tensorNode(g, "x", make([]float64, m.Len()), m.Shape(1)...)
	w := tensorNode(g, "w", []float64{1}, 1, 1, 1, 1)
	conv, z, err := NewConv[float64](b, m, m, x, w, nil, ConvOptions{})
	if err != nil {
		t.Fatal(err)
	}
	one := tensorNode(g, "p", []float64{1}, 1)
	if _, _, err := NewNorm(conv, z, one, one, []float64{0}, []float64{1},
		NormOptions{Residual: x, ResidualImage: m}); err == nil {
		t.Error("no error")
	}
}
