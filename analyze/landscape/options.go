package landscape

import (
	"fmt"
	"slices"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

// Defaults of the zero Options.
const (
	DefaultPoints   = 51   // along each axis, as in Li et al.
	DefaultMargin   = 0.15 // of the path's extent, on each side
	DefaultCompared = 50   // iterates whose loss is compared with that of their projection
)

// MaxCells is the largest number of cells of a grid.
const MaxCells = 1 << 24

// MaxRefine is the most halvings of a grid.
const MaxRefine = 6

// Options of Compute. The zero value is a grid of 51x51 and needs a Path to put
// it around.
type Options struct {
	// X and Y are the coordinates a along U and b along V. A range without bounds
	// (0:0:n, or the zero value, which means 51 points) is put around the path.
	X analyze.Range `json:"x"`
	Y analyze.Range `json:"y"`
	// Path is the run whose iterates are projected onto the plane; nil for none.
	Path record.Trajectory `json:"-"`
	// Rows chooses the iterates of the path by step and epoch; the zero value is
	// all. Inner iterates are left out.
	Rows analyze.Segments `json:"rows"`
	// Around are coordinates (a, b) that an automatic range holds besides the path.
	Around [][2]float64 `json:"around,omitempty"`
	// Margin widens an automatic range on each side by this share of the path's
	// extent, 0 to 10; 0 means DefaultMargin.
	Margin float64 `json:"margin"`
	// Compared is the number of iterates at which the loss on the plane is
	// compared with the true loss: evenly spaced, the first and the last among
	// them, two evaluations each. 0 means DefaultCompared, a negative number none.
	Compared int `json:"compared"`
	// Refine halves the distance between grid points so many times, 0 to 6, where
	// contours are: X.N and Y.N are the points of the grid before that, and the
	// grid of the result has 2^Refine as many intervals, of which cells away from
	// contours are not evaluated.
	Refine int `json:"refine"`
	// Contours returns the levels to refine around, between the lowest and the
	// highest finite loss of the grid before; nil takes ten, by factors or evenly
	// spaced.
	Contours func(low, high float64) []float64 `json:"-"`
	// Accuracy also measures the share of examples that are classified rightly; the
	// loss, and Test, must then be an analyze.Planar.
	Accuracy bool `json:"accuracy"`
	// Plain evaluates point by point even if the loss is an analyze.Planar.
	Plain bool `json:"plain"`
	// Test is a loss over other data, held-out ones, measured too; nil for none.
	Test analyze.Loss `json:"-"`
	// Measures are further ones.
	Measures []Measure `json:"-"`

	// Progress receives every evaluation; nil disables progress reporting.
	Progress analyze.Progress `json:"-"`
	// Projection is what Project found for this plane, Path and Rows; nil finds it.
	Projection *Projection `json:"-"`
	// Store keeps finished cells; nil keeps nothing.
	Store analyze.Store `json:"-"`
}

// Validate checks the options; the error names the field, its value and what is
// allowed.
func (o *Options) Validate() error {
	for _, axis := range []struct {
		name string
		r    analyze.Range
	}{{"x", o.X}, {"y", o.Y}} {
		if !automatic(axis.r) {
			if err := axis.r.Validate(); err != nil {
				return fmt.Errorf("landscape: %s: %s", axis.name, strings.TrimPrefix(err.Error(), "analyze: "))
			}
			continue
		}
		if n := axis.r.N; n != 0 && (n < 2 || n > analyze.MaxRangePoints) {
			return fmt.Errorf("landscape: %s has %d points; it must have 2 to %d", axis.name, n, analyze.MaxRangePoints)
		}
		if o.Path == nil && len(o.Around) == 0 {
			return fmt.Errorf("landscape: %s has no bounds and there is no path to put the grid around; one of them must be given", axis.name)
		}
	}
	if o.Refine < 0 || o.Refine > MaxRefine {
		return fmt.Errorf("landscape: refine is %d; it must be 0 to %d", o.Refine, MaxRefine)
	}
	if err := o.validateMeasures(); err != nil {
		return err
	}
	d := o.Effective()
	nx, ny := refined(d.X, 1<<o.Refine).N, refined(d.Y, 1<<o.Refine).N
	switch {
	case nx > MaxCells/ny:
		return fmt.Errorf("landscape: a grid of %dx%d has more than %d cells", nx, ny, MaxCells)
	case !(o.Margin >= 0 && o.Margin <= 10):
		return fmt.Errorf("landscape: margin is %v; it must be 0 to 10", o.Margin)
	}
	return nil
}

// validateMeasures checks the names of further measures.
func (o *Options) validateMeasures() error {
	taken := []string{"i", "j", "a", "b", "loss", "valid", AccuracyName, TestLossName, TestAccuracyName}
	for _, m := range o.Measures {
		if len(m.Names) == 0 || m.At == nil {
			return fmt.Errorf("landscape: a measure has the names %q and no function or no name; it must have both", m.Names)
		}
		for _, name := range m.Names {
			if name == "" || slices.Contains(taken, name) {
				return fmt.Errorf("landscape: a measure is named %q; names must differ from each other and from %s", name, strings.Join(taken, ", "))
			}
			taken = append(taken, name)
		}
	}
	return nil
}

// automatic reports whether the range says at most how many points it has.
func automatic(r analyze.Range) bool { return r.Min == 0 && r.Max == 0 }

// Effective returns the options with the defaults filled in, as they belong in a
// result's provenance.
func (o Options) Effective() Options {
	if o.X.IsZero() {
		o.X.N = DefaultPoints
	}
	if o.Y.IsZero() {
		o.Y.N = DefaultPoints
	}
	if o.Margin == 0 {
		o.Margin = DefaultMargin
	}
	if o.Compared == 0 {
		o.Compared = DefaultCompared
	}
	if o.Progress == nil {
		o.Progress = analyze.NoProgress{}
	}
	return o
}
