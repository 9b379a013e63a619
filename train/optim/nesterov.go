package optim

import (
	"context"

	"sgdwalk/record"
	"sgdwalk/train"
)

// Nesterov is Nesterov momentum (Nesterov 1983) in the form of Sutskever et al.
// (2013) and PyTorch, where theta is the point at which the gradient is taken;
// the buffer v starts at zero:
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

// nesterovEdge has the threshold (2 + 2 beta) / (1 + 2 beta).
func nesterovEdge(o record.Optimizer) Edge {
	return edgeFromFactor(o, "momentum", func(beta float64) float64 { return (2 + 2*beta) / (1 + 2*beta) })
}

// Step updates theta.
func (o *Nesterov) Step(_ context.Context, theta, grad []float32, learningRate float64, _ train.Probe) error {
	if err := o.prepare.apply(theta, grad, learningRate); err != nil {
		return err
	}
	nesterovDirection(o.buffer, grad, o.momentum)
	descend(theta, grad, learningRate)
	return nil
}

// nesterovDirection updates the buffer and replaces the gradient by the direction
// of the step.
func nesterovDirection(buffer, grad []float32, factor float64) {
	m := float32(factor)
	grad = grad[:len(buffer)]
	for i, g := range grad {
		b := float32(m*buffer[i]) + g
		buffer[i] = b
		grad[i] = g + float32(m*b)
	}
}
