package optim

import (
	"context"
	"math"
	"slices"

	"sgdwalk/record"
	"sgdwalk/train"
)

// ScheduleFreeAdamW is [ScheduleFree] with the scales of Adam (Defazio et al. 2024,
// algorithm 1, and the released code from version 1.3 on); v and t start at zero:
//
//	t <- t + 1
//	v <- b2 v + (1-b2) g^2
//	z <- z - eta (g / (sqrt(v / (1-b2^t)) + eps) + w y)
//
// and x and y as there, with beta1 as beta. Weight decay w is apart from the gradient
// and belongs to y. Earlier released versions multiply eta by sqrt(1-b2^t) instead of
// correcting v, which differs in eps and in the weights of the average.
type ScheduleFreeAdamW struct {
	ScheduleFree
	beta2, epsilon float64
	square, next   []float32 // v, and v after the step
}

var (
	_ train.Averaging    = (*ScheduleFreeAdamW)(nil)
	_ train.Checkpointed = (*ScheduleFreeAdamW)(nil)
)

func scheduleFreeAdamWRule() rule {
	const name = "schedule-free-adamw"
	return rule{
		name: name, doc: "schedule-free with the scales of Adam and decoupled weight decay (Defazio et al. 2024)",
		hyper: slices.Concat([]Hyperparameter{
			learningRate(0.0025, "approximate size of a step of z in every coordinate"),
			factor("beta1", 0.9, "share of the average in the point of the gradient"),
			factor("beta2", 0.999, "decay of the mean of the squared gradient"),
			positive("epsilon", 1e-8, "added to the root of the mean square"),
		}, averagingHyper(), weightDecay(0, "added to the scaled gradient, times theta"), []Hyperparameter{clipNorm()}),
		build: func(v values, layout record.Layout, _ uint64) train.Optimizer {
			n := layout.Len()
			o := &ScheduleFreeAdamW{
				*newScheduleFree(name, v, v["beta1"], layout), v["beta2"], v["epsilon"],
				make([]float32, n), make([]float32, n),
			}
			o.all = append(o.all, train.Buffer{Name: "square", Float32: o.square})
			return o
		},
		edge: func(o record.Optimizer) Edge {
			e := scheduleFreeEdge(o, "beta1")
			e.Preconditioned, e.DecoupledDecay = true, true
			return e
		},
		innerRows: 2, averages: true, sensitive: scheduleFreeSensitive,
	}
}

// Step updates theta. If it returns an error, theta and the state have not changed.
func (o *ScheduleFreeAdamW) Step(
	_ context.Context, theta, grad []float32, learningRate float64, probe train.Probe,
) error {
	if err := o.prepare.check(theta, grad, learningRate); err != nil {
		return err
	}
	o.prepare.clipGradient(grad)
	root, epsilon := float32(o.root(o.steps[0]+1)), float32(o.epsilon)
	b2, c2 := float32(o.beta2), float32(1-o.beta2)
	square, next := o.square[:len(grad)], o.next[:len(grad)]
	for i, g := range grad {
		v := float32(b2*square[i]) + float32(c2*float32(g*g))
		next[i] = v
		grad[i] = g / (float32(root*float32(math.Sqrt(float64(v)))) + epsilon)
	}
	o.prepare.addDecay(theta, grad)
	if err := o.move(theta, grad, learningRate, probe); err != nil {
		return err
	}
	copy(square, next)
	return nil
}

// root returns 1/sqrt(1-b2^t).
func (o *ScheduleFreeAdamW) root(t uint64) float64 {
	return 1 / math.Sqrt(1-math.Pow(o.beta2, float64(t)))
}

// Preconditioner sets dst, which has the length of theta, to the divisor of every
// coordinate of the gradient in the last step. dst is 0 for a coordinate that has had no
// gradient yet. Before the first step Preconditioner returns false.
func (o *ScheduleFreeAdamW) Preconditioner(dst []float32) bool {
	t := o.steps[0]
	if t == 0 {
		return false
	}
	for i, v := range o.square[:len(dst)] {
		dst[i] = 0
		if v > 0 {
			dst[i] = float32(o.root(t)*math.Sqrt(float64(v)) + o.epsilon)
		}
	}
	return true
}
