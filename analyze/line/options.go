package line

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/analyze/walk"
)

// Measure is something else to evaluate at every point: the accuracy, the loss on
// held-out data.
type Measure = walk.Measure

// Mode decides the default alphas.
type Mode string

// The modes. The empty string is Interpolation.
const (
	// Interpolation reaches beyond both ends: -0.5:1.5:81.
	Interpolation Mode = "interpolation"
	// Connectivity is linear mode connectivity: 0:1:30, as in Frankle et al. (2020).
	Connectivity Mode = "connectivity"
)

// Options of Between. The zero value is the documented default.
type Options struct {
	// Mode decides the default of Alphas.
	Mode Mode `json:"mode"`
	// Alphas are the points in units of b - a; 0 and 1 are always among them. The
	// zero value is that of the mode.
	Alphas analyze.Range `json:"alphas"`
	// Tolerance is how much the loss may rise from one alpha to the next and the
	// line still count as monotone, in units of the loss; 0, the default, is right
	// for a deterministic loss.
	Tolerance float64 `json:"tolerance"`
	// Also are measured at every point besides the loss, into further columns.
	Also []Measure `json:"also,omitempty"`

	// Progress receives every point; nil disables progress reporting.
	Progress analyze.Progress `json:"-"`
	// Store keeps finished points; nil keeps nothing. It belongs to one pair of ends.
	Store analyze.Store `json:"-"`
}

// Validate names the first field whose value is not allowed.
func (o *Options) Validate() error {
	if o.Mode != "" && o.Mode != Interpolation && o.Mode != Connectivity {
		return fmt.Errorf("line: mode is %q; allowed are %q and %q", o.Mode, Interpolation, Connectivity)
	}
	if !o.Alphas.IsZero() {
		if err := o.Alphas.Validate(); err != nil {
			return fmt.Errorf("line: alphas: %s", strings.TrimPrefix(err.Error(), "analyze: "))
		}
	}
	if t := o.Tolerance; math.IsNaN(t) || math.IsInf(t, 0) || t < 0 {
		return fmt.Errorf("line: tolerance is %v; it must be finite and at least 0", t)
	}
	return checkMeasures(o.Also, "alpha", "distance", "loss")
}

// Effective returns the options with the defaults filled in, as they belong in a
// result's provenance.
func (o Options) Effective() Options {
	if o.Mode == "" {
		o.Mode = Interpolation
	}
	if o.Alphas.IsZero() {
		o.Alphas = analyze.Range{Min: -0.5, Max: 1.5, N: 81}
		if o.Mode == Connectivity {
			o.Alphas = analyze.Range{Min: 0, Max: 1, N: 30}
		}
	}
	o.Progress, o.Store = orNothing(o.Progress, o.Store)
	return o
}

func orNothing(p analyze.Progress, s analyze.Store) (analyze.Progress, analyze.Store) {
	if p == nil {
		p = analyze.NoProgress{}
	}
	if s == nil {
		s = analyze.NoStore{}
	}
	return p, s
}

var columnName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// checkMeasures refuses names that are none or are the table's own.
func checkMeasures(also []Measure, taken ...string) error {
	for _, m := range also {
		if !columnName.MatchString(m.Name) || slices.Contains(taken, m.Name) {
			return fmt.Errorf("line: measure %q: its name must be snake_case and none of %q", m.Name, taken)
		}
		if m.Loss == nil {
			return fmt.Errorf("line: measure %q has nothing to evaluate", m.Name)
		}
		taken = append(taken, m.Name)
	}
	return nil
}
