package optim

import (
	"context"
	"fmt"
	"math"
	"slices"

	"sgdwalk/record"
	"sgdwalk/train"
)

// ScheduleFree is schedule-free SGD (Defazio et al. 2024, arXiv:2405.15682, and the
// released code). It keeps three points, which all start at theta_0: the gradient is
// taken at y, z takes the steps, and x, an average of z, is the result:
//
//	g = gradient of the mini-batch at y, plus weight decay w y
//	z <- z - eta g
//	x <- (1-c) x + c z      c = weight / sum of the weights so far
//	y <- (1-beta) z + beta x
//
// The weight of step k, from 0, is (k+1)^r (largest eta so far)^weight_lr_power.
//
// theta is y, because the loss and the gradient of a row must belong to its theta. The
// inner iterates 1 and 2 of step k are x and z after the update, the x and the z of
// theta_{k+1}. They have no loss. [ScheduleFree.Average] is x.
type ScheduleFree struct {
	prepare     preparation
	beta        float64
	power       float64 // r
	ratePower   float64
	average     []float32 // x
	base        []float32 // z
	nextAverage []float32
	steps       []uint64  // k, one element
	sums        []float64 // the sum of the weights, and the largest eta so far
	buffers
}

var (
	_ train.Averaging    = (*ScheduleFree)(nil)
	_ train.Checkpointed = (*ScheduleFree)(nil)
)

func scheduleFreeSGDRule() rule {
	const name = "schedule-free-sgd"
	return rule{
		name: name, doc: "SGD at a mean of its iterates and their average (Defazio et al. 2024)",
		hyper: slices.Concat([]Hyperparameter{
			learningRate(1, "factor of the gradient in the steps of z"),
			factor("beta", 0.9, "share of the average in the point of the gradient"),
		}, averagingHyper(), weightDecay(0, decayDoc), []Hyperparameter{clipNorm()}),
		build: func(v values, layout record.Layout, _ uint64) train.Optimizer {
			return newScheduleFree(name, v, v["beta"], layout)
		},
		edge:      func(o record.Optimizer) Edge { return scheduleFreeEdge(o, "beta") },
		innerRows: 2, averages: true, sensitive: scheduleFreeSensitive,
	}
}

// scheduleFreeSensitive is why an update cannot be computed from the recorded theta.
const scheduleFreeSensitive = "its points follow from all earlier gradients, whose rounding errors add up"

func averagingHyper() []Hyperparameter {
	return []Hyperparameter{
		nonNegative("r", 0, "power of the number of the step in the weights of the average"),
		nonNegative("weight_lr_power", 2, "power of the largest learning rate so far in the weights of the average"),
	}
}

// scheduleFreeEdge has the threshold 2 / (1 - beta): y moves by 1-beta of the step of
// z, and the average hardly moves once it has many steps. In the first steps, where c is
// large, the edge is lower, at 2 / (1 - beta + beta c).
func scheduleFreeEdge(o record.Optimizer, name string) Edge {
	return edgeFromFactor(o, name, func(beta float64) float64 { return 2 / (1 - beta) })
}

func newScheduleFree(name string, v values, beta float64, layout record.Layout) *ScheduleFree {
	n := layout.Len()
	o := &ScheduleFree{
		prepare: newPreparation(name, v, layout), beta: beta, power: v["r"], ratePower: v["weight_lr_power"],
		average: make([]float32, n), base: make([]float32, n), nextAverage: make([]float32, n),
		steps: make([]uint64, 1), sums: make([]float64, 2),
	}
	o.buffers = buffers{name, []train.Buffer{
		{Name: "average", Float32: o.average},
		{Name: "base", Float32: o.base},
		{Name: "steps", Uint64: o.steps},
		{Name: "sums", Float64: o.sums},
	}}
	return o
}

// Average returns x.
func (o *ScheduleFree) Average() []float32 { return o.average }

// Step updates theta. If it returns an error, theta and the state have not changed.
func (o *ScheduleFree) Step(_ context.Context, theta, grad []float32, learningRate float64, probe train.Probe) error {
	if err := o.prepare.apply(theta, grad, learningRate); err != nil {
		return err
	}
	return o.move(theta, grad, learningRate, probe)
}

// move makes a step with the direction that z takes. It overwrites direction.
func (o *ScheduleFree) move(theta, direction []float32, rate float64, probe train.Probe) error {
	if o.steps[0] == 0 {
		copy(o.average, theta)
		copy(o.base, theta)
	}
	largest := max(o.sums[1], rate)
	weight := math.Pow(float64(o.steps[0]+1), o.power) * math.Pow(largest, o.ratePower)
	sum := o.sums[0] + weight
	share := 0.0
	if sum > 0 {
		share = weight / sum
	}
	eta, c, keep := float32(rate), float32(share), float32(1-share)
	z, x := direction[:len(theta)], o.nextAverage[:len(theta)]
	for i, d := range direction {
		z[i] = o.base[i] - float32(eta*d)
		x[i] = float32(keep*o.average[i]) + float32(c*z[i])
	}
	for _, point := range [][]float32{x, z} {
		if err := probe.Inner(point, nil, record.Optional{}); err != nil {
			return fmt.Errorf("optim: %s: %w", o.prepare.name, err)
		}
	}
	copy(o.average, x)
	copy(o.base, z)
	o.steps[0]++
	o.sums[0], o.sums[1] = sum, largest
	beta, rest := float32(o.beta), float32(1-o.beta)
	for i := range theta {
		theta[i] = float32(rest*z[i]) + float32(beta*x[i])
	}
	return nil
}
