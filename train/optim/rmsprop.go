package optim

import (
	"context"
	"fmt"
	"math"
	"slices"

	"sgdwalk/record"
	"sgdwalk/train"
)

// RMSProp divides every coordinate by the root of the mean square of its
// gradients (Tieleman and Hinton 2012, lecture 6.5; centered: Graves 2013,
// equations 38 to 45), in the form of PyTorch. All buffers start at zero:
//
//	s <- a s + (1-a) g^2
//	c <- a c + (1-a) g                      only if centered
//	d  = g / (sqrt(s - c^2) + eps)          c is zero if not centered
//	b <- m b + d
//	theta <- theta - eta b
type RMSProp struct {
	prepare  preparation
	alpha    float64
	epsilon  float64
	momentum float64
	square   []float32 // s
	mean     []float32 // c; nil if not centered
	buffer   []float32 // b; nil without momentum
	buffers
}

var (
	_ train.Optimizer    = (*RMSProp)(nil)
	_ train.Checkpointed = (*RMSProp)(nil)
)

func rmspropRule() rule {
	return rule{
		name: "rmsprop", doc: "gradient over its root mean square (Tieleman and Hinton 2012)",
		hyper: slices.Concat([]Hyperparameter{
			learningRate(0.01, "approximate size of a step in every coordinate"),
			factor("alpha", 0.99, "decay of the mean of the squared gradient"),
			positive("epsilon", 1e-8, "added to the root of the mean square"),
			factor("momentum", 0, "share of the last direction that is kept"),
			toggle("centered", 0, "1 takes the variance instead of the mean square"),
		}, weightDecay(0, decayDoc), []Hyperparameter{clipNorm()}),
		build: func(v values, layout record.Layout, _ uint64) train.Optimizer {
			n := layout.Len()
			o := &RMSProp{
				prepare: newPreparation("rmsprop", v, layout),
				alpha:   v["alpha"], epsilon: v["epsilon"], momentum: v["momentum"],
				square: make([]float32, n),
			}
			o.buffers = buffers{"rmsprop", []train.Buffer{{Name: "square", Float32: o.square}}}
			if v["centered"] == 1 {
				o.mean = make([]float32, n)
				o.all = append(o.all, train.Buffer{Name: "mean", Float32: o.mean})
			}
			if o.momentum > 0 {
				o.buffer = make([]float32, n)
				o.all = append(o.all, train.Buffer{Name: "momentum", Float32: o.buffer})
			}
			return o
		},
		edge: rmspropEdge,
	}
}

// rmspropEdge has the threshold 2 + 2 momentum, the edge of the recursion with
// fixed scales. A record without momentum has momentum 0.
func rmspropEdge(o record.Optimizer) Edge {
	beta := o.Hyperparameters["momentum"]
	if !(beta >= 0 && beta < 1) {
		reason := fmt.Sprintf("optimizer %s has momentum %v, which is outside [0, 1)", o.Name, beta)
		return Edge{Absent: reason, Preconditioned: true}
	}
	return Edge{Threshold: 2 + 2*beta, Preconditioned: true}
}

// Step updates theta.
func (o *RMSProp) Step(_ context.Context, theta, grad []float32, learningRate float64, _ train.Probe) error {
	if err := o.prepare.apply(theta, grad, learningRate); err != nil {
		return err
	}
	a, c, epsilon := float32(o.alpha), float32(1-o.alpha), float32(o.epsilon)
	square := o.square[:len(grad)]
	for i, g := range grad {
		s := float32(a*square[i]) + float32(c*float32(g*g))
		square[i] = s
		if o.mean != nil {
			m := float32(a*o.mean[i]) + float32(c*g)
			o.mean[i] = m
			s = max(0, s-float32(m*m)) // rounding may make the variance negative
		}
		grad[i] = g / (float32(math.Sqrt(float64(s))) + epsilon)
	}
	if o.buffer != nil {
		accumulate(o.buffer, grad, o.momentum)
		grad = o.buffer
	}
	descend(theta, grad, learningRate)
	return nil
}

// Preconditioner sets dst, which has the length of theta, to the divisor of every
// coordinate of the gradient in the last step. dst is 0 for a coordinate that has
// had no gradient yet. Before the first step Preconditioner returns false.
func (o *RMSProp) Preconditioner(dst []float32) bool {
	moved := false
	for i, s := range o.square[:len(dst)] {
		dst[i] = 0
		if s == 0 {
			continue
		}
		if o.mean != nil {
			s = max(0, s-float32(o.mean[i]*o.mean[i]))
		}
		dst[i], moved = float32(math.Sqrt(float64(s)))+float32(o.epsilon), true
	}
	return moved
}
