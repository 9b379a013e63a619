package figure

import "math"

// Styled returns a copy of fig in the given style: a field of s that is not zero
// replaces fig's own. The data are shared with fig.
func Styled(fig Figure, s Style) Figure {
	own, _ := fig.style()
	return fig.restyled(s.over(own))
}

// over returns s with its zero fields taken from under.
func (s Style) over(under Style) Style {
	if s.Width != 0 {
		// A height that was chosen for another width would distort the figure.
		under.Width, under.Height = s.Width, 0
	}
	if s.Height != 0 {
		under.Height = s.Height
	}
	if s.FontSize != 0 {
		under.FontSize = s.FontSize
	}
	if s.DPI != 0 {
		under.DPI = s.DPI
	}
	if s.Theme != "" {
		under.Theme = s.Theme
	}
	return under
}

// Scaled returns a copy of fig with the given scale of what is drawn over the
// steps or the plane: the loss of a walk, the levels of a landscape, the y axis of
// line plots and spectra. Auto returns fig itself. An axis with values that have
// no logarithm, such as cosines, stays linear, and so does one whose figure says
// that it must be.
func Scaled(fig Figure, s Scale) Figure {
	if s == Auto {
		return fig
	}
	return fig.rescaled(s)
}

func (w *Walk) restyled(s Style) Figure      { c := *w; c.Style = s; return &c }
func (l *Landscape) restyled(s Style) Figure { c := *l; c.Style = s; return &c }
func (c *Curves) restyled(s Style) Figure    { d := *c; d.Style = s; return &d }
func (c *Panels) restyled(s Style) Figure    { d := *c; d.Style = s; return &d }
func (s *Spectrum) restyled(t Style) Figure  { c := *s; c.Style = t; return &c }

func (s *Surface) restyled(t Style) Figure {
	c := *s
	if s.Landscape != nil {
		l := *s.Landscape
		l.Style = t
		c.Landscape = &l
	}
	return &c
}

func (w *Walk) rescaled(s Scale) Figure {
	c := *w
	if s != Log || logarithmic(append([][]float64{w.Floor}, w.Losses...)...) {
		c.Scale = s
	}
	return &c
}

func (l *Landscape) rescaled(s Scale) Figure {
	c := *l
	if s != Log || l.Map != Diverging {
		c.Scale = s
	}
	return &c
}

func (s *Surface) rescaled(t Scale) Figure {
	c := *s
	if s.Landscape != nil {
		l, _ := s.Landscape.rescaled(t).(*Landscape)
		c.Landscape = l
	}
	return &c
}

func (c *Curves) rescaled(s Scale) Figure {
	d := *c
	if c.YScale == Auto && (s != Log || logarithmic(values(c.Series)...)) {
		d.YScale = s
	}
	return &d
}

func (c *Panels) rescaled(s Scale) Figure {
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

func (s *Spectrum) rescaled(t Scale) Figure {
	c := *s
	if t != Log || logarithmic(s.Ratios) {
		c.Scale = t
	}
	return &c
}

func values(series []Series) [][]float64 {
	var out [][]float64
	for _, s := range series {
		out = append(out, s.Y, s.Low, s.Top)
	}
	return out
}

// logarithmic tells whether values can stand on a logarithmic axis: none is
// negative and at least one is positive.
func logarithmic(series ...[]float64) bool {
	positive := false
	for _, s := range series {
		for _, v := range s {
			if v < 0 {
				return false
			}
			positive = positive || v > 0 && !math.IsInf(v, 1)
		}
	}
	return positive
}
