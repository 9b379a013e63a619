package curvature

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

// Compute computes the curvature at theta. It borrows theta, of length P >= 1, and
// changes neither it nor anything else. The result depends on theta, the
// gradient and the options only.
//
// It returns an error when the options are wrong, when theta or the gradient
// there is not finite (the error wraps ErrNotFinite), when the gradient or the
// store fails, and the context's error when it was cancelled.
func Compute(ctx context.Context, theta []float32, g analyze.Gradient, opts Options) (*Result, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	opts = opts.Effective()
	if len(theta) == 0 {
		return nil, errors.New("curvature: theta has no elements; it must have at least one")
	}
	for _, d := range opts.Directions {
		if len(d.Vector) != len(theta) {
			return nil, fmt.Errorf("curvature: direction %q has %d elements, theta has %d; they must be equal", d.Name,
				len(d.Vector), len(theta))
		}
	}
	for i, v := range opts.Start {
		if len(v) != len(theta) {
			return nil, fmt.Errorf("curvature: start vector %d has %d elements, theta has %d; they must be equal", i,
				len(v), len(theta))
		}
	}
	capacity, err := opts.capacity(len(theta))
	if err != nil {
		return nil, err
	}
	if opts.Preconditioner != nil {
		if err := checkPreconditioner(opts.Preconditioner, len(theta)); err != nil {
			return nil, err
		}
	}
	budget := opts.budget()
	opts.Progress.Begin("curvature", budget)
	p, err := newProducts(g, theta, opts.Matrix, opts.Progress)
	if err != nil {
		return nil, err
	}
	if opts.Tolerance == 0 {
		if opts.Tolerance = defaultTolerance; p.exact == nil {
			opts.Tolerance = coarseTolerance
		}
	}
	c := &computation{ctx: ctx, theta: theta, g: g, opts: &opts, products: p, capacity: capacity}
	r, err := c.run()
	if err != nil {
		return nil, err
	}
	opts.Progress.Add(budget - c.products.made - c.products.skipped)
	return r, nil
}

// budget is the most products that a computation makes.
func (o *Options) budget() int {
	n := powerSteps + len(relativeSteps) + o.MaxProducts + max(o.TraceSamples, 0) + max(o.DensityProbes,
		0)*o.DensitySteps + 2
	n += len(checkedSteps) * (o.Top + max(o.Bottom, 0))
	if o.Preconditioner != nil {
		n += o.MaxProducts + len(checkedSteps)
	}
	n += len(o.Layers) * (o.MaxProducts + max(o.TraceSamples, 0) + 2*len(checkedSteps))
	return n
}

type computation struct {
	ctx      context.Context
	theta    []float32
	g        analyze.Gradient
	opts     *Options
	products *products
	capacity int // most vectors of the basis
	result   Result
}

func (c *computation) run() (*Result, error) {
	r := &c.result
	r.Gradient = make([]float32, len(c.theta))
	// A copy: theta may be a view of a file, which must not be changed.
	loss, err := c.g.Gradient(c.ctx, slices.Clone(c.theta), r.Gradient)
	if err != nil {
		return nil, fmt.Errorf("curvature: gradient: %w", err)
	}
	r.Loss = loss
	if n := norm32(r.Gradient); n-n != 0 || norm32(c.theta)-norm32(c.theta) != 0 {
		return nil, fmt.Errorf("curvature: at theta: %w", ErrNotFinite)
	}
	if c.products.exact == nil {
		if err := c.chooseStep(); err != nil {
			return nil, err
		}
	} else {
		r.Steps = stepsTable(nil, 1)
	}
	before := c.products.made
	k := newKrylov(c.products, c.opts.Block, c.capacity, c.opts.Start, c.opts.Seed)
	s, err := k.solve(c.ctx, c.opts)
	if err != nil {
		return nil, err
	}
	r.Top, r.Bottom = s.top, s.bottom
	r.Summary.LanczosProducts = c.products.made - before
	r.Summary.Asymmetry, r.Summary.Complete = s.asymmetry, s.complete
	var samples []traceSample
	if r.Summary.Trace, samples, err = k.trace(c.ctx, c.opts); err != nil {
		return nil, err
	}
	r.TraceSamples = samplesTable(samples)
	k.q = nil // the density needs the room
	if err := c.density(s); err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	if err := c.split(); err != nil {
		return nil, err
	}
	if err := c.precondition(); err != nil {
		return nil, err
	}
	if err := c.layers(); err != nil {
		return nil, err
	}
	r.summarize(c)
	return r, nil
}

