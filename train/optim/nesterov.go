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

// InferState sets the buffer to the one after a step from theta to next, as that of
// [Momentum] does. grad is the raw gradient of the step, and is overwritten. With
// isWrong, the step had another gradient than grad, and the buffer is the one after
// the same step with grad. InferState also returns false when the momentum is 0.
func (o *Nesterov) InferState(theta, next, grad []float32, learningRate float64, isWrong bool) bool {
	if learningRate == 0 || o.momentum == 0 || o.prepare.apply(theta, grad, learningRate) != nil {
		return false
	}
	m := o.momentum
	for i, g := range grad {
		// The direction is g + m v. The buffer before the step, times m, is v - g.
		direction, before := (float64(theta[i])-float64(next[i]))/learningRate, float64(o.buffer[i])-float64(g)
		v := (direction - float64(g)) / m
		if isWrong {
			v = before + (direction-m*before)/(1+m)
		}
		o.buffer[i] = float32(v)
	}
	return true
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
