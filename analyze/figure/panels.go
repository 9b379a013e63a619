package figure

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"sgdwalk/analyze/figure/internal/canvas"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/record"
)

// Panels is several line plots under each other over one axis, with one legend:
// the per-step quantities of several runs. A name has the same pen in all panels; a
// panel may leave some names out.
type Panels struct {
	Panels   []Panel // from the top
	Title    string
	Subtitle string // beneath the title in smaller letters: the run
	XLabel   string
	XWhole   bool     // ticks on x are whole numbers: steps, epochs
	XSteps   bool     // x is the step of one run, so that [Marked] marks its epochs
	Timeline Timeline // the marks of [Marked], in every panel
	XScale   Scale    // "" is Linear
	Notes    []string
	Style    Style
}

// Panel is one of several plots over one axis.
type Panel struct {
	Series []Series // may be empty: the panel then shows "no values"
	YLabel string
	YScale Scale // Auto takes a logarithm when all is positive and spans two decades
	// YFrom and YTo are the ends of the y axis, as in [Curves]; both 0 choose them.
	YFrom, YTo float64
	// References are the values of horizontal lines to compare the series with, for
	// example zero for a cosine. The axis contains them.
	References []float64
}

var _ Figure = (*Panels)(nil)

func (c *Panels) Defaults() (Style, float64) {
	each := 0.21
	if c.Style.Width != 0 && c.Style.Width < 5 {
		each = 0.36
	}
	// A figure longer than a page is of no use; many panels get flat.
	return c.Style, math.Min(0.16+each*float64(len(c.Panels)), 2.2)
}

func (c *Panels) Heading() string { return cmp.Or(c.Title, "Curves") }

// Validate implements Figure.
func (c *Panels) Validate() error {
	if len(c.Panels) == 0 {
		return fmt.Errorf("%w: Panels.Panels is empty; it must have at least one", ErrInput)
	}
	if err := c.XScale.validate("Panels.XScale"); err != nil {
		return err
	}
	for i := range c.Panels {
		q := &c.Panels[i]
		name := fmt.Sprintf("Panels.Panels[%d]", i)
		seen := make(map[string]bool)
		for k := range q.Series {
			if err := q.Series[k].validate(fmt.Sprintf("%s.Series[%d]", name, k), c.XScale); err != nil {
				return err
			}
			if n := q.Series[k].Name; seen[n] {
				return fmt.Errorf("%w: %s.Series[%d].Name is %q again; names in a panel must differ",
					ErrInput, name, k, n)
			}
			seen[q.Series[k].Name] = true
		}
		if err := q.validate(name); err != nil {
			return err
		}
	}
	return nil
}

func (q *Panel) validate(name string) error {
	if err := q.YScale.validate(name + ".YScale"); err != nil {
		return err
	}
	return validateY(name, q.YFrom, q.YTo, q.References, q.YScale)
}

// names returns the names of all series in the order in which they first appear:
// the index of a name is the index of its pen.
func (c *Panels) names() []string {
	var out []string
	for _, q := range c.Panels {
		for _, s := range q.Series {
			if !slices.Contains(out, s.Name) {
				out = append(out, s.Name)
			}
		}
	}
	return out
}

// first returns the first series of a name.
func (c *Panels) first(name string) *Series {
	for _, q := range c.Panels {
		for i := range q.Series {
			if q.Series[i].Name == name {
				return &q.Series[i]
			}
		}
	}
	return new(Series)
}

// Table implements Figure: one row per value, panel after panel.
func (c *Panels) Table() record.Table {
	type panelRow struct {
		Panel string `col:"panel"`
		seriesRow
	}
	var t column.Builder[panelRow]
	for i, q := range c.Panels {
		for _, s := range q.Series {
			for k := range s.X {
				t.Add(panelRow{q.name(i), s.row(k)})
			}
		}
	}
	return t.Table()
}

// name of panel i, from 0, in tables and sentences.
func (q *Panel) name(i int) string { return cmp.Or(q.YLabel, fmt.Sprintf("panel %d", i+1)) }

