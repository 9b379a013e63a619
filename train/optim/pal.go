package optim

import (
	"context"
	"fmt"
	"math"

	"sgdwalk/record"
	"sgdwalk/train"
)

// PAL is the parabolic approximation line search (Mutschler and Zell 2020,
// algorithm 1, and the released PyTorch code). It computes the loss of the step's
// own mini-batch at one more point along its direction, fits a parabola, and
// moves to its minimum. With the loss l of the mini-batch and its gradient g,
// both at theta, and a buffer v that starts at zero:
//
//	v <- beta v + g,   n = |v|              n = 1e-10 if that is 0
//	b = -<g, v>/n                           slope along -v/n
//	a = (l(theta - mu v/n) - l - b mu) / mu^2
//	s = -alpha b/(2a)   if a > 0, b < 0     the minimum of the parabola
//	s = mu              if a <= 0, b < 0    concave: the point of the measurement
//	s = 0               if b >= 0
//	theta <- theta - min(s, max_step) v/n
//
// If a or b is not finite, s = mu, because the released code then stays at the
// point of the measurement. The learning rate scales the two lengths mu and
// max_step, so that a schedule acts on both; with its default of 1 the rule is
// the published one.
//
// The defaults are those of the constructor in the released PyTorch code. The
// authors recommend mu from 0.1 to 1, alpha 1, 1.2 or 1.7 and beta 0 or 0.4.
type PAL struct {
	prepare   preparation
	mu        float64
	alpha     float64
	beta      float64
	maxStep   float64
	direction []float32 // v
	point     []float32 // point of the measurement
	last      lineSearch
	buffers
}

// lineSearch has the measurements of one step of PAL.
type lineSearch struct {
	Loss         float64 // of the mini-batch at theta
	MeasuredLoss float64 // of the mini-batch at distance Measured
	Measured     float64 // mu, times the learning rate
	Slope        float64 // b
	Curvature    float64 // 2a, the second derivative
	Step         float64 // distance moved
	Norm         float64 // of the direction; SGD with the learning rate Step/Norm moves the same distance
}

var (
	_ train.Optimizer    = (*PAL)(nil)
	_ train.Checkpointed = (*PAL)(nil)
)

func palRule() rule {
	return rule{
		name: "pal", doc: "parabolic line search on the mini-batch loss (Mutschler and Zell 2020)",
		hyper: []Hyperparameter{
			learningRate(1, "scales mu and max_step"),
			positive("mu", 1, "distance at which the loss is measured"),
			positive("alpha", 1/0.6, "step, as a multiple of the distance to the minimum of the parabola"),
			factor("beta", 0.4, "share of the last direction that is kept"),
			positive("max_step", 3.16, "longest step"),
		},
		build: func(v values, layout record.Layout, _ uint64) train.Optimizer {
			n := layout.Len()
			o := &PAL{
				prepare: newPreparation("pal", v, layout),
				mu:      v["mu"], alpha: v["alpha"], beta: v["beta"], maxStep: v["max_step"],
				direction: make([]float32, n), point: make([]float32, n),
			}
			o.buffers = buffers{"pal", []train.Buffer{{Name: "direction", Float32: o.direction}}}
			return o
		},
		edge:               palEdge,
		furtherEvaluations: 1,
		coupled:            true,
	}
}

// palEdge has no threshold: the step depends on the loss along it.
func palEdge(_ record.Optimizer) Edge {
	return Edge{Absent: "optimizer pal chooses its step from the loss along it, " +
		"so it has no learning rate to compare with the curvature"}
}

// Step updates theta.
func (o *PAL) Step(_ context.Context, theta, grad []float32, learningRate float64, probe train.Probe) error {
	if err := o.prepare.check(theta, grad, learningRate); err != nil {
		return err
	}
	accumulate(o.direction, grad, o.beta)
	n := norm(o.direction)
	if n == 0 {
		n = 1e-10
	}
	mu := learningRate * o.mu
	l := lineSearch{Loss: probe.BatchLoss(), Measured: mu, Norm: n, Slope: -dot(grad, o.direction) / n}
	copy(o.point, theta)
	descend(o.point, o.direction, mu/n)
	var err error
	if l.MeasuredLoss, err = probe.Loss(o.point); err != nil {
		return fmt.Errorf("optim: pal: loss at distance %g: %w", mu, err)
	}
	a := (l.MeasuredLoss - l.Loss - l.Slope*mu) / (mu * mu)
	l.Curvature = 2 * a
	l.Step = parabolaStep(a, l.Slope, mu, o.alpha, learningRate*o.maxStep)
	if l.Step != 0 {
		descend(theta, o.direction, l.Step/n)
	}
	o.last = l
	return nil
}

// parabolaStep returns the step on l + b s + a s^2.
func parabolaStep(a, b, mu, alpha, longest float64) float64 {
	switch {
	case math.IsNaN(a) || math.IsInf(a, 0) || math.IsNaN(b) || math.IsInf(b, 0):
		return mu
	case a > 0 && b < 0:
		return min(-alpha*b/(2*a), longest)
	case b < 0:
		return min(mu, longest)
	}
	return 0
}
