package optim

import (
	"context"
	"math"
	"slices"
	"testing"

	"sgdwalk/record"
	"sgdwalk/train"
)

// signSGD is the example of ADDING.md: theta <- theta - eta sign(g).
type signSGD struct{ prepare preparation }

func (o *signSGD) Step(_ context.Context, theta, grad []float32, rate float64, _ train.Probe) error {
	if err := o.prepare.apply(theta, grad, rate); err != nil {
		return err
	}
	for i, g := range grad {
		switch {
		case g > 0:
			theta[i] -= float32(rate)
		case g < 0:
			theta[i] += float32(rate)
		}
	}
	return nil
}

func signSGDRule() rule {
	return rule{
		name: "sign-sgd", doc: "sign of the gradient (Bernstein et al. 2018)",
		hyper: slices.Concat([]Hyperparameter{learningRate(0.01, "size of a step in every coordinate")},
			weightDecay(0, decayDoc)),
		build: func(v values, layout record.Layout, _ uint64) train.Optimizer {
			return &signSGD{newPreparation("sign-sgd", v, layout)}
		},
		edge: func(record.Optimizer) Edge {
			return Edge{Absent: "the steps of optimizer sign-sgd do not shrink near a minimum: it has no edge"}
		},
	}
}

// TestAddingAnOptimizer follows ADDING.md: one file and one line in rules are
// enough for an optimizer that is described, built, run and asked for its edge by
// name.
func TestAddingAnOptimizer(t *testing.T) {
	old := rules
	t.Cleanup(func() { rules = old })
	rules = append(slices.Clip(rules), signSGDRule())

	if d, err := Describe("sign-sgd"); err != nil || d.Hyperparameters[0].Default != 0.01 {
		t.Fatalf("description %+v, %v", d, err)
	}
	o, header, err := New("sign-sgd", nil, flat(2), 1)
	if err != nil {
		t.Fatal(err)
	}
	// On |theta|^2/2 from (1, -0.25), 40 steps of 1/64 walk 0.625 towards 0, or
	// as far as 0.
	theta := []float32{1, -0.25}
	for range 40 {
		step(t, o, theta, slices.Clone(theta), 1.0/64, nil)
	}
	if want := []float32{0.375, 0}; !slices.Equal(theta, want) {
		t.Errorf("theta is %v; want %v", theta, want)
	}
	if e := EdgeOf(header); e.Absent == "" || e.Threshold != 0 {
		t.Errorf("edge %+v", e)
	}
	if BatchesPerStep(header) != 1 || MicroBatch(header) != 0 {
		t.Errorf("%d batches a step, micro-batches of %d", BatchesPerStep(header), MicroBatch(header))
	}
	if _, _, err := New("sign-sgd", map[string]float64{"learning_rate": math.NaN()}, flat(2), 1); err == nil {
		t.Error("a learning rate of NaN is accepted")
	}
}
