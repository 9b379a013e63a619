package curvature

import (
	"errors"
	"fmt"
	"math"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

// ErrNotFinite is wrapped by the error for a point where a gradient is NaN or
// infinite: no curvature can be computed there.
var ErrNotFinite = errors.New("the gradient is not finite")

const (
	defaultTop         = 10
	defaultBottom      = 1
	defaultBlock       = 4
	defaultMaxProducts = 400
	defaultTrace       = 10
	defaultProbes      = 10
	defaultSteps       = 30
	defaultTolerance   = 1e-5 // of exact products
	coarseTolerance    = 1e-3 // of differences of gradients, which have no more digits
	defaultPoints      = 2001
	maxProducts        = 100000
	maxBlock           = 64
)

// Matrix names what is multiplied.
type Matrix string

// The Hessian of the loss; and the Gauss-Newton matrix J' H_L J, with the Jacobian J
// of the network's outputs and the Hessian H_L of the loss in them: the Hessian
// without the curvature of the network.
const (
	Hessian     Matrix = "hessian"
	GaussNewton Matrix = "gauss-newton"
)

// Name returns the name of the matrix for a sentence, without an article.
func (m Matrix) Name() string {
	switch m {
	case GaussNewton:
		return "Gauss-Newton matrix"
	case FisherMatrix:
		return "empirical Fisher matrix"
	}
	return "Hessian"
}

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
	// Matrix is the matrix: [Hessian], which "" means, or [GaussNewton].
	Matrix Matrix `json:"matrix"`
	// Tolerance is the residual |Hu - lambda u|, in units of the largest absolute
	// eigenvalue, at which an eigenpair counts as converged; 0 means 1e-5, and 1e-3 where
	// products are differences of gradients. What errors of the products add is in
	// Pair.Residual.
	Tolerance float64 `json:"tolerance"`
	// Block is the number of vectors that the Lanczos iteration multiplies together, 1
	// to 64; 0 means 4. An eigenvalue with as many copies as the block has costs another
	// pass.
	Block int `json:"block"`
	// Start are vectors that the iteration starts from, such as the eigenvectors at a
	// point nearby; random ones fill up the block. They are borrowed.
	Start [][]float32 `json:"-"`
	// MaxProducts bounds the products of the Lanczos iteration, 1 to 100000; 0 means
	// 400.
	MaxProducts int `json:"max_products"`
	// MaxMemory bounds the bytes of all vectors of length P; 0 means no bound. With
	// less memory than the basis takes, the iteration restarts from its best vectors.
	MaxMemory int64 `json:"max_memory"`
	// TraceSamples is the number of random vectors of the trace; 0 means 10, a
	// negative number no trace.
	TraceSamples int `json:"trace_samples"`
	// DensityProbes is the number of random vectors that the spectral density is the
	// mean of; 0 means 10, a negative number no density.
	DensityProbes int `json:"density_probes"`
	// DensitySteps is the number of Lanczos steps, and so of products, of a probe, 2 to
	// 1000; 0 means 30.
	DensitySteps int `json:"density_steps"`
	// DensityPoints is the number of points of the density, 101 to 100000; 0 means
	// 2001.
	DensityPoints int `json:"density_points"`
	// Broadening is the standard deviation of the Gaussian that stands for every
	// node of the bulk; 0 means sqrt(1e-5) of the range of the eigenvalues. It is raised
	// to 1.5 distances between points, so that the density integrates to its weight.
	Broadening float64 `json:"broadening"`
	// Step is the length of theta's displacement where products are central
	// differences of gradients; 0 chooses it. Exact products have no step.
	Step float64 `json:"step"`
	// Optimizer is the optimizer of the run; the zero value means unknown.
	Optimizer record.Optimizer `json:"optimizer"`
	// Edge is the optimizer's edge of stability; the zero value means unknown.
	Edge Edge `json:"-"`
	// LearningRate is the one in effect; 0 means the optimizer's learning_rate.
	LearningRate float64 `json:"learning_rate"`
	// NoRate is the reason why no learning rate multiplies the eigenvalues, as
	// RateAt does; LearningRate is then 0 and stays 0.
	NoRate string `json:"no_learning_rate,omitempty"`
	// Preconditioner is the diagonal D of an optimizer that divides every coordinate
	// of its step by it (Adam, RMSProp), of length P, borrowed; a 0 leaves the
	// coordinate out. Its edge of stability then belongs to D^-1 H. nil means no preconditioner.
	Preconditioner []float32 `json:"-"`
	// PreconditionerAbsent is the reason why Preconditioner is nil.
	PreconditionerAbsent string `json:"-"`
	// Layers are ranges of theta whose diagonal blocks are also computed.
	Layers []Layer `json:"layers,omitempty"`
	// Directions are split into dominant and bulk besides the gradient.
	Directions []Direction `json:"-"`
	// Seed seeds the random vectors.
	Seed uint64 `json:"seed"`

	// Progress receives the count of products; nil disables progress reporting.
	Progress analyze.Progress `json:"-"`
	// Store keeps trace samples and probes of the density; nil keeps nothing. It
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
		return fmt.Errorf("curvature: max products is %d; it must be 1 to %d, or 0 for %d", o.MaxProducts, maxProducts,
			defaultMaxProducts)
	case o.Matrix != "" && o.Matrix != Hessian && o.Matrix != GaussNewton:
		return fmt.Errorf("curvature: matrix is %q; it must be %s or %s", o.Matrix, Hessian, GaussNewton)
	case o.Block < 0 || o.Block > maxBlock:
		return fmt.Errorf("curvature: block is %d; it must be 1 to %d, or 0 for %d", o.Block, maxBlock, defaultBlock)
	case o.MaxMemory < 0:
		return fmt.Errorf("curvature: max memory is %d bytes; it must be positive, or 0 for no bound", o.MaxMemory)
	case o.DensitySteps != 0 && (o.DensitySteps < 2 || o.DensitySteps > 1000):
		return fmt.Errorf("curvature: density steps is %d; it must be 2 to 1000, or 0 for %d", o.DensitySteps,
			defaultSteps)
	case o.DensityPoints != 0 && (o.DensityPoints < 101 || o.DensityPoints > 100000):
		return fmt.Errorf("curvature: density points is %d; it must be 101 to 100000, or 0 for %d", o.DensityPoints,
			defaultPoints)
	case o.Tolerance >= 1:
		return fmt.Errorf("curvature: tolerance is %v; it must be less than 1", o.Tolerance)
	}
	seen := map[string]bool{gradientName: true}
	for _, d := range o.Directions {
		if d.Name == "" || seen[d.Name] {
			return fmt.Errorf("curvature: direction %q: names must be unique, not empty and not %q", d.Name,
				gradientName)
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
	preset(&o.Block, defaultBlock)
	preset(&o.DensityProbes, defaultProbes)
	preset(&o.DensitySteps, defaultSteps)
	preset(&o.DensityPoints, defaultPoints)
	if o.Matrix == "" {
		o.Matrix = Hessian
	}
	o.Bottom, o.TraceSamples, o.DensityProbes = max(o.Bottom, -1), max(o.TraceSamples, -1), max(o.DensityProbes, -1)
	if o.LearningRate == 0 && o.NoRate == "" {
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
