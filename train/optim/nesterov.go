package optim

import (
	"context"

	"sgdwalk/record"
	"sgdwalk/train"
)

// Nesterov is momentum that looks ahead (Nesterov 1983) in the form of Sutskever
// et al. (2013) as PyTorch has it, where theta is the point ahead; the buffer v
// starts at zero:
//
//	v <- m v + g
//	theta <- theta - eta (g + m v)
type Nesterov struct{ Momentum }

var (
	_ train.Optimizer    = (*Nesterov)(nil)
	_ train.Checkpointed = (*Nesterov)(nil)
)

func nesterovRule() rule {
	return rule{
		name: "nesterov", doc: "Nesterov momentum (Sutskever et al. 2013)",
		hyper: momentumHyper(),
		build: func(v values, layout record.Layout, _ uint64) train.Optimizer {
			return &Nesterov{*newMomentum("nesterov", v, layout)}
		},
		edge: nesterovEdge,
	}
}

// nesterovEdge is (2 + 2 beta) / (1 + 2 beta).
func nesterovEdge(o record.Optimizer) Edge {
	return withFactor(o, "momentum", func(beta float64) float64 { return (2 + 2*beta) / (1 + 2*beta) })
}

// Step moves theta.
func (o *Nesterov) Step(_ context.Context, theta, grad []float32, learningRate float64, _ train.Probe) error {
	if err := o.prepare.coupled(theta, grad, learningRate); err != nil {
		return err
	}
	lookAhead(o.buffer, grad, o.momentum)
	descend(theta, grad, learningRate)
	return nil
}

// lookAhead updates the buffer and turns the gradient into the direction of the
// step, in place.
func lookAhead(buffer, grad []float32, factor float64) {
	m := float32(factor)
	grad = grad[:len(buffer)]
	for i, g := range grad {
		b := float32(m*buffer[i]) + g
		buffer[i] = b
		grad[i] = g + float32(m*b)
	}
}
