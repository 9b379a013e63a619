package optim

import (
	"context"

	"sgdwalk/record"
	"sgdwalk/train"
)

// AdamW is [Adam] with weight decay apart from the gradient (Loshchilov and
// Hutter 2019, algorithm 2, as in PyTorch): before the step,
//
//	theta <- theta - eta w theta
//
// with the weight decay w.
type AdamW struct{ Adam }

var (
	_ train.Optimizer    = (*AdamW)(nil)
	_ train.Checkpointed = (*AdamW)(nil)
)

func adamWRule() rule {
	return rule{
		name: "adamw", doc: "adaptive moments with decoupled weight decay (Loshchilov and Hutter 2019)",
		hyper: adamHyper(0.01, decoupledDoc),
		build: func(v values, layout record.Layout, _ uint64) train.Optimizer {
			return &AdamW{*newAdam("adamw", v, layout)}
		},
		edge: adamWEdge,
	}
}

// adamWEdge is the edge of Adam. Weight decay is not part of the loss.
func adamWEdge(o record.Optimizer) Edge {
	e := adamEdge(o)
	e.DecoupledDecay = true
	return e
}

// Step updates theta.
func (o *AdamW) Step(_ context.Context, theta, grad []float32, learningRate float64, _ train.Probe) error {
	if err := o.prepare.check(theta, grad, learningRate); err != nil {
		return err
	}
	o.prepare.clipGradient(grad)
	o.prepare.shrink(theta, learningRate)
	o.move(theta, grad, learningRate)
	return nil
}
