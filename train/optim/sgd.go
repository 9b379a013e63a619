package optim

import (
	"context"
	"fmt"
	"slices"

	"sgdwalk/record"
	"sgdwalk/train"
)

// SGD is plain stochastic gradient descent (Robbins and Monro 1951):
//
//	theta <- theta - eta g
//
// It has no state.
type SGD struct{ prepare preparation }

var _ train.Optimizer = (*SGD)(nil)

func sgdRule() rule {
	return rule{
		name: "sgd", doc: "plain stochastic gradient descent",
		hyper: slices.Concat([]Hyperparameter{learningRate(0.1, "factor of the gradient")}, weightDecay(0, coupled), []Hyperparameter{clipNorm()}),
		build: func(v values, layout record.Layout, _ uint64) train.Optimizer {
			return &SGD{newPreparation("sgd", v, layout)}
		},
		edge: descentEdge,
	}
}

// descentEdge is 2: theta - eta lambda theta grows when eta lambda is above it.
func descentEdge(o record.Optimizer) Edge {
	if beta := o.Hyperparameters["momentum"]; beta != 0 {
		return Edge{Absent: fmt.Sprintf("optimizer %s has momentum %v, and no threshold is known for that rule", o.Name, beta)}
	}
	return Edge{Threshold: 2}
}

// Step moves theta.
func (o *SGD) Step(_ context.Context, theta, grad []float32, learningRate float64, _ train.Probe) error {
	if err := o.prepare.coupled(theta, grad, learningRate); err != nil {
		return err
	}
	descend(theta, grad, learningRate)
	return nil
}

// descend subtracts rate times the direction.
func descend(theta, direction []float32, rate float64) {
	eta := float32(rate)
	direction = direction[:len(theta)]
	for i := range theta {
		theta[i] -= float32(eta * direction[i])
	}
}
