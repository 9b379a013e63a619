package optim

import (
	"math"
	"slices"
	"testing"

	"sgdwalk/record"
	"sgdwalk/train"
)

// TestInferState: the buffer that one update gives is the one after the update, to the rounding
// of theta over the learning rate. For Nesterov momentum, a wrong gradient of that update does
// not matter when the buffer before it is known.
func TestInferState(t *testing.T) {
	for _, name := range []string{"momentum", "nesterov"} {
		for _, h := range []hyper{{}, {"weight_decay": 0.1}, {"clip_norm": 1}} {
			const rate = 0.1
			o, p := build(t, name, h, flat(4)), newNoisy(0)
			theta := narrow(gaussian(3, 4, 1))
			p.run(t, o, theta, 12)
			state := func() []train.Buffer { return o.(train.Checkpointed).State() }
			infer := o.(interface {
				InferState(theta, next, grad []float32, rate float64, isWrong bool) bool
			}).InferState
			before := cloneBuffers(state())
			grad := make([]float32, 4)
			p.fill(theta, grad)
			next := slices.Clone(theta)
			step(t, o, next, slices.Clone(grad), rate, nil)
			want := slices.Clone(state()[0].Float32)
			wrong := []float32{0.1, -0.2, 0.3, 0.05}

			check := func(what string) {
				t.Helper()
				for i, v := range state()[0].Float32 {
					// Theta is rounded twice, the buffer once, and Nesterov divides by its factor of 0.9.
					if limit := 3 * math.Exp2(-24) * (2*math.Abs(float64(theta[i]))/rate + math.Abs(float64(want[i]))); math.Abs(
						float64(v-want[i])) > limit {
						t.Errorf("%s %v, %s: buffer %d is %v; want %v to %.2g", name, h, what, i, v, want[i], limit)
					}
				}
			}
			// Without the buffer before the step.
			if err := o.(train.Checkpointed).SetState([]train.Buffer{{Name: "momentum", Float32: make([]float32, 4)}}); err != nil {
				t.Fatal(err)
			}
			if !infer(theta, next, slices.Clone(grad), rate, false) {
				t.Fatal("the state is not inferred")
			}
			check("unknown state")
			// With it, and a wrong gradient.
			if err := o.(train.Checkpointed).SetState(before); err != nil {
				t.Fatal(err)
			}
			step(t, o, slices.Clone(theta), slices.Clone(wrong), rate, nil)
			if !infer(theta, next, slices.Clone(wrong), rate, true) {
				t.Fatal("the state is not inferred")
			}
			check("wrong gradient")
			if infer(theta, next, grad, 0, false) {
				t.Error("a state is inferred at learning rate 0")
			}
		}
	}
}

// TestEvaluationsAndSeparability: what a step evaluates, and whether tensors are independent of
// each other. An optimizer of one tensor then gives what an optimizer of all tensors gives.
func TestEvaluationsAndSeparability(t *testing.T) {
	layout := record.Pack(
		record.Tensor{Name: "a", Kind: record.Weight, Shape: []int{2}}, record.Tensor{Name: "b", Kind: record.Bias, Shape: []int{2}})
	for _, name := range Names() {
		o, r, err := New(name, nil, layout, 7)
		if err != nil {
			t.Fatal(err)
		}
		p := newNoisy(0)
		evaluations := 1
		loss, next, gradient := p.loss, p.next, p.gradient
		p.loss = func(theta []float32) (float64, error) { evaluations++; return loss(theta) }
		p.next = func(theta, grad []float32) (float64, error) { evaluations++; return next(theta, grad) }
		p.gradient = func(theta, grad []float32) (float64, error) { evaluations++; return gradient(theta, grad) }
		inner := 0
		p.inner = func(_, _ []float32, _ record.Optional) error { inner++; return nil }
		theta := []float32{1, -2, 3, 0.5}
		part, grad := slices.Clone(theta[2:]), []float32{0.5, 1, -3, 2}
		step(t, o, theta, slices.Clone(grad), 0.1, p)
		if got := EvaluationsPerStep(r); got != evaluations {
			t.Errorf("%s: %d evaluations in a step; it made %d", name, got, evaluations)
		}
		if got := InnerRows(r); got != inner {
			t.Errorf("%s: %d inner iterates in a step; it recorded %d", name, got, inner)
		}
		if _, averages := o.(train.Averaging); Averages(r) != averages {
			t.Errorf("%s: averages is %v", name, Averages(r))
		}
		if !IsSeparable(r) {
			continue
		}
		step(t, build(t, name, nil, record.Pack(layout[1])), part, grad[2:], 0.1, unrecorded(nil))
		if !slices.Equal(part, theta[2:]) {
			t.Errorf("%s is separable, and alone the second tensor becomes %v instead of %v", name, part, theta[2:])
		}
	}
	for name, want := range map[string]bool{
		"sgd": true, "adam": true, "lion": true, "schedule-free-adamw": true,
		"pal": false, "entropy-sgd": false, "muon": false, "sam-sgd": false, "unknown": false,
	} {
		if got := IsSeparable(record.Optimizer{Name: name}); got != want {
			t.Errorf("%s: separable is %v", name, got)
		}
	}
	if IsSeparable(record.Optimizer{Name: "sgd", Hyperparameters: map[string]float64{"clip_norm": 1}}) {
		t.Error("clipping needs the gradient of all tensors")
	}
}
