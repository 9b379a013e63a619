package op

import (
	"math"
	"slices"
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

// TestDeferTo: a normalization that the next convolution computes, in both
// directions, gives the bits of separate passes. Its result is read by that
// convolution alone, or by a residual too. The convolution has few weights, or so
// many that their gradient is split by channels.
func TestDeferTo(t *testing.T) {
	for _, c := range []struct {
		channels int
		residual bool
	}{{5, false}, {5, true}, {176, false}, {176, true}} {
		gradient := func(deferred bool) []float64 {
			const size = 7
			m := NewImage(3, 4, c.channels, 1)
			b := &Batch{Size: size, Rows: 6, Labels: []int32{1, 2, 3, 4, 0, 1}, Workers: NewWorkers(2)}
			defer b.Workers.Close()
			x := scatter(m, size, normal(size*3*4*c.channels, 1))
			k := newCheck(t, b, m.Shape(size), x, func(g *G.ExprGraph, x *G.Node) (*G.Node, error) {
				n := c.channels
				block := func(name string, seed uint64, x *G.Node, conv ConvOptions, norm NormOptions) (*Conv[float64],
					*Norm[float64], *G.Node, error,
				) {
					conv.Pad, norm.ReLU = 1, true
					w := tensorNode(g, name+".w", normal(n*n*9, seed), n, n, 3, 3)
					o, z, err := NewConv[float64](b, m, m, x, w, nil, conv)
					if err != nil {
						return nil, nil, nil, err
					}
					gamma, beta := tensorNode(g, name+".gamma", normal(n, seed+1), n),
						tensorNode(g, name+".beta", normal(n, seed+2), n)
					l, y, err := NewNorm(o, z, gamma, beta, make([]float64, n), make([]float64, n), norm)
					return o, l, y, err
				}
				_, first, y, err := block("a", 10, x, ConvOptions{}, NormOptions{})
				if err != nil {
					return nil, err
				}
				opts, skip := NormOptions{}, (*Skip)(nil)
				if c.residual {
					skip = new(Skip)
					opts = NormOptions{Residual: y, ResidualImage: m, Skip: skip}
				}
				second, _, y, err := block("b", 20, y, ConvOptions{Skip: skip}, opts)
				if err != nil {
					return nil, err
				}
				if byChannel := convByChannel(second.v); byChannel != (n == 176) {
					t.Errorf("%d channels: split by channels is %v", n, byChannel)
				}
				if deferred {
					first.DeferTo(second, c.residual)
				}
				return Flatten[float64](b, m, y)
			})
			k.run(t)
			return slices.Clone(k.grad.Value().Data().([]float64)[:6*m.Len()])
		}
		if !slices.Equal(gradient(true), gradient(false)) {
			t.Errorf("%d channels, residual %v: the gradient with respect to the input differs", c.channels, c.residual)
		}
	}
}
