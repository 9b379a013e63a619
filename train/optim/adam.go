package optim

import (
	"context"
	"math"
	"slices"

	"sgdwalk/record"
	"sgdwalk/train"
)

// Adam scales every coordinate by the size of its own gradients (Kingma and Ba
// 2015, algorithm 1); m, v and t start at zero:
//
//	t <- t + 1
//	m <- b1 m + (1-b1) g
//	v <- b2 v + (1-b2) g^2
//	theta <- theta - eta (m / (1-b1^t)) / (sqrt(v / (1-b2^t)) + eps)
//
// Weight decay is added to the gradient, as in PyTorch's Adam, so it is scaled
// too. [AdamW] keeps the two apart.
type Adam struct {
	prepare      preparation
	beta1, beta2 float64
	epsilon      float64
	mean, square []float32 // m and v
	steps        []uint64  // t, one element
	buffers
}

var (
	_ train.Optimizer    = (*Adam)(nil)
	_ train.Checkpointed = (*Adam)(nil)
)

func adamRule() rule {
	return rule{
		name: "adam", doc: "adaptive moments (Kingma and Ba 2015), weight decay in the gradient",
		hyper: adamHyper(0, decayDoc),
		build: func(v values, layout record.Layout, _ uint64) train.Optimizer {
			return newAdam("adam", v, layout)
		},
		edge: adamEdge,
	}
}

// adamEdge has the threshold (2 + 2 beta1) / (1 - beta1), which is 38 for 0.9. It
// is the edge of the recursion with fixed scales. That training ends there is
// quoted from Cohen et al. (2022, arXiv:2207.14484), not checked here.
func adamEdge(o record.Optimizer) Edge {
	e := edgeFromFactor(o, "beta1", func(beta float64) float64 { return (2 + 2*beta) / (1 - beta) })
	e.Preconditioned = true
	return e
}

func adamHyper(decay float64, doc string) []Hyperparameter {
	return slices.Concat([]Hyperparameter{
		learningRate(0.001, "approximate size of a step in every coordinate"),
		factor("beta1", 0.9, "decay of the mean of the gradient"),
		factor("beta2", 0.999, "decay of the mean of its square"),
		positive("epsilon", 1e-8, "added to the root of the mean square"),
	}, weightDecay(decay, doc), []Hyperparameter{clipNorm()})
}

func newAdam(name string, v values, layout record.Layout) *Adam {
	n := layout.Len()
	o := &Adam{
		prepare: newPreparation(name, v, layout),
		beta1:   v["beta1"], beta2: v["beta2"], epsilon: v["epsilon"],
		mean: make([]float32, n), square: make([]float32, n), steps: make([]uint64, 1),
	}
	o.buffers = buffers{name, []train.Buffer{
		{Name: "mean", Float32: o.mean}, {Name: "square", Float32: o.square}, {Name: "steps", Uint64: o.steps},
	}}
	return o
}

// Step updates theta.
func (o *Adam) Step(_ context.Context, theta, grad []float32, learningRate float64, _ train.Probe) error {
	if err := o.prepare.apply(theta, grad, learningRate); err != nil {
		return err
	}
	o.move(theta, grad, learningRate)
	return nil
}

// move applies the rule without weight decay.
func (o *Adam) move(theta, grad []float32, rate float64) {
	o.steps[0]++
	t := float64(o.steps[0])
	// The bias corrections go into the two scalars instead of the vectors:
	// sqrt(v/c) = sqrt(v)/sqrt(c).
	size := float32(rate / (1 - math.Pow(o.beta1, t)))
	root := float32(1 / math.Sqrt(1-math.Pow(o.beta2, t)))
	epsilon := float32(o.epsilon)
	b1, b2 := float32(o.beta1), float32(o.beta2)
	c1, c2 := float32(1-o.beta1), float32(1-o.beta2)
	grad, mean, square := grad[:len(theta)], o.mean[:len(theta)], o.square[:len(theta)]
	for i, g := range grad {
		m := float32(b1*mean[i]) + float32(c1*g)
		v := float32(b2*square[i]) + float32(c2*float32(g*g))
		mean[i], square[i] = m, v
		theta[i] -= float32(size*m) / (float32(root*float32(math.Sqrt(float64(v)))) + epsilon)
	}
}

// Preconditioner sets dst, which has the length of theta, to the divisor of every
// coordinate in the last step: theta changed by -eta m / D with
//
//	D = (1-b1^t) (sqrt(v / (1-b2^t)) + eps)
//
// and the running mean m. dst is 0 for a coordinate that has had no gradient yet.
// Before the first step Preconditioner returns false.
func (o *Adam) Preconditioner(dst []float32) bool {
	t := float64(o.steps[0])
	if t == 0 {
		return false
	}
	bias, root := 1-math.Pow(o.beta1, t), 1/math.Sqrt(1-math.Pow(o.beta2, t))
	for i, v := range o.square[:len(dst)] {
		dst[i] = 0
		if v > 0 {
			dst[i] = float32(bias * (root*math.Sqrt(float64(v)) + o.epsilon))
		}
	}
	return true
}
