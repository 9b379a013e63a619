package pca

import (
	"fmt"
	"runtime"
	"slices"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

// Center is the point that is subtracted from the iterates before the directions are
// computed. Variances are variances around it.
type Center string

// The centers. Shares around a single iterate are larger than shares around the
// mean, for a random walk and for training alike: the nulls account for it.
const (
	Mean  Center = "mean"  // the mean of the chosen rows; the usual PCA, and the default
	Final Center = "final" // the last chosen row
	Init  Center = "init"  // the first chosen row
)

// Kinds says which coordinates take part: [Weights], [All], or a list of tensor
// kinds with commas between them, for example "filter,weight,norm_scale".
type Kinds string

// The usual choices.
const (
	Weights Kinds = "weights" // filters and weights; biases and normalization parameters are left out, as in Li et al.
	All     Kinds = "all"     // every coordinate of theta
)

// MaxRows is the largest number of rows of one fit. Their Gram matrix takes
// 8 bytes x rows x rows, 800 MiB at this number.
const MaxRows = 10240

// DefaultSurrogates is the number of surrogate walks of the zero Options.
const DefaultSurrogates = 20

// Options of Fit. The zero value is the documented default.
type Options struct {
	// Components is the number of principal directions, at least 1; 0 means 2.
	// If the rows span fewer directions, the result has fewer, with a warning.
	Components int `json:"components"`
	// Center is what is subtracted; "" means Mean.
	Center Center `json:"center"`
	// Kinds chooses the coordinates by the kind of their tensor; "" means Weights.
	Kinds Kinds `json:"kinds,omitempty"`
	// Tensors chooses the coordinates by the name of their tensor instead; empty
	// means by Kinds.
	Tensors []string `json:"tensors,omitempty"`
	// Rows chooses the rows by the step and the epoch that they have; the zero
	// value means all. "0-49" is the 50 rows of these steps.
	Rows analyze.Segments `json:"rows"`
	// Substeps takes the inner iterates of optimizers with inner loops too. By
	// default only the iterates between updates are taken.
	Substeps bool `json:"substeps"`
	// ScoresOnly takes everything from the Gram matrix and leaves the components and
	// the reference out of the result: the run is read once, which for a run larger
	// than memory is half of the time, and nothing as long as theta is kept. Scores of
	// directions with little variance, and residuals of rows near the plane, then have
	// the error of the Gram matrix, sqrt(1e-7) of the largest distance at worst.
	ScoresOnly bool `json:"scores_only,omitempty"`
	// EqualRuns gives every run of a joint fit the same weight for any number of rows: a row of a
	// run with n_r of all n rows of R runs weighs n/(R n_r) in
	// the mean and in the variances. Without it every row weighs 1.
	EqualRuns bool `json:"equal_runs,omitempty"`
	// Surrogates is the number of surrogate walks of each type; 0 means
	// DefaultSurrogates up to 2048 rows and none above, a negative number none.
	Surrogates int `json:"surrogates"`
	// Seed chooses the surrogate walks.
	Seed uint64 `json:"seed"`
	// Workers bounds the goroutines; 0 means GOMAXPROCS. It changes no bit.
	Workers int `json:"-"`
	// Store keeps the slabs of the Gram matrix, the units of a fit that can be
	// interrupted or shared; nil keeps none. See Job.
	Store analyze.Store `json:"-"`
	// Progress counts columns; nil disables progress reporting.
	Progress analyze.Progress `json:"-"`

	slabBlocks int // of a slab, in tests; 0 means as documented
}

// Validate names the first field whose value is not allowed.
func (o *Options) Validate() error {
	switch {
	case o.Components < 0:
		return fmt.Errorf("pca: components is %d; it must be at least 1, or 0 for 2", o.Components)
	case o.Center != "" && o.Center != Mean && o.Center != Final && o.Center != Init:
		return fmt.Errorf("pca: center is %q; allowed are %q, %q and %q", o.Center, Mean, Final, Init)
	case o.Workers < 0:
		return fmt.Errorf("pca: workers is %d; it must be at least 1, or 0 for all processors", o.Workers)
	case o.Kinds != "" && len(o.Tensors) > 0:
		return fmt.Errorf("pca: kinds is %q and tensors is %q; only one of the two can choose the coordinates",
			o.Kinds, o.Tensors)
	}
	_, err := o.Kinds.list()
	return err
}

// Effective returns the options with the defaults filled in, as they belong in a
// result's provenance.
func (o Options) Effective() Options {
	if o.Components == 0 {
		o.Components = 2
	}
	if o.Center == "" {
		o.Center = Mean
	}
	if o.Kinds == "" && len(o.Tensors) == 0 {
		o.Kinds = Weights
	}
	if o.Surrogates == 0 {
		o.Surrogates = DefaultSurrogates
	}
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Progress == nil {
		o.Progress = analyze.NoProgress{}
	}
	return o
}

// list returns the tensor kinds of the choice.
func (k Kinds) list() ([]record.Kind, error) {
	switch k {
	case "", Weights:
		return []record.Kind{record.Filter, record.Weight}, nil
	case All:
		return record.Kinds(), nil
	}
	var l []record.Kind
	for name := range strings.SplitSeq(string(k), ",") {
		if !slices.Contains(record.Kinds(), record.Kind(name)) {
			return nil, fmt.Errorf("pca: kinds has %q; allowed are %q, %q, or some of %q", name, Weights, All,
				record.Kinds())
		}
		l = append(l, record.Kind(name))
	}
	return l, nil
}
