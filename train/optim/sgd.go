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
		hyper: sgdHyper(),
		build: func(v values, layout record.Layout, _ uint64) train.Optimizer {
			return &SGD{newPreparation("sgd", v, layout)}
		},
		edge: descentEdge,
	}
}

func sgdHyper() []Hyperparameter {
	rate := learningRate(0.1, "factor of the gradient")
	return slices.Concat([]Hyperparameter{rate}, weightDecay(0, decayDoc), []Hyperparameter{clipNorm()})
}

// descentEdge has the threshold 2: theta - eta lambda theta grows if eta lambda
// is larger.
func descentEdge(o record.Optimizer) Edge {
	if beta := o.Hyperparameters["momentum"]; beta != 0 {
		const reason = "optimizer %s has momentum %v, and no threshold is known for that rule"
		return Edge{Absent: fmt.Sprintf(reason, o.Name, beta)}
	}
	return Edge{Threshold: 2}
}

// Step updates theta.
func (o *SGD) Step(_ context.Context, theta, grad []float32, learningRate float64, _ train.Probe) error {
	if err := o.prepare.apply(theta, grad, learningRate); err != nil {
		return err
	}
	descend(theta, grad, learningRate)
	return nil
}

// descend subtracts rate*direction from theta.
func descend(theta, direction []float32, rate float64) {
	eta := float32(rate)
	direction = direction[:len(theta)]
	for i := range theta {
		theta[i] -= float32(eta * direction[i])
	}
}