// Alt implements Figure.
func (c *Panels) Alt() string {
	text := fmt.Sprintf("%d panels over %s", len(c.Panels), cmp.Or(c.XLabel, "x"))
	for i, q := range c.Panels {
		text += "; " + q.name(i)
		for k, s := range q.Series {
			sep := ","
			if k == 0 {
				sep = ":"
			}
			if from, to, ok := s.ends(); ok {
				text += fmt.Sprintf("%s %s from %s to %s",
					sep, cmp.Or(s.Name, "the series"), canvas.Short(from), canvas.Short(to))
			}
		}
	}
	return text + "."
}

// yAxis returns the axis of a panel.
func (q *Panel) yAxis() canvas.Axis {
	ys := append(values(q.Series), q.References)
	out := canvas.Spread(q.YScale == Log || q.YScale == Auto && canvas.WantsLog(100, ys...), ys...)
	if q.YFrom < q.YTo {
		out.Lo, out.Hi = q.YFrom, q.YTo
	}
	out.Label = q.YLabel
	return out
}

func (c *Panels) Draw(p *canvas.Page) {
	var xs [][]float64
	for _, q := range c.Panels {
		for _, s := range q.Series {
			xs = append(xs, s.X)
		}
	}
	x := canvas.SpreadBy(0.015, c.XScale == Log, xs...)
	x.Whole, x.Label = c.XWhole, c.XLabel
	names := c.names()
	panels := make([]canvas.Stacked, len(c.Panels))
	marks := c.Timeline.over(p, x, xs...)
	var notes []string
	for i := range c.Panels {
		q := c.Panels[i] // a copy, whose series may be thinned
		y := q.yAxis()
		for _, n := range undrawn(q.Series, y.Log) {
			notes = append(notes, fmt.Sprintf("%s: %s", q.name(i), n))
		}
		if c.XSteps {
			var note string
			if q.Series, note = thinnedAll(q.Series, p.W-6*p.Font); note != "" && !slices.Contains(notes, note) {
				notes = append(notes, note)
			}
		}
		panels[i] = canvas.Stacked{Y: y, Weight: 1, Draw: func(f canvas.Frame) {
			marks.draw(p, f)
			q.draw(p, f, names)
		}}
	}
	var entries []canvas.Entry
	if len(names) > 1 || len(names) == 1 && names[0] != "" {
		for i, n := range names {
			entries = append(entries, c.first(n).entry(p, cmp.Or(n, "unnamed"), i))
		}
	}
	entries = append(entries, marks.entries(p)...)
	m := p.Font * 0.7
	box := p.Footnotes(append(notes, c.Notes...), canvas.Box(m, m, p.W-m, p.H-m))
	p.Stack(panels, x, p.Heading(c.Title, c.Subtitle, box), entries)
}

func (q *Panel) draw(p *canvas.Page, f canvas.Frame, names []string) {
	values := 0
	for _, s := range q.Series {
		band(p, f, s, canvas.WithAlpha(p.Theme.Series[slices.Index(names, s.Name)%len(p.Theme.Series)], bandAlpha))
		values += len(s.X)
	}
	references(p, f, q.References)
	for _, s := range q.Series {
		s.draw(p, f, slices.Index(names, s.Name))
	}
	if values == 0 {
		p.Label("no values", 1, p.Theme.Muted).Draw(p, canvas.Pt((f.Box.X0+f.Box.X1)/2, (f.Box.Y0+f.Box.Y1)/2), 0.5,
			0.5)
	}
}

func (c *Panels) WithStyle(s Style) Figure { d := *c; d.Style = s; return &d }

// WithLabels implements Figure.
func (c *Panels) WithLabels(l Labels) Figure {
	d := *c
	d.Panels = slices.Clone(c.Panels)
	labels := make([]*string, len(d.Panels))
	for i := range d.Panels {
		labels[i] = &d.Panels[i].YLabel
	}
	l.replace(&d.Title, &d.Subtitle, &d.XLabel, labels...)
	return &d
}

func (c *Panels) WithScale(s Scale) Figure {
	d := *c
	d.Panels = append([]Panel(nil), c.Panels...)
	for i := range d.Panels {
		q := &d.Panels[i]
		if q.YScale == Auto && (s != Log || q.YFrom >= q.YTo && logarithmic(append(values(q.Series), q.References)...)) {
			q.YScale = s
		}
	}
	return &d
}
