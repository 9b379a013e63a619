package figure

import (
	"fmt"
	"math"

	"sgdwalk/analyze/figure/internal/canvas"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/record"
)

// Walk is the figure of Xing et al. (2018), three panels over one axis of steps:
//
//  1. the full training loss along the segments between consecutive iterates,
//     drawn as one line with the iterates marked, and the valley floor (the
//     minimum of each segment) as a dashed line under it;
//  2. the cosine of consecutive gradients, or updates, between -1 and 1;
//  3. the distance of the iterates from theta_0.
//
// With n segments, segment i runs from the iterate of step Steps[i] (alpha 0) to
// the next one (alpha 1). A step that does not follow its predecessor leaves a
// gap. Per-step slices are indexed by iterate: they have n values, or n+1 with the
// end of the last segment, or none, which leaves the panel out. NaN is a gap.
type Walk struct {
	Steps      []int       // step of the first iterate of each segment, increasing
	Alphas     []float64   // places on a segment, increasing, in [0, 1]
	Losses     [][]float64 // per segment, one loss per alpha
	Floor      []float64   // per segment, the loss at the valley floor; nil leaves it out
	FloorAlpha []float64   // per segment, where the floor is; nil draws it at the smallest loss
	Barriers   []bool      // per segment, an interior point above both ends; nil means not known

	Cosine       []float64 // cosine at an iterate with the one before it
	CosineLabel  string    // "" is "consecutive gradients", or cos(g_{t-1}, g_{t}) when alone
	Cosine2      []float64 // a second series in the same panel
	Cosine2Label string    // "" is "consecutive updates"
	Distance     []float64 // norm of theta_k - theta_0

	Title string
	Scale Scale // of the loss; Auto takes a logarithm above two decades
	Notes []string
	Style Style
}

func (s Scale) validate(name string) error {
	if s != Auto && s != Linear && s != Log {
		return fmt.Errorf("%w: %s is %q; it must be \"\", %q or %q", ErrInput, name, s, Linear, Log)
	}
	return nil
}

// Segments that can be read in one figure, and how many are drawn of more.
const (
	maxSegments = 60
	shownOfMany = 50
)

var _ Figure = (*Walk)(nil)

func (w *Walk) Defaults() (Style, float64) {
	ratio := 0.36
	if w.Style.Width != 0 && w.Style.Width < 5 {
		ratio = 0.5
	}
	panels := 1.0
	if w.Cosine != nil || w.Cosine2 != nil {
		panels += 0.55
	}
	if w.Distance != nil {
		panels += 0.55
	}
	return w.Style, 0.14 + ratio*panels
}

func (w *Walk) Heading() string {
	if w.Title == "" {
		return "Walk"
	}
	return w.Title
}

// Validate implements Figure.
func (w *Walk) Validate() error {
	n := len(w.Steps)
	if n == 0 {
		return fmt.Errorf("%w: Walk.Steps is empty; it must have one step per segment", ErrInput)
	}
	if len(w.Losses) != n {
		return fmt.Errorf("%w: Walk.Losses has %d segments; Steps has %d", ErrInput, len(w.Losses), n)
	}
	for i := 1; i < n; i++ {
		if w.Steps[i] <= w.Steps[i-1] {
			return fmt.Errorf("%w: Walk.Steps[%d] is %d after %d; steps must increase",
				ErrInput, i, w.Steps[i], w.Steps[i-1])
		}
	}
	for i, a := range w.Alphas {
		if !(a >= 0 && a <= 1) || i > 0 && a <= w.Alphas[i-1] {
			return fmt.Errorf("%w: Walk.Alphas[%d] is %v; alphas must increase from 0 to 1", ErrInput, i, a)
		}
	}
	for i, l := range w.Losses {
		if len(l) != len(w.Alphas) {
			return fmt.Errorf("%w: Walk.Losses[%d] has %d values; Alphas has %d", ErrInput, i, len(l), len(w.Alphas))
		}
	}
	for _, f := range []struct {
		name string
		n    int
		more int
	}{
		{"Floor", len(w.Floor), 0},
		{"FloorAlpha", len(w.FloorAlpha), 0},
		{"Barriers", len(w.Barriers), 0},
		{"Cosine", len(w.Cosine), 1},
		{"Cosine2", len(w.Cosine2), 1},
		{"Distance", len(w.Distance), 1},
	} {
		if f.n != 0 && f.n != n && f.n != n+f.more {
			return fmt.Errorf("%w: Walk.%s has %d values; %d segments want 0 or %d (per-step slices may have one more)",
				ErrInput, f.name, f.n, n, n)
		}
	}
	return w.Scale.validate("Walk.Scale")
}

