package optim

import (
	"context"
	"fmt"
	"math"

	"sgdwalk/record"
	"sgdwalk/train"
)

// PAL is the parabolic approximation line search (Mutschler and Zell 2020,
// algorithm 1, and the released PyTorch code): it measures the loss of the
// step's own mini-batch once more along its direction, lays a parabola through
// what it knows, and goes to its minimum. With l the loss of the mini-batch and
// g its gradient, both at theta, and a buffer v that starts at zero:
//
//	v <- beta v + g,   n = |v|              n = 1e-10 when that is 0
//	b = -<g, v>/n                           slope along -v/n
//	a = (l(theta - mu v/n) - l - b mu) / mu^2
//	s = -alpha b/(2a)   when a > 0, b < 0   the minimum of the parabola
//	s = mu              when a <= 0, b < 0  concave: as far as was measured
//	s = 0               when b >= 0
//	theta <- theta - min(s, max_step) v/n
//
// When a or b is not finite, s = mu: the released code then stays at the point
// where it measured. The learning rate scales the two lengths mu and max_step,
// so that a schedule acts on both; at its default of 1 the rule is the published
// one. The second loss is that of the same mini-batch, which for a network with
// dropout must be evaluated with the same units dropped.
//
// Defaults are those of the constructor in the released PyTorch code. The
// authors recommend mu from 0.1 to 1, alpha 1, 1.2 or 1.7 and beta 0 or 0.4.
type PAL struct {
	prepare   preparation
	mu        float64
	alpha     float64
	beta      float64
	maxStep   float64
	direction []float32 // v
	point     []float32 // where the loss is measured
	line      Line
}

// Line is what PAL knew and did in its last step.
type Line struct {
	Loss         float64 // of the mini-batch at theta
	MeasuredLoss float64 // of the mini-batch at distance Measured
	Measured     float64 // mu, after the learning rate
	Slope        float64 // b
	Curvature    float64 // 2a, the second derivative
	Step         float64 // distance moved
	Norm         float64 // of the direction; Step/Norm is the learning rate of SGD that moves as far
}

var (
	_ train.Optimizer    = (*PAL)(nil)
	_ train.Checkpointed = (*PAL)(nil)
)

func palRule() rule {
	positive := func(name string, preset float64, doc string) Hyperparameter {
		return Hyperparameter{Name: name, Default: preset, Doc: doc, Max: math.Inf(1), ExcludeMin: true}
	}
	return rule{
		name: "pal", doc: "parabolic line search on the mini-batch loss (Mutschler and Zell 2020)",
		hyper: []Hyperparameter{
			learningRate(1, "scales mu and max_step"),
			positive("mu", 1, "distance at which the loss is measured"),
			positive("alpha", 1/0.6, "step, as a multiple of the distance to the parabola's minimum"),
			{Name: "beta", Default: 0.4, Doc: "share of the last direction that is kept", Max: 1, ExcludeMax: true},
			positive("max_step", 3.16, "longest step"),
		},
		build: func(v values, layout record.Layout, _ uint64) train.Optimizer {
			n := layout.Len()
			return &PAL{
				prepare: newPreparation("pal", v, layout),
				mu:      v["mu"], alpha: v["alpha"], beta: v["beta"], maxStep: v["max_step"],
				direction: make([]float32, n), point: make([]float32, n),
			}
		},
		edge: palEdge,
	}
}

// palEdge has no threshold: the step depends on the loss along it.
func palEdge(_ record.Optimizer) Edge {
	return Edge{Absent: "optimizer pal chooses its step from the loss along it: there is no learning rate to hold against the curvature"}
}

// Step moves theta.
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
	l := Line{Loss: probe.BatchLoss(), Measured: mu, Norm: n, Slope: -dot(grad, o.direction) / n}
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
	o.line = l
	return nil
}

// parabolaStep returns how far to go on l + b s + a s^2.
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

// Line returns what the last step measured; before the first one it is zero.
func (o *PAL) Line() Line { return o.line }

// State returns the direction.
func (o *PAL) State() []train.Buffer {
	return []train.Buffer{{Name: "direction", Float32: o.direction}}
}

// SetState restores it.
func (o *PAL) SetState(s []train.Buffer) error { return restore(o.prepare.name, o.State(), s) }
