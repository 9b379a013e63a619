package optim

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"sgdwalk/record"
	"sgdwalk/train"
)

// tolerance is the largest allowed difference to the reference computations. They
// are in float64 and in another form than the code: closed solutions on
// quadratics, explicit sums over all past gradients, or the other one of two
// equivalent recursions. Every step of the code rounds theta and its buffers to
// float32, relative 6e-8 each. Over at most 60 steps of contracting dynamics with
// values of order 1 that stays below the tolerance.
const tolerance = 1e-5

// fakeProbe is a train.Probe made of functions.
type fakeProbe struct {
	batchLoss float64
	loss      func(theta []float32) (float64, error)
	gradient  func(theta, grad []float32) (float64, error)
	next      func(theta, grad []float32) (float64, error)
	inner     func(theta, grad []float32, loss record.Optional) error
}

var _ train.Probe = (*fakeProbe)(nil)

func (p *fakeProbe) BatchLoss() float64                    { return p.batchLoss }
func (p *fakeProbe) Loss(theta []float32) (float64, error) { return p.loss(theta) }
func (p *fakeProbe) Next(theta, grad []float32) (float64, error) {
	return p.next(theta, grad)
}

func (p *fakeProbe) Gradient(theta, grad []float32) (float64, error) {
	return p.gradient(theta, grad)
}

func (p *fakeProbe) Inner(theta, grad []float32, loss record.Optional) error {
	return p.inner(theta, grad, loss)
}

// unrecorded is a probe that records nothing. Every mini-batch has the given gradient at
// every theta.
func unrecorded(gradient []float32) *fakeProbe {
	return &fakeProbe{
		gradient: func(_, grad []float32) (float64, error) { copy(grad, gradient); return 0, nil },
		inner:    func(_, _ []float32, _ record.Optional) error { return nil },
	}
}

type hyper = map[string]float64

func build(t testing.TB, name string, given hyper, layout record.Layout) train.Optimizer {
	t.Helper()
	o, _, err := New(name, given, layout, 7)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func step(t testing.TB, o train.Optimizer, theta, grad []float32, rate float64, p train.Probe) {
	t.Helper()
	if err := o.Step(context.Background(), theta, grad, rate, p); err != nil {
		t.Fatal(err)
	}
}

// near compares theta with the reference.
func near(t *testing.T, at int, theta []float32, want []float64) {
	t.Helper()
	for i, w := range want {
		if d := math.Abs(float64(theta[i]) - w); !(d <= tolerance*max(1, math.Abs(w))) {
			t.Fatalf("step %d: theta[%d] is %v, want %v (off by %.2g)", at, i, theta[i], w, d)
		}
	}
}

func narrow(v []float64) []float32 {
	n := make([]float32, len(v))
	for i := range v {
		n[i] = float32(v[i])
	}
	return n
}

func gaussian(seed uint64, n int, scale float64) []float64 {
	r := rand.New(rand.NewPCG(seed, 0))
	v := make([]float64, n)
	for i := range v {
		v[i] = float64(float32(scale * r.NormFloat64())) // exact in both precisions
	}
	return v
}

// quadratic is 1/2 sum h_i (theta_i - c_i)^2.
type quadratic struct{ h, c []float64 }

func (q quadratic) gradient(theta []float32) []float32 {
	g := make([]float32, len(theta))
	for i, v := range theta {
		g[i] = float32(q.h[i] * (float64(v) - q.c[i]))
	}
	return g
}

func (q quadratic) loss(theta []float32) float64 {
	sum := 0.0
	for i, v := range theta {
		sum += q.h[i] * (float64(v) - q.c[i]) * (float64(v) - q.c[i]) / 2
	}
	return sum
}

// bowl has curvatures from 0.1 to 15, so with eta = 0.1 eta h is 0.01 to 1.5.
var bowl = quadratic{h: []float64{0.1, 1, 5, 15}, c: []float64{1, -2, 0.5, 3}}

// explicit returns sum_i weight^(t-1-i) scale x_i over the t values of x: a
// decaying mean, or a momentum buffer.
func explicit(x []float64, weight, scale float64) float64 {
	sum := 0.0
	for i, v := range x {
		sum += math.Pow(weight, float64(len(x)-1-i)) * scale * v
	}
	return sum
}
