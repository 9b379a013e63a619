package curvature

import (
	"errors"
	"fmt"
	"math"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

// ErrNotFinite is wrapped by the error for a point where a gradient is NaN or
// infinite: there is no curvature to be had there.
var ErrNotFinite = errors.New("the gradient is not finite")

const (
	defaultTop         = 10
	defaultBottom      = 1
	defaultMaxProducts = 100
	defaultTrace       = 10
	defaultTolerance   = 1e-3
	defaultPoints      = 2001
	maxProducts        = 1000
)

// Direction is a vector of length P whose part in the space of the top
// eigenvectors is asked for.
type Direction struct {
	Name   string
	Vector []float32 // borrowed
	// Walk also evaluates the loss at theta + d, theta + dominant part and
	// theta + bulk part: three evaluations.
	Walk bool
}

// Options of Compute. The zero value is the documented default.
type Options struct {
	// Top is the number of largest eigenvalues; 0 means 10. The space that their
	// eigenvectors span is the dominant one. Gur-Ari et al. (2018) take as many as
	// there are classes.
	Top int `json:"top"`
	// Bottom is the number of smallest eigenvalues; 0 means 1, a negative number
	// none.
	Bottom int `json:"bottom"`
	// Tolerance is the residual |Hu - lambda u| that exact products would have, in
	// units of the largest absolute eigenvalue, at which an eigenpair counts as
	// converged; 0 means 1e-3. What errors of the products add is in Pair.Residual.
	Tolerance float64 `json:"tolerance"`
	// MaxProducts bounds the Hessian-vector products of the Lanczos iteration, 1 to
	// 1000; 0 means 100.
	MaxProducts int `json:"max_products"`
	// TraceSamples is the number of Rademacher vectors of the trace; 0 means 10, a
	// negative number none. The first is the start of the Lanczos iteration and
	// costs nothing.
	TraceSamples int `json:"trace_samples"`
	// DensityRuns is the number of Lanczos iterations that the spectral density is
	// the mean of; 0 means 1, which costs nothing. Every further one takes as many
	// products as the first.
	DensityRuns int `json:"density_runs"`
	// DensityPoints is the number of points of the density, 101 to 100000; 0 means
	// 2001.
	DensityPoints int `json:"density_points"`
	// Broadening is the standard deviation of the Gaussian that stands for every
	// node of the quadrature; 0 means sqrt(1e-5) of the range of the nodes.
	// It is raised to 1.5 distances between points, so that the density integrates
	// to 1.
	Broadening float64 `json:"broadening"`
	// Step is the length of theta's displacement in the central differences; 0
	// chooses it.
	Step float64 `json:"step"`
	// Optimizer decides the edge of stability; the zero value means unknown.
	Optimizer record.Optimizer `json:"optimizer"`
	// LearningRate is the one in effect; 0 means the optimizer's learning_rate.
	LearningRate float64 `json:"learning_rate"`
	// Preconditioner is the diagonal D of an optimizer that divides every coordinate
	// of its step by it (Adam, RMSProp), of length P, borrowed; a 0 leaves the
	// coordinate out. Its edge of stability is then that of D^-1 H. nil means none.
	Preconditioner []float32 `json:"-"`
	// PreconditionerAbsent says why there is none.
	PreconditionerAbsent string `json:"-"`
	// Directions are split into dominant and bulk besides the gradient.
	Directions []Direction `json:"-"`
	// Seed is that of the random vectors.
	Seed uint64 `json:"seed"`

	// Progress is told of every product; nil tells nobody.
	Progress analyze.Progress `json:"-"`
	// Store keeps trace samples and further density runs; nil keeps nothing. It
	// belongs to one theta.
	Store analyze.Store `json:"-"`
}

// Validate names the first field whose value is not allowed.
func (o *Options) Validate() error {
	nonnegative := func(name string, v float64) error {
		if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
			return fmt.Errorf("curvature: %s is %v; it must be finite and at least 0", name, v)
		}
		return nil
	}
	switch {
	case o.Top < 0:
		return fmt.Errorf("curvature: top is %d; it must be at least 1, or 0 for %d", o.Top, defaultTop)
	case o.MaxProducts < 0 || o.MaxProducts > maxProducts:
		return fmt.Errorf("curvature: max products is %d; it must be 1 to %d, or 0 for %d", o.MaxProducts, maxProducts, defaultMaxProducts)
	case o.DensityRuns < 0:
		return fmt.Errorf("curvature: density runs is %d; it must be at least 1, or 0 for 1", o.DensityRuns)
	case o.DensityPoints != 0 && (o.DensityPoints < 101 || o.DensityPoints > 100000):
		return fmt.Errorf("curvature: density points is %d; it must be 101 to 100000, or 0 for %d", o.DensityPoints, defaultPoints)
	case o.Tolerance >= 1:
		return fmt.Errorf("curvature: tolerance is %v; it must be less than 1", o.Tolerance)
	}
	seen := map[string]bool{gradientName: true}
	for _, d := range o.Directions {
		if d.Name == "" || seen[d.Name] {
			return fmt.Errorf("curvature: direction %q: names must be unique, not empty and not %q", d.Name, gradientName)
		}
		seen[d.Name] = true
	}
	return errors.Join(
		nonnegative("tolerance", o.Tolerance), nonnegative("broadening", o.Broadening),
		nonnegative("step", o.Step), nonnegative("learning rate", o.LearningRate),
	)
}

// Effective returns the options with the defaults filled in, as they belong in a
// result's provenance.
func (o Options) Effective() Options {
	preset := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	preset(&o.Top, defaultTop)
	preset(&o.Bottom, defaultBottom)
	preset(&o.MaxProducts, defaultMaxProducts)
	preset(&o.TraceSamples, defaultTrace)
	preset(&o.DensityRuns, 1)
	preset(&o.DensityPoints, defaultPoints)
	o.Bottom, o.TraceSamples = max(o.Bottom, -1), max(o.TraceSamples, -1)
	if o.Tolerance == 0 {
		o.Tolerance = defaultTolerance
	}
	if o.LearningRate == 0 {
		o.LearningRate = max(0, o.Optimizer.Hyperparameters["learning_rate"])
	}
	if o.Progress == nil {
		o.Progress = analyze.NoProgress{}
	}
	if o.Store == nil {
		o.Store = analyze.NoStore{}
	}
	return o
}
