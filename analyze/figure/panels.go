package figure

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"sgdwalk/record"
)

// Panels is several line plots under each other over one axis, with one legend:
// the per-step quantities of several runs. Series of the same name look the same
// in all panels; a panel need not have all of them.
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
	Series []Series // may be empty: the panel is then said to have no values
	YLabel string
	YScale Scale // Auto takes a logarithm when all is positive and spans two decades
	// References are the values of horizontal lines to compare the series with, for
	// example zero for a cosine. The axis contains them.
	References []float64
}

var _ Figure = (*Panels)(nil)

func (c *Panels) style() (Style, float64) {
	each := 0.21
	if c.Style.Width != 0 && c.Style.Width < 5 {
		each = 0.36
	}
	// A figure longer than a page is of no use; many panels get flat.
	return c.Style, math.Min(0.16+each*float64(len(c.Panels)), 2.2)
}

func (c *Panels) title() string { return cmp.Or(c.Title, "Curves") }

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
				return fmt.Errorf("%w: %s.Series[%d].Name is %q again; names in a panel must differ", ErrInput, name, k, n)
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
// the number of a name is that of its pen.
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
	var where, name []string
	var x, y, low, top []float64
	var banded []bool
	for i, q := range c.Panels {
		for _, s := range q.Series {
			for k := range s.X {
				where, name = append(where, cmp.Or(q.YLabel, fmt.Sprintf("panel %d", i+1))), append(name, s.Name)
				x, y = append(x, s.X[k]), append(y, s.Y[k])
				low, top = append(low, at(s.Low, k)), append(top, at(s.Top, k))
				banded = append(banded, s.Low != nil)
			}
		}
	}
	return record.Table{Columns: []record.Column{
		{Name: "panel", Strings: nonNil(where)},
		{Name: "series", Strings: nonNil(name)},
		{Name: "x", Floats: nonNil(x)},
		{Name: "y", Floats: nonNil(y)},
		{Name: "low", Floats: nonNil(low), Valid: nonNil(banded)},
		{Name: "top", Floats: nonNil(top), Valid: nonNil(banded)},
	}}
}

// Alt implements Figure.
func (c *Panels) Alt() string {
	text := fmt.Sprintf("%d panels over %s", len(c.Panels), cmp.Or(c.XLabel, "x"))
	for i, q := range c.Panels {
		text += "; " + cmp.Or(q.YLabel, fmt.Sprintf("panel %d", i+1))
		for k, s := range q.Series {
			sep := ","
			if k == 0 {
				sep = ":"
			}
			if from, to, ok := s.ends(); ok {
				text += fmt.Sprintf("%s %s from %s to %s", sep, cmp.Or(s.Name, "the series"), short(from), short(to))
			}
		}
	}
	return text + "."
}

// yAxis returns the axis of a panel.
func (q *Panel) yAxis() axis {
	ys := append(values(q.Series), q.References)
	out := spread(q.YScale == Log || q.YScale == Auto && wantsLog(100, ys...), ys...)
	out.label = q.YLabel
	return out
}

func (c *Panels) draw(p *page) {
	var xs [][]float64
	for _, q := range c.Panels {
		for _, s := range q.Series {
			xs = append(xs, s.X)
		}
	}
	x := spreadBy(0.015, c.XScale == Log, xs...)
	x.whole, x.label = c.XWhole, c.XLabel
	names := c.names()
	panels := make([]walkPanel, len(c.Panels))
	var notes []string
	for i := range c.Panels {
		q := &c.Panels[i]
		y := q.yAxis()
		panels[i] = walkPanel{y, 1, func(f panel) { q.draw(p, f, names) }}
		for _, n := range undrawn(q.Series, y.log) {
			notes = append(notes, fmt.Sprintf("%s: %s", cmp.Or(q.YLabel, fmt.Sprintf("panel %d", i+1)), n))
		}
	}
	var entries []entry
	if len(names) > 1 || len(names) == 1 && names[0] != "" {
		for i, n := range names {
			entries = append(entries, c.first(n).entry(p, cmp.Or(n, "unnamed"), seriesPen(p, i)))
		}
	}
	m := p.font * 0.7
	box := p.footnotes(append(notes, c.Notes...), rect{m, m, p.w - m, p.h - m})
	p.stack(panels, x, p.heading(c.Title, box), entries, nil)
}

func (q *Panel) draw(p *page, f panel, names []string) {
	var lines path
	for _, r := range q.References {
		if at := f.at(f.x.lo, r); f.frame.contains(at) {
			lines.segment(at, point{f.frame.X1, at.Y})
		}
	}
	values := 0
	for _, s := range q.Series {
		band(p, f, s, withAlpha(p.theme.series[slices.Index(names, s.Name)%len(p.theme.series)], 0.2))
		values += len(s.X)
	}
	p.stroke(lines, pen{width: 0.7, color: p.theme.muted})
	for _, s := range q.Series {
		s.draw(p, f, seriesPen(p, slices.Index(names, s.Name)))
	}
	if values == 0 {
		p.label("no values", 1, p.theme.muted).draw(p, point{(f.frame.X0 + f.frame.X1) / 2, (f.frame.Y0 + f.frame.Y1) / 2}, 0.5, 0.5)
	}
}
