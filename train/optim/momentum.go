package optim

import (
	"context"
	"slices"

	"sgdwalk/record"
	"sgdwalk/train"
)

// Momentum is the heavy ball (Polyak 1964) in the form of PyTorch, without
// dampening; the buffer v starts at zero:
//
//	v <- m v + g
//	theta <- theta - eta v
//
// In the long run it moves as far as SGD with eta/(1-m). Therefore its default
// learning rate is a tenth of that of SGD.
type Momentum struct {
	prepare  preparation
	momentum float64
	buffer   []float32
	buffers
}

var (
	_ train.Optimizer    = (*Momentum)(nil)
	_ train.Checkpointed = (*Momentum)(nil)
)

func momentumRule() rule {
	return rule{
		name: "momentum", doc: "heavy-ball momentum (Polyak 1964)",
		hyper: momentumHyper(),
		build: func(v values, layout record.Layout, _ uint64) train.Optimizer {
			return newMomentum("momentum", v, layout)
		},
		edge: momentumEdge,
	}
}

// momentumEdge has the threshold 2 + 2 beta.
func momentumEdge(o record.Optimizer) Edge {
	return edgeFromFactor(o, "momentum", func(beta float64) float64 { return 2 + 2*beta })
}

func momentumHyper() []Hyperparameter {
	return slices.Concat([]Hyperparameter{
		learningRate(0.01, "factor of the momentum buffer"),
		factor("momentum", 0.9, "share of the buffer that is kept each step"),
	}, weightDecay(0, decayDoc), []Hyperparameter{clipNorm()})
}

func newMomentum(name string, v values, layout record.Layout) *Momentum {
	buffer := make([]float32, layout.Len())
	return &Momentum{
		newPreparation(name, v, layout), v["momentum"], buffer,
		buffers{name, []train.Buffer{{Name: "momentum", Float32: buffer}}},
	}
}

// Step updates theta.
func (o *Momentum) Step(_ context.Context, theta, grad []float32, learningRate float64, _ train.Probe) error {
	if err := o.prepare.apply(theta, grad, learningRate); err != nil {
		return err
	}
	accumulate(o.buffer, grad, o.momentum)
	descend(theta, o.buffer, learningRate)
	return nil
}

// InferState sets the buffer to the one after a step from theta to next, so that
// an update that was recorded can replace the earlier gradients. The buffer is
// right to the rounding of theta, divided by the learning rate. InferState returns
// false when the learning rate is 0, and then changes nothing. The other arguments
// are those of [Nesterov.InferState], and are not used.
func (o *Momentum) InferState(theta, next, _ []float32, learningRate float64, _ bool) bool {
	if learningRate == 0 {
		return false
	}
	for i, t := range theta {
		o.buffer[i] = float32((float64(t) - float64(next[i])) / learningRate)
	}
	return true
}

// accumulate sets buffer to factor*buffer + direction.
func accumulate(buffer, direction []float32, factor float64) {
	m := float32(factor)
	direction = direction[:len(buffer)]
	for i, b := range buffer {
		buffer[i] = float32(m*b) + direction[i]
	}
}
