package nn

import (
	"math"
	"math/rand/v2"
	"testing"

	"sgdwalk/train/nn/op"
)

// fixture is a model compiled for one element type, with random parameters and a
// random batch. The numbers are the same for both element types.
type fixture[T op.Float] struct {
	g       *graph[T]
	workers *op.Workers
	theta   []T
	state   []T
	inputs  []float32
	labels  []int32
}

// build compiles spec and draws the numbers. Biases are random too, so that no
// gradient is checked at a special point.
func build[T op.Float](t testing.TB, spec string, in Input, size, workers int, seed uint64) *fixture[T] {
	t.Helper()
	p, err := parse(spec, in)
	if err != nil {
		t.Fatal(err)
	}
	return buildPlan[T](t, p, size, workers, seed)
}

// buildPlan does the same as build for a plan.
func buildPlan[T op.Float](t testing.TB, p *plan, size, workers int, seed uint64) *fixture[T] {
	t.Helper()
	in := p.in
	theta32 := make([]float32, p.params.Len())
	p.initialize(theta32, seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range theta32 {
		theta32[i] += float32(0.1 * r.NormFloat64())
	}
	f := &fixture[T]{
		theta: make([]T, len(theta32)), inputs: make([]float32, size*in.Len()),
		labels: make([]int32, size),
	}
	for i, v := range theta32 {
		f.theta[i] = T(v)
	}
	for i := range f.inputs {
		f.inputs[i] = float32(r.NormFloat64())
	}
	for i := range f.labels {
		f.labels[i] = int32(r.IntN(in.Classes))
	}
	state32 := make([]float32, p.state.Len())
	p.initialState(state32)
	f.state = make([]T, len(state32))
	for i, v := range state32 {
		f.state[i] = T(v + float32(0.1*r.Float64()))
	}
	f.workers = op.NewWorkers(workers)
	t.Cleanup(f.workers.Close)
	var err error
	if f.g, err = compile(p, f.theta, f.state, size, f.workers, forGradient); err != nil {
		t.Fatal(err)
	}
	return f
}

// gradient runs the first rows and returns loss and gradient.
func (f *fixture[T]) gradient(t testing.TB, rows int) (float64, []T) {
	t.Helper()
	if err := f.g.run(f.inputs, f.labels[:rows]); err != nil {
		t.Fatal(err)
	}
	grad := make([]T, len(f.theta))
	f.g.gradients(func(offset int, g []T) { copy(grad[offset:], g) })
	return f.g.loss.Loss, grad
}

// relative is the distance of a and b over the norm of b.
func relative[A, B op.Float](a []A, b []B) float64 {
	d, n := 0.0, 0.0
	for i := range a {
		d += (float64(a[i]) - float64(b[i])) * (float64(a[i]) - float64(b[i]))
		n += float64(b[i]) * float64(b[i])
	}
	return math.Sqrt(d / n)
}

// sameBits reports whether both have the same bits.
func sameBits[T op.Float](a, b []T) bool {
	for i := range a {
		if math.Float64bits(float64(a[i])) != math.Float64bits(float64(b[i])) {
			return false
		}
	}
	return len(a) == len(b)
}
