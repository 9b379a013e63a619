package walk

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

// Direction says along what the loss is evaluated.
type Direction string

// The directions. The empty string is Update.
const (
	// Update is from theta_k to theta_{k+1}, the step that was taken.
	Update Direction = "update"
	// Gradient is from theta_k to theta_k - eta g_k, with the recorded learning
	// rate eta and the raw mini-batch gradient g_k: the step that plain SGD would
	// have taken. It needs recorded gradients and evaluates S*A points.
	Gradient Direction = "gradient"
)

// Measure is something else to evaluate at every point: the loss or the accuracy
// on held-out data, the loss of one batch.
type Measure struct {
	Name string       `json:"name"` // of the column: snake_case, not one of the table's own
	Loss analyze.Loss `json:"-"`
	// At, in place of Loss, gives what to evaluate on the segment that begins at the
	// iterate, whose vectors are nil: the loss of its own mini-batch, for example. An
	// iterate that two segments share is then evaluated for each of them.
	At func(s *record.Step) (analyze.Loss, error) `json:"-"`
}

var columnName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// defaultAlphas are the 11 points 0, 0.1, ..., 1.
var defaultAlphas = analyze.Range{Min: 0, Max: 1, N: 11}

// Options says which segments to evaluate and how. The zero value walks over
// every segment at 11 alphas from 0 to 1.
type Options struct {
	// Segments selects by step or epoch; the zero value is all.
	Segments analyze.Segments `json:"segments"`
	// Alphas are the points on a segment in fractions of the step; they may reach
	// beyond it, for example -0.5:2:26. 0 and 1 are always among them. The zero
	// value is 0:1:11.
	Alphas analyze.Range `json:"alphas"`
	// Direction is Update by default.
	Direction Direction `json:"direction"`
	// BarrierTolerance is how much higher than both ends an interior point must be
	// to count as a barrier, in units of the loss; 0, the default, is right for a
	// deterministic loss. Finite and not negative.
	BarrierTolerance float64 `json:"barrier_tolerance"`
	// Also are measured at every point besides the loss, into further columns of
	// Result.Losses. Nothing is derived from them.
	Also []Measure `json:"also,omitempty"`
	// TopEigenvalue is the largest eigenvalue of the Hessian of the loss, for the
	// comparison with a noisy quadratic; 0, the default, takes the largest
	// curvature along a step. Finite and not negative.
	TopEigenvalue float64 `json:"top_eigenvalue"`
	// Seed is that of the simulated quadratic and of the bootstrap.
	Seed uint64 `json:"seed"`

	// Progress is told of every evaluation; nil tells nobody.
	Progress analyze.Progress `json:"-"`
	// Store keeps finished units; nil keeps nothing.
	Store analyze.Store `json:"-"`
}

// Validate checks the options; the error names the field, its value and what is
// allowed.
func (o *Options) Validate() error {
	if !o.Alphas.IsZero() {
		if err := o.Alphas.Validate(); err != nil {
			return fmt.Errorf("walk: alphas: %s", strings.TrimPrefix(err.Error(), "analyze: "))
		}
	}
	if o.Direction != "" && o.Direction != Update && o.Direction != Gradient {
		return fmt.Errorf("walk: direction is %q; allowed are %q and %q", o.Direction, Update, Gradient)
	}
	if t := o.BarrierTolerance; math.IsNaN(t) || math.IsInf(t, 0) || t < 0 {
		return fmt.Errorf("walk: barrier tolerance is %v; it must be finite and at least 0", t)
	}
	seen := []string{"row", "step", "epoch", "alpha", "position", "loss"}
	for _, m := range o.Also {
		if !columnName.MatchString(m.Name) || slices.Contains(seen, m.Name) {
			return fmt.Errorf("walk: measure %q: its name must be snake_case and none of %q", m.Name, seen)
		}
		if (m.Loss == nil) == (m.At == nil) {
			return fmt.Errorf("walk: measure %q must have one thing to evaluate, for all segments or for each", m.Name)
		}
		seen = append(seen, m.Name)
	}
	if l := o.TopEigenvalue; math.IsNaN(l) || math.IsInf(l, 0) || l < 0 {
		return fmt.Errorf("walk: top eigenvalue is %v; it must be finite and at least 0", l)
	}
	return nil
}

// Effective returns the options with the defaults filled in, as they belong in a
// result's provenance.
func (o Options) Effective() Options {
	if o.Alphas.IsZero() {
		o.Alphas = defaultAlphas
	}
	if o.Direction == "" {
		o.Direction = Update
	}
	if o.Progress == nil {
		o.Progress = analyze.NoProgress{}
	}
	if o.Store == nil {
		o.Store = analyze.NoStore{}
	}
	return o
}

// points returns the alphas in order, 0 and 1 among them exactly, and the
// indices of these two. A point of the range that misses 0 or 1 by rounding only
// is moved onto it.
func points(r analyze.Range) (alphas []float64, zero, one int) {
	alphas = r.Values()
	zero, alphas = include(alphas, 0)
	one, alphas = include(alphas, 1)
	return alphas, zero, one
}

func include(alphas []float64, v float64) (int, []float64) {
	const rounding = 1e-9 // of the smallest distance between points
	for i, a := range alphas {
		gap := math.Inf(1)
		if i > 0 {
			gap = a - alphas[i-1]
		}
		if i+1 < len(alphas) {
			gap = min(gap, alphas[i+1]-a)
		}
		switch {
		case math.Abs(a-v) <= rounding*gap:
			alphas[i] = v
			return i, alphas
		case a > v:
			alphas = append(alphas[:i], append([]float64{v}, alphas[i:]...)...)
			return i, alphas
		}
	}
	return len(alphas), append(alphas, v)
}
