package line

import (
	"fmt"
	"math"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/analyze/walk"
)

// Measure is a further function of theta that is evaluated at every point, such as the
// accuracy or the loss on held-out data. It must have a Loss.
type Measure = walk.Measure

// Mode decides the default alphas.
type Mode string

// The modes. The empty string is Interpolation.
const (
	// Interpolation extends beyond both ends: -0.5:1.5:81.
	Interpolation Mode = "interpolation"
	// Connectivity is linear mode connectivity: 0:1:30, as in Frankle et al. (2020).
	Connectivity Mode = "connectivity"
)

// Options are the options of Between. The zero value is the documented default.
type Options struct {
	// Mode decides the default of Alphas (default: Interpolation).
	Mode Mode `json:"mode"`
	// Alphas are the points in units of b - a (default: the range of the mode). 0 and 1 are
	// always added.
	Alphas analyze.Range `json:"alphas"`
	// Tolerance is the largest rise of the loss from one alpha to the next on a line that
	// counts as monotone, in units of the loss; finite and at least 0 (default: 0, which is
	// right for a deterministic loss).
	Tolerance float64 `json:"tolerance"`
	// Also are evaluated at every point too. Their values are further columns.
	Also []Measure `json:"also,omitempty"`
	// Aligned is a copy of b with permuted hidden units (package align), which is the same
	// function as b. The loss on the line from a to the copy is evaluated too, at the same
	// alphas. It is borrowed; nil evaluates the line to b alone.
	Aligned []float32 `json:"-"`
	// States are the running statistics at a, at b and at Aligned, for a loss that takes a
	// state. Without them the loss uses its own state.
	States States `json:"-"`

	// Progress receives every finished point; nil disables progress reporting.
	Progress analyze.Progress `json:"-"`
	// Store keeps finished points; nil keeps nothing. A store must belong to a single pair of
	// ends.
	Store analyze.Store `json:"-"`
}

// Validate checks the options. The error names the first field that is not allowed, its
// value and the allowed values.
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
	taken := []string{"alpha", "distance", "loss"}
	if o.Aligned != nil {
		taken = append(taken, alignedPrefix+"distance", alignedPrefix+"loss")
		for _, m := range o.Also {
			taken = append(taken, alignedPrefix+m.Name)
		}
	}
	return checkMeasures(o.Also, taken...)
}

// alignedPrefix begins the columns of the line to Options.Aligned.
const alignedPrefix = "aligned_"

// States are the running statistics of normalization layers at the ends of a line. Points
// between the ends get the interpolation of both, and points beyond an end those of this end.
// nil means that the loss uses its own state there.
type States struct{ A, B, Aligned []float32 }

// Effective returns the options with the defaults filled in, for the provenance of a
// result.
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
	return o
}

// checkMeasures checks measures for the table with the taken columns. A line has no segments,
// so every measure is one function of theta.
func checkMeasures(also []Measure, taken ...string) error {
	if err := walk.CheckMeasures(also, taken...); err != nil {
		return fmt.Errorf("line: %w", err)
	}
	for _, m := range also {
		if m.Loss == nil {
			return fmt.Errorf("line: measure %q has At; a line has no segments, so it needs Loss", m.Name)
		}
	}
	return nil
}
