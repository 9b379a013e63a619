package main

import (
	"context"
	"slices"

	"sgdwalk/analyze"
	"sgdwalk/analyze/objective"
)

// productsOf is the loss of a walk with the derivatives of another program. A walk
// may need none, and a program may have none, so they are asked for in a process of
// their own, which starts when the walk first needs them.
type productsOf struct {
	*both
	open   func() (analyze.Gradient, error)
	opened bool
	loss   analyze.HessianProduct
	absent string
}

var (
	_ analyze.HessianProduct = (*productsOf)(nil)
	_ analyze.Stateful       = (*productsOf)(nil)
)

// HessianAbsent says why the program gives no products, or no gradient that is that of
// its loss.
func (p *productsOf) HessianAbsent() string {
	if !p.opened {
		p.opened = true
		g, err := p.open()
		if err != nil {
			p.absent = oneLine(err)
		} else {
			p.loss, p.absent = analyze.ExactHessian(g)
		}
	}
	return p.absent
}

// Gradient returns the loss and its gradient.
func (p *productsOf) Gradient(ctx context.Context, theta, grad []float32) (float64, error) {
	return p.loss.Gradient(ctx, theta, grad)
}

// HessianVectors multiplies vectors by the Hessian.
func (p *productsOf) HessianVectors(ctx context.Context, theta []float32, v, dst [][]float32) error {
	return p.loss.HessianVectors(ctx, theta, v, dst)
}

// withProducts gives the loss of another program its derivatives. close ends their
// process.
func (a *analysis) withProducts(ctx context.Context, f objectiveFlags, on *both) (loss *productsOf, end func()) {
	var o *objective.Objective
	loss = &productsOf{both: on}
	loss.open = func() (g analyze.Gradient, err error) {
		theta, state, err := lastVectors(a.trace, a.run)
		if err != nil {
			return nil, err
		}
		f.ObjectiveProcs = 1
		options := objective.Options{Layout: a.trace.Header().Layout, Gradient: true, Hessian: true}
		if state != nil {
			options.StateLayout, options.State = a.trace.Header().State, state
		}
		if o, _, err = f.start(ctx, options, theta); err != nil {
			return nil, err
		}
		known := a.objective.Warnings()
		for _, w := range o.Warnings() {
			if !slices.ContainsFunc(known, func(k analyze.Warning) bool { return k.Code == w.Code }) {
				a.warn = append(a.warn, w)
			}
		}
		return o.LossAlone(), nil
	}
	return loss, func() {
		if o != nil {
			_ = o.Close() // every number has been given
		}
	}
}
