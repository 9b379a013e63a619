package curvature

import (
	"context"
	"errors"
	"fmt"
	"math"

	"sgdwalk/record"
)

// errPreconditioner is wrapped when a preconditioner cannot be one.
var errPreconditioner = errors.New("a preconditioner must have a finite element of at least 0 for every parameter, " +
	"and one above 0")

// checkPreconditioner refuses a diagonal that cannot be one.
func checkPreconditioner(d []float32, parameters int) error {
	if len(d) != parameters {
		return fmt.Errorf("curvature: the preconditioner has %d elements, theta has %d: %w", len(d), parameters,
			errPreconditioner)
	}
	positive := false
	for i, v := range d {
		if !(v >= 0) || math.IsInf(float64(v), 0) {
			return fmt.Errorf("curvature: element %d of the preconditioner is %v: %w", i, v, errPreconditioner)
		}
		positive = positive || v > 0
	}
	if !positive {
		return fmt.Errorf("curvature: the preconditioner is 0: %w", errPreconditioner)
	}
	return nil
}

// precondition finds the largest eigenvalue of D^(-1/2) H D^(-1/2), whose
// eigenvalues are the eigenvalues of D^-1 H, from a separate iteration. For SAM, H is
// H + (rho/|g|) H^2.
func (c *computation) precondition() error {
	d := c.opts.Preconditioner
	if d == nil {
		return nil
	}
	p, err := newProducts(c.g, c.theta, c.opts.Matrix, c.opts.Progress)
	if err != nil {
		return err
	}
	p.step = c.products.step
	if rho := c.opts.Edge.AscentRadius; rho > 0 {
		if p.exact == nil {
			c.opts.PreconditionerAbsent = "the edge of " + c.opts.Optimizer.Name + " belongs to D^-1 (H + (rho/|g|) H^2), which " +
				"needs exact products: " + p.absent
			return nil
		}
		p.exact = withSquare(p.exact, rho/norm32(c.result.Gradient))
	}
	scaling, left := make([]float64, len(d)), 0
	for i, v := range d {
		if v > 0 {
			scaling[i] = 1 / math.Sqrt(float64(v))
		} else {
			left++ // it takes no part, and no product gives it one
		}
	}
	p.scale(scaling)
	o := *c.opts
	o.Top, o.Bottom = 1, -1
	s, err := newKrylov(p, o.Block, c.capacity, nil, o.Seed).solve(c.ctx, &o)
	if err == nil {
		_, err = p.again(c.ctx, &s.top[0])
	}
	c.products.made += p.made
	c.products.unchecked += p.unchecked
	if isNotFinite(err) {
		return nil // the plain Hessian stands; this one has no value
	}
	if err != nil {
		return err
	}
	r := &c.result.preconditioned
	r.LambdaMax, r.Residual = record.Some(s.top[0].Value), record.Some(s.top[0].Residual)
	r.Converged, r.LeftOut = s.top[0].Converged, left
	return nil
}

// vectorProducts multiplies vectors with a matrix; see analyze.HessianProduct.
type vectorProducts = func(ctx context.Context, theta []float32, v, dst [][]float32) error

// withSquare returns the products with H + r H^2, given those with H.
func withSquare(h vectorProducts, r float64) vectorProducts {
	return func(ctx context.Context, theta []float32, v, dst [][]float32) error {
		if err := h(ctx, theta, v, dst); err != nil {
			return err
		}
		twice := make([][]float32, len(v))
		for i := range twice {
			twice[i] = make([]float32, len(theta))
		}
		if err := h(ctx, theta, dst[:len(v)], twice); err != nil {
			return err
		}
		for i, d := range dst[:len(v)] {
			for j, x := range twice[i] {
				d[j] = float32(float64(d[j]) + float64(r*float64(x)))
			}
		}
		return nil
	}
}

// Preconditioned is the curvature that an optimizer sees which scales every
// coordinate: that of D^-1 H with the diagonal D of Options.Preconditioner, and for SAM of
// D^-1 (H + (rho/|g|) H^2).
type Preconditioned struct {
	LambdaMax record.Optional `json:"lambda_max"`
	Residual  record.Optional `json:"lambda_max_residual"`
	Converged bool            `json:"converged"`
	LeftOut   int             `json:"left_out"` // coordinates where D is 0: they have had no gradient
}

// PreconditionerSource gives the diagonal at a row of a recording, nil where it is
// not to be had, with the reason in words.
type PreconditionerSource interface {
	Preconditioner(ctx context.Context, row int) (d []float32, absent string, err error)
}
