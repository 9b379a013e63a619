package optim

import (
	"math"
	"slices"
	"strings"
	"testing"

	"sgdwalk/record"
	"sgdwalk/train"
)

// noisy replaces training: its gradients depend on theta and on how many
// gradients were drawn.
type noisy struct {
	drawn int
	fakeProbe
}

func newNoisy(drawn int) *noisy {
	p := &noisy{drawn: drawn}
	p.loss = func(theta []float32) (float64, error) { return bowl.loss(theta), nil }
	p.next = func(theta, grad []float32) (float64, error) { p.fill(theta, grad); return bowl.loss(theta), nil }
	p.inner = func(_, _ []float32, _ record.Optional) error { return nil }
	p.gradient = func(theta, grad []float32) (float64, error) {
		p.fillOf(p.drawn-1, theta, grad)
		return bowl.loss(theta), nil
	}
	return p
}

func (p *noisy) fill(theta, grad []float32) {
	p.fillOf(p.drawn, theta, grad)
	p.drawn++
}

// fillOf fills the gradient of a mini-batch.
func (p *noisy) fillOf(batch int, theta, grad []float32) {
	for i, v := range theta {
		grad[i] = float32(bowl.h[i]*(float64(v)-bowl.c[i]) + math.Sin(float64(3*batch+i)))
	}
}

// run does the given number of steps.
func (p *noisy) run(t testing.TB, o train.Optimizer, theta []float32, steps int) {
	grad := make([]float32, len(theta))
	for range steps {
		p.fill(theta, grad)
		p.batchLoss = bowl.loss(theta)
		step(t, o, theta, grad, 0.01, p)
	}
}

// twoLayers is a layout with two matrices of two elements.
func twoLayers() record.Layout {
	return record.Pack(
		record.Tensor{Name: "first", Kind: record.Weight, Shape: []int{2, 1}},
		record.Tensor{Name: "last", Kind: record.Weight, Shape: []int{1, 2}},
	)
}

// variants returns all optimizers, with all buffers that they can have.
func variants() map[string]hyper {
	v := map[string]hyper{
		"rmsprop": {"momentum": 0.5, "centered": 1}, "lion": {"beta1": 0.999, "beta2": 0.7}, "sam-sgd": {"momentum": 0.5},
	}
	for _, name := range Names() {
		if v[name] == nil {
			v[name] = hyper{}
		}
	}
	return v
}

func cloneBuffers(s []train.Buffer) []train.Buffer {
	s = slices.Clone(s)
	for i := range s {
		s[i].Float32, s[i].Float64, s[i].Uint64 = slices.Clone(s[i].Float32), slices.Clone(s[i].Float64),
			slices.Clone(s[i].Uint64)
	}
	return s
}

// TestStateContinues stops an optimizer after several numbers of steps and
// continues with a second optimizer that has only the state. Both must give the
// same bits.
func TestStateContinues(t *testing.T) {
	for name, given := range variants() {
		for stop := range 6 {
			first := newNoisy(0)
			a, theta := build(t, name, given, twoLayers()), []float32{1, 2, 3, 4}
			first.run(t, a, theta, stop)
			b, other := build(t, name, given, twoLayers()), slices.Clone(theta)
			if s, ok := a.(train.Checkpointed); ok {
				buffers := cloneBuffers(s.State())
				slices.Reverse(buffers) // any order
				if err := b.(train.Checkpointed).SetState(buffers); err != nil {
					t.Fatal(err)
				}
			}
			c, without := build(t, name, given, twoLayers()), slices.Clone(theta)
			continued, fresh := newNoisy(first.drawn), newNoisy(first.drawn)
			first.run(t, a, theta, 5)
			continued.run(t, b, other, 5)
			fresh.run(t, c, without, 5)
			if !slices.Equal(theta, other) {
				t.Errorf("%s, stopped after %d: %v, without a stop %v", name, stop, other, theta)
			}
			// The first gradient of a coordinate of Lion is 0 here, so its momentum is too.
			remembers := stop > 1 || stop > 0 && name != "lion"
			if _, ok := a.(train.Checkpointed); ok && remembers && slices.Equal(theta, without) {
				t.Errorf("%s: an optimizer without the state continues in the same way", name)
			}
		}
	}
}

func TestOnlySGDAndGDHaveNoState(t *testing.T) {
	for name := range variants() {
		_, stateful := build(t, name, nil, flat(4)).(train.Checkpointed)
		if stateful != (name != "sgd" && name != "gd") {
			t.Errorf("%s: stateful is %v", name, stateful)
		}
	}
}

func TestSetStateErrors(t *testing.T) {
	good := build(t, "adam", nil, flat(4)).(train.Checkpointed).State()
	for want, buffers := range map[string][]train.Buffer{
		`the state has 0 buffers named "mean"; it must have 1`: nil,
		`the state has 0 buffers named "steps"`:                good[:2],
		`the state has 2 buffers named "square"`:               append(cloneBuffers(good), good[1]),
		`the state has a buffer "momentum", which this`: append(cloneBuffers(good),
			train.Buffer{Name: "momentum"}),
		`buffer "mean" has 3 float32, 0 float64 and 0 uint64 elements; it must have 4, 0 and 0`: {
			{Name: "mean", Float32: make([]float32, 3)}, good[1], good[2],
		},
		`buffer "steps" has 1 float32, 0 float64 and 0 uint64 elements; it must have 0, 0 and 1`: {
			good[0], good[1], {Name: "steps", Float32: make([]float32, 1)},
		},
	} {
		o := build(t, "adam", nil, flat(4))
		newNoisy(0).run(t, o, make([]float32, 4), 3)
		before := cloneBuffers(o.(train.Checkpointed).State())
		err := o.(train.Checkpointed).SetState(buffers)
		if err == nil || !strings.HasPrefix(err.Error(), "optim: adam: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		after := o.(train.Checkpointed).State()
		for i := range before {
			if !slices.Equal(before[i].Float32, after[i].Float32) || !slices.Equal(before[i].Uint64, after[i].Uint64) {
				t.Errorf("%q: a refused state changes buffer %s", want, before[i].Name)
			}
		}
	}
}

func TestStepAllocatesNothing(t *testing.T) {
	for name, given := range variants() {
		o, p := build(t, name, given, twoLayers()), newNoisy(0)
		theta, grad := make([]float32, 4), make([]float32, 4)
		n := testing.AllocsPerRun(50, func() {
			p.fill(theta, grad)
			step(t, o, theta, grad, 0.01, p)
		})
		if n != 0 {
			t.Errorf("%s: %v allocations a step", name, n)
		}
	}
}
