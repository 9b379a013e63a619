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
	DefaultCompared = 50   // iterates, which are compared with their projections
)

// MaxCells is the largest number of cells of a grid.
const MaxCells = 1 << 24

// MaxRefine is the largest value of Options.Refine.
const MaxRefine = 6

// Options are the options of Compute. The zero value is a grid of 51x51 around a path, and
// needs a Path.
type Options struct {
	// X and Y are the ranges of the coordinates a along U and b along V (default: 51 points).
	// A range without bounds, such as 0:0:n, is put around the path.
	X analyze.Range `json:"x"`
	Y analyze.Range `json:"y"`
	// Path is the run whose iterates are projected onto the plane; nil for no path.
	Path record.Trajectory `json:"-"`
	// Rows selects the iterates of the path by step and epoch (default: all). Inner iterates
	// are always left out.
	Rows analyze.Segments `json:"rows"`
	// Around are further points (a, b) that an automatic range contains.
	Around [][2]float64 `json:"around,omitempty"`
	// Margin widens an automatic range on each side by this share of the extent of the path,
	// 0 to 10 (default: DefaultMargin).
	Margin float64 `json:"margin"`
	// Compared is the number of iterates at which the loss on the plane is compared with the
	// true loss (default: DefaultCompared; a negative number compares none). They are evenly
	// spaced and include the first and the last. Each costs two evaluations.
	Compared int `json:"compared"`
	// Refine is the number of times that the distance between grid points is halved near
	// contours, 0 to 6. X.N and Y.N count the points before the refinement. The grid of the
	// result has 2^Refine times as many intervals. Its cells away from contours are not
	// evaluated.
	Refine int `json:"refine"`
	// Contours returns the levels to refine around, for the lowest and the highest finite
	// loss of the grid before refinement (default: ten levels, evenly spaced or in equal
	// factors).
	Contours func(low, high float64) []float64 `json:"-"`
	// Accuracy also measures the share of examples that are classified correctly. The loss
	// and Test must then be an analyze.Batched.
	Accuracy bool `json:"accuracy"`
	// Plain evaluates point by point even if the loss is an analyze.Batched.
	Plain bool `json:"plain"`
	// Test is a further loss, such as the loss on held-out data; nil for none.
	Test analyze.Loss `json:"-"`
	// Measures are evaluated at every grid point too.
	Measures []Measure `json:"-"`

	// Progress receives every evaluation; nil disables progress reporting.
	Progress analyze.Progress `json:"-"`
	// Projection is the result of Project for the same plane, Path and Rows; nil projects the
	// path.
	Projection *Projection `json:"-"`
	// Store keeps finished units; nil keeps nothing.
	Store analyze.Store `json:"-"`
}

// Validate checks the options. The error names the field, its value and the allowed values.
func (o *Options) Validate() error {
	for _, axis := range []struct {
		name string
		r    analyze.Range
	}{{"x", o.X}, {"y", o.Y}} {
		if !isAutomatic(axis.r) {
			if err := axis.r.Validate(); err != nil {
				return fmt.Errorf("landscape: %s: %s", axis.name, strings.TrimPrefix(err.Error(), "analyze: "))
			}
			continue
		}
		if n := axis.r.N; n != 0 && (n < 2 || n > analyze.MaxRangePoints) {
			return fmt.Errorf("landscape: %s has %d points; it must have 2 to %d", axis.name, n, analyze.MaxRangePoints)
		}
		if o.Path == nil && len(o.Around) == 0 {
			return fmt.Errorf("landscape: %s has no bounds and there is no path to put the grid around; set the "+
				"bounds or the "+
				"path", axis.name)
		}
	}
	if o.Refine < 0 || o.Refine > MaxRefine {
		return fmt.Errorf("landscape: refine is %d; it must be 0 to %d", o.Refine, MaxRefine)
	}
	if err := o.validateMeasures(); err != nil {
		return err
	}
	d := o.Effective()
	nx, ny := subdivide(d.X, 1<<o.Refine).N, subdivide(d.Y, 1<<o.Refine).N
	switch {
	case nx > MaxCells/ny:
		return fmt.Errorf("landscape: the grid has %dx%d cells; it must have at most %d in total", nx, ny, MaxCells)
	case !(o.Margin >= 0 && o.Margin <= 10):
		return fmt.Errorf("landscape: margin is %v; it must be 0 to 10", o.Margin)
	}
	return nil
}

// validateMeasures checks the names and functions of further measures.
func (o *Options) validateMeasures() error {
	taken := []string{"i", "j", "a", "b", "loss", "valid", AccuracyName, TestLossName, TestAccuracyName}
	for _, m := range o.Measures {
		if len(m.Names) == 0 || m.At == nil {
			return fmt.Errorf("landscape: a measure with the names %q has no name or no function; it must have both",
				m.Names)
		}
		for _, name := range m.Names {
			if name == "" || slices.Contains(taken, name) {
				return fmt.Errorf("landscape: a measure is named %q; its name must differ from %s", name,
					strings.Join(taken, ", "))
			}
			taken = append(taken, name)
		}
	}
	return nil
}

// isAutomatic reports whether the range has no bounds.
func isAutomatic(r analyze.Range) bool { return r.Min == 0 && r.Max == 0 }

// Effective returns the options with the defaults filled in, for the provenance of a
// result.
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
