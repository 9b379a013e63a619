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
	Panels []Panel // from the top
	Title  string
	XLabel string
	XWhole bool  // ticks on x are whole numbers: steps, epochs
	XScale Scale // "" is Linear
	Notes  []string
	Style  Style
}

// Panel is one of several plots over one axis.
type Panel struct {
	Series []Series // may be empty: the panel then shows "no values"
	YLabel string
	YScale Scale // Auto takes a logarithm when all is positive and spans two decades
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
	for k, v := range q.References {
		if math.IsNaN(v) || math.IsInf(v, 0) || q.YScale == Log && v <= 0 {
			return fmt.Errorf("%w: %s.References[%d] is %v; it must be finite, and positive on a logarithmic axis",
				ErrInput, name, k, v)
		}
	}
	return nil
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
	var notes []string
	for i := range c.Panels {
		q := &c.Panels[i]
		y := q.yAxis()
		panels[i] = canvas.Stacked{Y: y, Weight: 1, Draw: func(f canvas.Frame) { q.draw(p, f, names) }}
		for _, n := range undrawn(q.Series, y.Log) {
			notes = append(notes, fmt.Sprintf("%s: %s", q.name(i), n))
		}
	}
	var entries []canvas.Entry
	if len(names) > 1 || len(names) == 1 && names[0] != "" {
		for i, n := range names {
			entries = append(entries, c.first(n).entry(p, cmp.Or(n, "unnamed"), seriesPen(p, i)))
		}
	}
	m := p.Font * 0.7
	box := p.Footnotes(append(notes, c.Notes...), canvas.Box(m, m, p.W-m, p.H-m))
	p.Stack(panels, x, p.Heading(c.Title, box), entries, nil)
}

func (q *Panel) draw(p *canvas.Page, f canvas.Frame, names []string) {
	var lines canvas.Path
	for _, r := range q.References {
		if at := f.At(f.X.Lo, r); f.Box.Contains(at) {
			lines.Segment(at, canvas.Pt(f.Box.X1, at.Y))
		}
	}
	values := 0
	for _, s := range q.Series {
		band(p, f, s, canvas.WithAlpha(p.Theme.Series[slices.Index(names, s.Name)%len(p.Theme.Series)], 0.2))
		values += len(s.X)
	}
	p.Stroke(lines, canvas.Pen{Width: 0.7, Color: p.Theme.Muted})
	for _, s := range q.Series {
		s.draw(p, f, seriesPen(p, slices.Index(names, s.Name)))
	}
	if values == 0 {
		p.Label("no values", 1, p.Theme.Muted).Draw(p, canvas.Pt((f.Box.X0+f.Box.X1)/2, (f.Box.Y0+f.Box.Y1)/2), 0.5,
			0.5)
	}
}

func (c *Panels) WithStyle(s Style) Figure { d := *c; d.Style = s; return &d }

func (c *Panels) WithScale(s Scale) Figure {
	d := *c
	d.Panels = append([]Panel(nil), c.Panels...)
	for i := range d.Panels {
		q := &d.Panels[i]
		if q.YScale == Auto && (s != Log || logarithmic(append(values(q.Series), q.References)...)) {
			q.YScale = s
		}
	}
	return &d
}
