package optim

import (
	"context"
	"math"
	"slices"

	"sgdwalk/record"
	"sgdwalk/train"
)

// Lion moves every coordinate by the learning rate, in the direction of a sign (Chen
// et al. 2023, arXiv:2302.06675, algorithm 2, and the released code); m starts at zero:
//
//	c = b1 m + (1-b1) g
//	theta <- theta - eta (sign(c) + w theta)
//	m <- b2 m + (1-b2) g
//
// sign(0) is 0. Weight decay w is apart from the gradient, as in [AdamW].
type Lion struct {
	prepare      preparation
	beta1, beta2 float64
	mean         []float32 // m
	buffers
}

var (
	_ train.Optimizer    = (*Lion)(nil)
	_ train.Checkpointed = (*Lion)(nil)
)

func lionRule() rule {
	return rule{
		name: "lion", doc: "sign of an interpolated momentum (Chen et al. 2023), decoupled weight decay",
		hyper: slices.Concat([]Hyperparameter{
			learningRate(1e-4, "size of a step in every coordinate"),
			factor("beta1", 0.9, "share of the momentum in the direction of a step"),
			factor("beta2", 0.99, "decay of the momentum"),
		}, weightDecay(0, decoupledDoc), []Hyperparameter{clipNorm()}),
		build: func(v values, layout record.Layout, _ uint64) train.Optimizer {
			mean := make([]float32, layout.Len())
			return &Lion{
				newPreparation("lion", v, layout), v["beta1"], v["beta2"], mean,
				buffers{"lion", []train.Buffer{{Name: "mean", Float32: mean}}},
			}
		},
		edge:      lionEdge,
		sensitive: "the signs of small numbers decide the update",
	}
}

// lionEdge has no threshold. A step of Lion is as long near a minimum as far from it,
// so on a quadratic it ends in a cycle of the size of eta, for every eta lambda. Its
// own measure of sharpness, the largest d' H d of a d with elements up to 1, is hard to
// compute (Islamov et al. 2026, arXiv:2603.05002).
func lionEdge(record.Optimizer) Edge {
	return Edge{Absent: "the steps of optimizer lion have the same length for every gradient, so no learning rate makes " +
		"them grow or shrink; floor positions of walk and the critical sharpness say whether a step overshoots"}
}

// Step updates theta.
func (o *Lion) Step(_ context.Context, theta, grad []float32, learningRate float64, _ train.Probe) error {
	if err := o.prepare.check(theta, grad, learningRate); err != nil {
		return err
	}
	o.prepare.clipGradient(grad)
	o.prepare.shrink(theta, learningRate)
	eta := float32(learningRate)
	b1, b2 := float32(o.beta1), float32(o.beta2)
	c1, c2 := float32(1-o.beta1), float32(1-o.beta2)
	theta, mean := theta[:len(grad)], o.mean[:len(grad)]
	for i, g := range grad {
		switch c := float32(b1*mean[i]) + float32(c1*g); {
		case c != c: //nolint:gocritic // NaN
			theta[i] = c
		case c != 0:
			// The sign bit of c: a branch for each sign would be predicted half of the time.
			theta[i] -= math.Float32frombits(math.Float32bits(eta) | math.Float32bits(c)&(1<<31))
		}
		mean[i] = float32(b2*mean[i]) + float32(c2*g)
	}
	return nil
}
