package figure

import (
	"cmp"
	"fmt"

	"sgdwalk/analyze/figure/internal/canvas"
	"sgdwalk/record"
)

// Multiples is a small plot for each of several series over shared axes, with the others pale
// behind it: it shows lines that cover each other in one plot. Series i has the colour and the
// mark of group i of [Panels] and [Runs].
type Multiples struct {
	Series   []Series // with unique names
	Title    string
	Subtitle string // beneath the title in smaller letters: the runs
	XLabel   string
	YLabel   string
	XWhole   bool  // ticks on x are whole numbers: steps, epochs
	XScale   Scale // "" is Linear
	XZero    bool  // a logarithmic x axis has a place for zero at its left end
	YScale   Scale // Auto takes a logarithm when all is positive and spans a factor of LogRatio
	// LogRatio is as in [Curves].
	LogRatio float64
	Notes    []string
	Style    Style
}

var _ Figure = (*Multiples)(nil)

// curves is all series in one plot.
func (c *Multiples) curves() *Curves {
	return &Curves{
		Series: c.Series, Title: c.Title, XLabel: c.XLabel, YLabel: c.YLabel, XScale: c.XScale, YScale: c.YScale,
		LogRatio: c.LogRatio, Style: c.Style,
	}
}

// Defaults implements Figure.
func (c *Multiples) Defaults() (Style, float64) {
	w := c.Style.WithDefaults(1).Width * 72
	n := max(1, len(c.Series))
	columns := multipleColumns(n, w)
	rows := (n + columns - 1) / columns
	return c.Style, min(0.15+0.75*float64(rows)/float64(columns), 2.2)
}

// Heading implements Figure.
func (c *Multiples) Heading() string { return cmp.Or(c.Title, "Series") }

// Validate implements Figure.
func (c *Multiples) Validate() error {
	seen := make(map[string]bool)
	for i, s := range c.Series {
		if s.Name == "" || seen[s.Name] {
			return fmt.Errorf("%w: Multiples.Series[%d].Name is %q; names must be unique and not empty", ErrInput, i, s.Name)
		}
		seen[s.Name] = true
	}
	all := c.curves()
	if c.XZero {
		all.XScale = Linear
	}
	return all.Validate()
}

// Table implements Figure: one row per value, series after series.
func (c *Multiples) Table() record.Table { return c.curves().Table() }

// Alt implements Figure.
func (c *Multiples) Alt() string { return c.curves().Alt() }

// Draw implements Figure.
func (c *Multiples) Draw(p *canvas.Page) {
	f := c.curves().frame()
	f.X.Whole, f.X.Zero = c.XWhole, c.XZero
	m := p.Font * 0.7
	box := p.Footnotes(append(undrawn(c.Series, f.Y.Log), c.Notes...), canvas.Box(m, m, p.W-m, p.H-m))
	box = p.Heading(c.Title, c.Subtitle, box)
	columns := multipleColumns(len(c.Series), p.W)
	grid := p.GridOf(box, len(c.Series), columns, f.X, f.Y, 0, p.Font*1.5)
	for i, f := range grid.Frames {
		p.Gridlines(f)
		for k, s := range c.Series {
			if k != i {
				p.Curve(f, s.X, s.Y, canvas.Pen{Width: 0.6, Color: p.Theme.Gap})
			}
		}
		s, d := c.Series[i], p.Theme.Identity(i)
		band(p, f, s, canvas.WithAlpha(d.Color, 0.2))
		s.drawSeedLines(p, f, d)
		p.Curve(f, s.X, s.Y, canvas.Pen{Width: 1.2, Color: d.Color})
		s.drawMarks(p, f, i, len(c.Series))
		s.drawSeedMarks(p, f, d)
		grid.Axes(i)
		groupHead(p, grid.Heads[i], d, s.Name)
	}
	grid.Labels()
}

// WithStyle implements Figure.
func (c *Multiples) WithStyle(s Style) Figure { d := *c; d.Style = s; return &d }

// WithLabels implements Figure.
func (c *Multiples) WithLabels(l Labels) Figure {
	d := *c
	l.replace(&d.Title, &d.Subtitle, &d.XLabel, &d.YLabel)
	return &d
}

// WithScale implements Figure.
func (c *Multiples) WithScale(s Scale) Figure {
	d := *c
	if c.YScale == Auto && (s != Log || logarithmic(values(c.Series)...)) {
		d.YScale = s
	}
	return &d
}
