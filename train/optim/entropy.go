package optim

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"sgdwalk/record"
	"sgdwalk/train"
	"sgdwalk/train/internal/random"
)

const (
	entropyName = "entropy-sgd"

	purposeLangevin = 0x6c616e676576696e // "langevin"
)

// EntropySGD descends the local entropy instead of the loss (Chaudhari et al.
// 2017, and the released code). An inner loop of stochastic gradient Langevin
// dynamics explores the surroundings of theta on fresh mini-batches, and theta
// moves towards the average of the visited points. Step t, from 0, uses gamma_t =
// gamma (1 + scoping)^t. It starts with x' = mu = theta and an inner momentum
// buffer of zero, and does inner_steps times
//
//	g   = gradient of a fresh mini-batch at x', plus weight decay, with Nesterov momentum
//	x' <- x' - eta' (g - gamma_t (theta - x') + noise/sqrt(eta'/2) N(0, 1))
//	mu <- averaging mu + (1 - averaging) x'
//
// Then theta - mu, plus weight decay, with Nesterov momentum, is the gradient of
// an ordinary step. gamma is not a factor of the outer gradient: it is part of
// the learning rate, whose default is 1.
//
// The average keeps the share averaging, 0.75, of its old value, as in the code;
// the paper's formula has the two weights in the other order. The exponent of
// scoping counts the steps, as in the authors' Lua code; their Python code never
// counts. The gradient of the step itself is not used, as in the code, unless
// inner_steps is 0; then the rule is SGD with Nesterov momentum. Inner iterates
// are recorded before their update, each with the loss of the fresh mini-batch at
// it, so the first one of a step is theta itself.
//
// The noise of step t depends on the seed and on t only.
type EntropySGD struct {
	prepare    preparation
	momentum   float64
	innerSteps int
	innerRate  float64
	gamma      float64
	scoping    float64
	noise      float64
	averaging  float64
	seed       uint64
	pcg        rand.PCG
	normal     *rand.Rand // draws from pcg
	steps      []uint64   // t, one element
	buffer     []float32  // outer momentum
	point      []float32  // x'
	average    []float32  // mu
	inner      []float32  // inner momentum
	fresh      []float32  // gradient at x'
	buffers
}

var (
	_ train.Optimizer    = (*EntropySGD)(nil)
	_ train.Checkpointed = (*EntropySGD)(nil)
)

func entropyRule() rule {
	return rule{
		name: entropyName, doc: "descent on local entropy with an inner Langevin loop (Chaudhari et al. 2017)",
		hyper: slices.Concat([]Hyperparameter{
			learningRate(1, "factor of theta minus the inner average"),
			factor("momentum", 0.9, "Nesterov momentum of the outer step and of the inner loop"),
			{
				Name: "inner_steps", Default: 20, Max: 10000, Whole: true,
				Doc: "Langevin steps per step, each with its own mini-batch; 0 is Nesterov momentum",
			},
			positive("inner_learning_rate", 0.1, "learning rate of the inner loop"),
			nonNegative("gamma", 1e-4, "strength of the pull towards theta, in the first step"),
			nonNegative("scoping", 1e-3, "growth of gamma per step"),
			nonNegative("noise", 1e-4, "size of the Langevin noise"),
			factor("averaging", 0.75, "share of the inner average that is kept each inner step"),
		}, weightDecay(0, decayDoc+", in the inner loop and in the outer step")),
		build: func(v values, layout record.Layout, seed uint64) train.Optimizer {
			n := layout.Len()
			vector := func() []float32 { return make([]float32, n) }
			o := &EntropySGD{
				prepare:  newPreparation(entropyName, v, layout),
				momentum: v["momentum"], innerSteps: int(v["inner_steps"]), innerRate: v["inner_learning_rate"],
				gamma: v["gamma"], scoping: v["scoping"], noise: v["noise"], averaging: v["averaging"],
				seed: seed, steps: make([]uint64, 1), buffer: vector(),
				point: vector(), average: vector(), inner: vector(), fresh: vector(),
			}
			o.normal = rand.New(&o.pcg)
			// Every step starts a new inner loop, whose noise follows from the
			// number of steps.
			o.buffers = buffers{entropyName, []train.Buffer{
				{Name: "steps", Uint64: o.steps}, {Name: "momentum", Float32: o.buffer},
			}}
			return o
		},
		edge:         entropyEdge,
		innerBatches: func(v values) int { return int(v["inner_steps"]) },
		coupled:      true, // the noise is drawn for one parameter after the other
	}
}

// entropyEdge has no threshold: a step moves towards a mean of noisy inner
// iterates.
func entropyEdge(o record.Optimizer) Edge {
	return Edge{Absent: "no threshold is known for optimizer " + o.Name}
}

// Step updates theta. If it returns an error, theta and the state have not changed.
func (o *EntropySGD) Step(_ context.Context, theta, grad []float32, learningRate float64, probe train.Probe) error {
	if err := o.prepare.check(theta, grad, learningRate); err != nil {
		return err
	}
	if o.innerSteps > 0 {
		if err := o.explore(theta, probe); err != nil {
			return err
		}
		for i, v := range theta {
			grad[i] = v - o.average[i]
		}
	}
	o.prepare.addDecay(theta, grad)
	nesterovDirection(o.buffer, grad, o.momentum)
	descend(theta, grad, learningRate)
	o.steps[0]++
	return nil
}

// explore runs the inner loop and sets o.average.
func (o *EntropySGD) explore(theta []float32, probe train.Probe) error {
	copy(o.point, theta)
	copy(o.average, theta)
	clear(o.inner)
	random.Seed(&o.pcg, o.seed, purposeLangevin, o.steps[0])
	gamma := float32(o.gamma * math.Pow(1+o.scoping, float64(o.steps[0])))
	spread := float32(o.noise / math.Sqrt(0.5*o.innerRate))
	eta, keep, add := float32(o.innerRate), float32(o.averaging), float32(1-o.averaging)
	for l := range o.innerSteps {
		loss, err := probe.Next(o.point, o.fresh)
		if err == nil {
			err = probe.Inner(o.point, nil, record.Some(loss))
		}
		if err != nil {
			return fmt.Errorf("optim: %s: inner step %d: %w", entropyName, l+1, err)
		}
		o.prepare.addDecay(o.point, o.fresh)
		nesterovDirection(o.inner, o.fresh, o.momentum)
		for i, g := range o.fresh {
			x := o.point[i]
			d := g - float32(gamma*(theta[i]-x)) + float32(spread*float32(o.normal.NormFloat64()))
			x -= float32(eta * d)
			o.point[i] = x
			o.average[i] = float32(keep*o.average[i]) + float32(add*x)
		}
	}
	return nil
}