// density fills in the spectral density: the eigenvalues that are known, and
// quadrature of the rest.
func (c *computation) density(s *spectrum) error {
	r, o := &c.result, c.opts
	d := density{parameters: len(c.theta)}
	if s.complete {
		d.eigenvalues = s.all
	}
	if !s.complete && o.DensityProbes > 0 {
		var found [][]float32
		for _, p := range append(slices.Clone(r.Top), r.Bottom...) {
			if p.Converged {
				d.eigenvalues, found = append(d.eigenvalues, p.Value), append(found, p.Vector)
			}
		}
		var err error
		if d.probes, err = c.products.quadratures(c.ctx, o, found, c.capacity); err != nil {
			return err
		}
	}
	r.Summary.Density = d.summarize(o)
	r.Spectrum, r.Density, r.Summary.Density.Broadening = d.tables(o)
	return nil
}

// powerSteps is the number of power iterations that make the ladder's vector, and
// powerRatio their step in units of |theta|.
const (
	powerSteps = 3
	powerRatio = 0x1p-9
)

// probe returns the vector that the ladder is made with: the gradient after a few
// power iterations. Truncation does the most harm in the stiffest directions, and
// what it does is a bias; the gradient itself may have little of them. A gradient
// of zero, or a product that is zero or not finite, ends the iteration.
func (c *computation) probe(scale float64) ([]float32, error) {
	v := c.result.Gradient
	if norm32(v) == 0 {
		v = rademacher(len(v), c.opts.Seed, streamProbe)
	}
	w := make([]float64, len(v))
	for range powerSteps {
		err := c.products.apply(c.ctx, w, v, powerRatio*scale)
		if isNotFinite(err) {
			return v, nil
		}
		if err != nil {
			return nil, err
		}
		length := norm(w)
		if length == 0 {
			return v, nil
		}
		v = rounded(w, 1/length)
	}
	return v, nil
}

// chooseStep fills in the ladder and decides the step of all products.
func (c *computation) chooseStep() error {
	scale := norm32(c.theta)
	if scale == 0 {
		scale = 1
	}
	v, err := c.probe(scale)
	if err != nil {
		return err
	}
	rungs, best, err := c.products.ladder(c.ctx, v, scale)
	if err != nil {
		return err
	}
	c.products.step = rungs[best].step
	c.result.Summary.ProductError = record.Optional{Value: rungs[best].error, Valid: !math.IsInf(rungs[best].error, 0)}
	if c.opts.Step > 0 {
		c.products.step = c.opts.Step
		c.result.Summary.ProductError, err = c.products.compare(c.ctx, v, c.opts.Step)
		if err != nil {
			return err
		}
	}
	c.result.Summary.Step = c.products.step
	c.result.Summary.StepRatio = c.products.step / scale
	c.result.Steps = stepsTable(rungs, scale)
	return nil
}

// compare returns how much the product with v changes when a given step is
// doubled.
func (p *products) compare(ctx context.Context, v []float32, step float64) (record.Optional, error) {
	one, two := make([]float64, len(v)), make([]float64, len(v))
	if err := p.apply(ctx, one, v, step); err != nil {
		return record.Optional{}, err
	}
	if err := p.apply(ctx, two, v, 2*step); err != nil {
		return record.Optional{}, err
	}
	return record.Some(difference(one, two)), nil
}

// check multiplies eigenvectors once more. Where products are exact, it takes the
// vectors of the largest and the smallest eigenvalue as they are returned. Where
// products are differences, it takes every vector and adds the spread over three steps
// to its residual.
func (c *computation) check() error {
	r, p := &c.result, c.products
	for _, e := range []struct {
		pairs []Pair
		to    *Check
	}{{r.Top, &r.Summary.TopCheck}, {r.Bottom, &r.Summary.BottomCheck}} {
		for i := range e.pairs {
			if i > 0 && p.exact != nil {
				break
			}
			check, err := p.again(c.ctx, &e.pairs[i])
			if err != nil {
				return err
			}
			if i == 0 {
				*e.to = check
			}
		}
	}
	return nil
}

func isNotFinite(err error) bool { return errors.Is(err, ErrNotFinite) }