// shown is the number of segments drawn, from the first one.
func (w *Walk) shown() int {
	if n := len(w.Steps); n <= maxSegments {
		return n
	}
	return shownOfMany
}

func at(values []float64, i int) float64 {
	if i < 0 || i >= len(values) {
		return math.NaN()
	}
	return values[i]
}

// iterateLoss returns the loss at the start of segment i (i may be one past the
// last: the end of the walk).
func (w *Walk) iterateLoss(i int) float64 {
	k := len(w.Alphas) - 1
	if i < len(w.Losses) && k >= 0 && w.Alphas[0] == 0 {
		return w.Losses[i][0]
	}
	if i > 0 && k >= 0 && w.Alphas[k] == 1 && (i == len(w.Steps) || w.Steps[i] == w.Steps[i-1]+1) {
		return w.Losses[i-1][k]
	}
	return math.NaN()
}

// floorAt returns step and loss of the valley floor of segment i.
func (w *Walk) floorAt(i int) (step, loss float64) {
	loss = at(w.Floor, i)
	alpha := at(w.FloorAlpha, i)
	if math.IsNaN(alpha) {
		best := math.Inf(1)
		for k, v := range w.Losses[i] {
			if v < best {
				best, alpha = v, w.Alphas[k]
			}
		}
	}
	return float64(w.Steps[i]) + alpha, loss
}

// walkRow is a point of the line; the columns from the floor to the barrier are of its
// segment, the later columns are of the iterate that the segment starts from. Both are
// in the row of the first alpha.
type walkRow struct {
	Step       int64           `col:"step"`
	Alpha      float64         `col:"alpha"`
	Loss       float64         `col:"full_loss"`
	Floor      record.Optional `col:"floor_loss"`
	FloorAlpha record.Optional `col:"floor_alpha"`
	Barrier    column.Truth    `col:"barrier"`
	Cosine     record.Optional `col:"cosine"`
	Cosine2    record.Optional `col:"cosine_2"`
	Distance   record.Optional `col:"displacement"`
}

// Table implements Figure: one row per point of the line, and one for the iterate at
// its end.
func (w *Walk) Table() record.Table {
	var t column.Builder[walkRow]
	last := w.shown()
	atIterate := func(i int, r walkRow) walkRow {
		of := func(v []float64) record.Optional { return record.Optional{Value: at(v, i), Valid: len(v) > 0} }
		r.Cosine, r.Cosine2, r.Distance = of(w.Cosine), of(w.Cosine2), of(w.Distance)
		return r
	}
	for i := range last {
		for k, a := range w.Alphas {
			r := walkRow{Step: int64(w.Steps[i]), Alpha: a, Loss: w.Losses[i][k]}
			if k == 0 {
				r.Floor, r.FloorAlpha = optional(w.Floor, i), optional(w.FloorAlpha, i)
				if w.Barriers != nil {
					r.Barrier = column.Truth{Value: w.Barriers[i], Valid: true}
				}
				r = atIterate(i, r)
			}
			t.Add(r)
		}
	}
	t.Add(atIterate(last, walkRow{Step: int64(w.Steps[last-1] + 1), Loss: w.iterateLoss(last)}))
	return t.Table()
}

// optional returns element i of values; absent when there is none.
func optional(values []float64, i int) record.Optional {
	return record.Optional{Value: at(values, i), Valid: i < len(values)}
}

// Alt implements Figure.
func (w *Walk) Alt() string {
	last := w.shown()
	s := fmt.Sprintf("Full training loss along %d segments from step %d to %d, with the valley floor below it",
		last, w.Steps[0], w.Steps[last-1]+1)
	if w.Cosine != nil || w.Cosine2 != nil {
		s += "; cosine of consecutive directions"
	}
	if w.Distance != nil {
		s += "; distance from the first iterate"
	}
	return s + fmt.Sprintf(". Loss at the start %s, at the end %s.", canvas.Short(w.iterateLoss(0)),
		canvas.Short(w.iterateLoss(last)))
}

func (w *Walk) WithStyle(s Style) Figure { c := *w; c.Style = s; return &c }

func (w *Walk) WithScale(s Scale) Figure {
	c := *w
	if s != Log || logarithmic(append([][]float64{w.Floor}, w.Losses...)...) {
		c.Scale = s
	}
	return &c
}
