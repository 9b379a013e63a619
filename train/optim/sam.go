package optim

import (
	"context"
	"fmt"
	"slices"

	"sgdwalk/record"
	"sgdwalk/train"
)

// SAM is sharpness-aware minimization (Foret et al. 2021, arXiv:2010.01412, algorithm
// 1) on another optimizer. With the gradient g of the mini-batch at theta:
//
//	e = rho g / (|g| + 1e-12)
//	h = gradient of the same mini-batch at theta + e
//	theta <- the step of the other optimizer from theta, with the gradient h
//
// sam-sgd takes the steps of [Momentum], whose momentum is 0 by default, sam-adam those
// of [Adam]. Clipping and weight decay belong to these steps: they change h, and not g.
// The norm is that of the gradient of all parameters.
//
// A row has theta and g. Its only inner iterate has theta + e, the loss of the
// mini-batch there, and h, so every update can be computed from the recording. Running
// statistics of normalization layers are those of the first gradient.
type SAM struct {
	prepare       preparation
	rho           float64
	base          base
	point, second []float32 // theta + e, and h
}

// base is an optimizer that SAM can use.
type base interface {
	train.Optimizer
	train.Checkpointed
}

var (
	_ base = (*SAM)(nil)
	_ base = (*Momentum)(nil)
	_ base = (*Adam)(nil)
)

func samSGDRule() rule {
	r := samRule("sam-sgd", "sharpness-aware minimization (Foret et al. 2021) on SGD", slices.Concat([]Hyperparameter{
		learningRate(0.1, "factor of the second gradient"), ascentRadius(),
		factor("momentum", 0, "share of the buffer that is kept each step"),
	}, weightDecay(0, decayDoc), []Hyperparameter{clipNorm()}),
		func(name string, v values, layout record.Layout) base { return newMomentum(name, v, layout) })
	r.edge = func(o record.Optimizer) Edge { return samEdge(o, momentumEdge(o)) }
	return r
}

func samAdamRule() rule {
	hyper := slices.Insert(adamHyper(0, decayDoc), 1, ascentRadius())
	r := samRule("sam-adam", "sharpness-aware minimization (Foret et al. 2021) on Adam", hyper,
		func(name string, v values, layout record.Layout) base { return newAdam(name, v, layout) })
	r.edge = func(o record.Optimizer) Edge { return samEdge(o, adamEdge(o)) }
	r.sensitive = "it divides by the size of the second gradient"
	return r
}

func samRule(name, doc string, hyper []Hyperparameter, build func(string, values, record.Layout) base) rule {
	return rule{
		name: name, doc: doc, hyper: hyper,
		build: func(v values, layout record.Layout, _ uint64) train.Optimizer {
			n := layout.Len()
			return &SAM{
				newPreparation(name, v, layout), v["rho"], build(name, v, layout),
				make([]float32, n), make([]float32, n),
			}
		},
		furtherEvaluations: 1, innerRows: 1, coupled: true,
	}
}

func ascentRadius() Hyperparameter {
	return nonNegative("rho", 0.05, "distance from theta of the point of the second gradient")
}

// samEdge is the edge of the other optimizer for another matrix than the Hessian H: on a
// quadratic, the second gradient is (H + (rho/|g|) H^2) times the distance from the
// minimum (Long and Bartlett 2023, arXiv:2309.12488).
func samEdge(o record.Optimizer, e Edge) Edge {
	rho, known := o.Hyperparameters["rho"]
	if !known && e.Absent == "" {
		e.Absent = fmt.Sprintf("optimizer %s has no recorded rho", o.Name)
	}
	e.AscentRadius = rho
	return e
}

// Step updates theta.
func (o *SAM) Step(ctx context.Context, theta, grad []float32, learningRate float64, probe train.Probe) error {
	if err := o.prepare.check(theta, grad, learningRate); err != nil {
		return err
	}
	copy(o.point, theta)
	descend(o.point, grad, -o.rho/(norm(grad)+1e-12))
	loss, err := probe.Gradient(o.point, o.second)
	if err == nil {
		err = probe.Inner(o.point, o.second, record.Some(loss))
	}
	if err != nil {
		return fmt.Errorf("optim: %s: gradient at distance %g: %w", o.prepare.name, o.rho, err)
	}
	return o.base.Step(ctx, theta, o.second, learningRate, probe)
}

// State returns the buffers of the other optimizer.
func (o *SAM) State() []train.Buffer { return o.base.State() }

// SetState copies the buffers of the other optimizer.
func (o *SAM) SetState(given []train.Buffer) error { return o.base.SetState(given) }

// Preconditioner is [Adam.Preconditioner]; it returns false for sam-sgd.
func (o *SAM) Preconditioner(dst []float32) bool {
	p, ok := o.base.(interface{ Preconditioner([]float32) bool })
	return ok && p.Preconditioner(dst)
}
