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

// Direction is the direction of the segments along which the loss is evaluated.
type Direction string

// The directions. The empty string is Update.
const (
	// Update goes from theta_k to theta_{k+1}: the step that the optimizer took.
	Update Direction = "update"
	// Gradient goes from theta_k to theta_k - eta g_k, with the recorded learning rate eta
	// and the raw mini-batch gradient g_k: the step that plain SGD would have taken. It
	// needs recorded gradients. S segments with A alphas take S*A evaluations, because
	// segments share no iterate.
	Gradient Direction = "gradient"
)

// Measure is a further function of theta that is evaluated at every point: the loss or the
// accuracy on held-out data, or the loss of one batch. It has either Loss or At.
type Measure struct {
	Name string       `json:"name"` // of the column: snake_case, different from all other columns
	Loss analyze.Loss `json:"-"`
	// At returns the function for the segment that begins at the iterate s, for example the
	// loss of the mini-batch of s. The vectors of s are nil. An iterate that two segments
	// share is then evaluated once for each segment.
	At func(s *record.Step) (analyze.Loss, error) `json:"-"`
}

var columnName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// CheckMeasures returns an error when a name is not snake_case or not unique, or when a
// measure does not have exactly one of Loss and At. taken are the other columns of the table.
func CheckMeasures(measures []Measure, taken ...string) error {
	for _, m := range measures {
		if !columnName.MatchString(m.Name) || slices.Contains(taken, m.Name) {
			return fmt.Errorf("measure %q: the name must be snake_case and different from %q", m.Name, taken)
		}
		if (m.Loss == nil) == (m.At == nil) {
			return fmt.Errorf("measure %q: it must have either Loss or At", m.Name)
		}
		taken = append(taken, m.Name)
	}
	return nil
}

// Options selects the segments and says how to evaluate them. The zero value evaluates
// every segment at 11 alphas from 0 to 1.
type Options struct {
	// Segments selects segments by step or epoch (default: all).
	Segments analyze.Segments `json:"segments"`
	// Alphas are the points on a segment, in fractions of the step (default: 0:1:11). They
	// may extend beyond the step, for example -0.5:2:26. 0 and 1 are always added.
	Alphas analyze.Range `json:"alphas"`
	// Direction of the segments (default: Update).
	Direction Direction `json:"direction"`
	// BarrierTolerance is the smallest height of a barrier above both ends, in units of the
	// loss; finite and at least 0 (default: 0, which is right for a deterministic loss).
	BarrierTolerance float64 `json:"barrier_tolerance"`
	// Also are evaluated at every point too. Their values are further columns of
	// Result.Losses, and no other number depends on them.
	Also []Measure `json:"also,omitempty"`
	// TopEigenvalue is the largest eigenvalue of the Hessian of the loss, for the noisy
	// quadratic; finite and at least 0 (default: the largest sharpness along a step).
	TopEigenvalue float64 `json:"top_eigenvalue"`
	// Seed of the simulated quadratic and of the bootstrap.
	Seed uint64 `json:"seed"`

	// Progress receives every evaluated point; nil disables progress reporting.
	Progress analyze.Progress `json:"-"`
	// Store keeps finished units; nil keeps nothing.
	Store analyze.Store `json:"-"`
}

// Validate checks the options. The error names the field, its value and the allowed values.
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
	if err := CheckMeasures(o.Also, "row", "step", "epoch", "alpha", "position", "loss"); err != nil {
		return fmt.Errorf("walk: %w", err)
	}
	if l := o.TopEigenvalue; math.IsNaN(l) || math.IsInf(l, 0) || l < 0 {
		return fmt.Errorf("walk: top eigenvalue is %v; it must be finite and at least 0", l)
	}
	return nil
}

// Effective returns the options with the defaults filled in, for the provenance of a
// result.
func (o Options) Effective() Options {
	if o.Alphas.IsZero() {
		o.Alphas = analyze.Range{Min: 0, Max: 1, N: 11}
	}
	if o.Direction == "" {
		o.Direction = Update
	}
	return o
}
