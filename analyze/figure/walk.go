package figure

import (
	"fmt"
	"math"

	"sgdwalk/analyze/figure/internal/canvas"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/record"
)

// Walk is the figure of Xing et al. (2018), panels over one axis of steps:
//
//  1. the full training loss along the segments between consecutive iterates,
//     drawn as one line with the iterates marked, and under it the valley floor, the
//     minimum of each segment, as a level line along the segment;
//  2. the loss on each segment as a strip of colours, when the segments are too many
//     for their curves to be told apart;
//  3. the height of the ends of each segment above its floor, with a band for a null;
//  4. the cosine of consecutive gradients, or updates, between -1 and 1;
//  5. the distance of the iterates from theta_0.
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

	Height            []float64 // per segment, of its ends above its floor; nil leaves the panel out
	NullLow, NullHigh []float64 // per segment, the band of the heights in a null; nil leaves it out
	NullName          string    // of the band in the legend; "" is "null"

	Cosine       []float64 // cosine at an iterate with the one before it
	CosineLabel  string    // "" is "consecutive gradients", or cos(g_{t-1}, g_{t}) when alone
	Cosine2      []float64 // a second series in the same panel
	Cosine2Label string    // "" is "consecutive updates"
	Distance     []float64 // norm of theta_k - theta_0

	Title    string
	Subtitle string   // beneath the title in smaller letters: the run
	XLabel   string   // "" is "step"
	YLabels  []string // of the panels from the top; "" is the panel's own
	Timeline Timeline // the marks of [Marked], in every panel
	Scale    Scale    // of the loss; Auto takes a logarithm above two decades
	Notes    []string
	Style    Style
}

func (s Scale) validate(name string) error {
	if s != Auto && s != Linear && s != Log {
		return fmt.Errorf("%w: %s is %q; it must be \"\", %q or %q", ErrInput, name, s, Linear, Log)
	}
	return nil
}

// segmentRoom is the width of a segment in points below which its curve cannot be read.
const segmentRoom = 3.5

// isDense reports whether the segments are too many to be read one by one in a figure of
// this style.
func (w *Walk) isDense(width, font float64) bool {
	span := float64(w.Steps[len(w.Steps)-1] + 1 - w.Steps[0])
	return len(w.Alphas) > 1 && span*segmentRoom > width-6*font
}

var _ Figure = (*Walk)(nil)

func (w *Walk) Defaults() (Style, float64) {
	ratio := 0.34
	if w.Style.Width != 0 && w.Style.Width < 5 {
		ratio = 0.5
	}
	full, panels := w.Style.WithDefaults(1), 1.0
	if len(w.Steps) > 0 && w.isDense(full.Width*72, full.FontSize) {
		panels += smallPanel
	}
	for _, has := range []bool{w.Height != nil, w.Cosine != nil || w.Cosine2 != nil, w.Distance != nil} {
		if has {
			panels += smallPanel
		}
	}
	return w.Style, 0.16 + ratio*panels
}

// smallPanel is the height of the panels beneath the loss, in parts of its height.
const smallPanel = 0.5

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
		{"Height", len(w.Height), 0},
		{"NullLow", len(w.NullLow), 0},
		{"NullHigh", len(w.NullHigh), 0},
		{"Cosine", len(w.Cosine), 1},
		{"Cosine2", len(w.Cosine2), 1},
		{"Distance", len(w.Distance), 1},
	} {
		if f.n != 0 && f.n != n && f.n != n+f.more {
			return fmt.Errorf("%w: Walk.%s has %d values; %d segments want 0 or %d (per-step slices may have one more)",
				ErrInput, f.name, f.n, n, n)
		}
	}
	if (w.NullLow == nil) != (w.NullHigh == nil) {
		return fmt.Errorf("%w: Walk.NullLow has %d values and NullHigh %d; a band has both", ErrInput, len(w.NullLow), len(w.NullHigh))
	}
	return w.Scale.validate("Walk.Scale")
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

// floorAt returns the loss at the valley floor of segment i, which no loss of the segment
// is below: a floor from a product with the Hessian may be above the losses of a rough curve.
func (w *Walk) floorAt(i int) float64 {
	loss := at(w.Floor, i)
	for _, v := range w.Losses[i] {
		if v < loss {
			loss = v
		}
	}
	return loss
}

// walkRow is a point of the line; the columns from the floor to the null are of its
// segment, the later columns are of the iterate that the segment starts from. Both are
// in the row of the first alpha.
type walkRow struct {
	Step       int64           `col:"step"`
	Alpha      float64         `col:"alpha"`
	Loss       float64         `col:"full_loss"`
	Floor      record.Optional `col:"floor_loss"`
	FloorAlpha record.Optional `col:"floor_alpha"`
	Barrier    column.Truth    `col:"barrier"`
	Height     record.Optional `col:"height"`
	NullLow    record.Optional `col:"null_low"`
	NullHigh   record.Optional `col:"null_high"`
	Cosine     record.Optional `col:"cosine"`
	Cosine2    record.Optional `col:"cosine_2"`
	Distance   record.Optional `col:"displacement"`
}

// Table implements Figure: one row per point of the line, and one for the iterate at
// its end.
func (w *Walk) Table() record.Table {
	var t column.Builder[walkRow]
	last := len(w.Steps)
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
				r.Height, r.NullLow, r.NullHigh = optional(w.Height, i), optional(w.NullLow, i), optional(w.NullHigh, i)
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
	last := len(w.Steps)
	s := fmt.Sprintf("Full training loss along %d segments from step %d to %d, with the valley floor below it",
		last, w.Steps[0], w.Steps[last-1]+1)
	if w.Height != nil {
		s += "; height of the iterates above the floor"
	}
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

// WithLabels implements Figure.
func (w *Walk) WithLabels(l Labels) Figure {
	c := *w
	c.YLabels = make([]string, 5) // the most panels
	var labels []*string
	for i := range c.YLabels {
		if i < len(w.YLabels) {
			c.YLabels[i] = w.YLabels[i]
		}
		labels = append(labels, &c.YLabels[i])
	}
	l.replace(&c.Title, &c.Subtitle, &c.XLabel, labels...)
	return &c
}

func (w *Walk) WithScale(s Scale) Figure {
	c := *w
	if s != Log || logarithmic(append([][]float64{w.Floor}, w.Losses...)...) {
		c.Scale = s
	}
	return &c
}
