package figure

import (
	"cmp"
	"math"
)

// Styled returns a copy of fig in the given style: a field of s that is not zero
// replaces fig's own. The data are shared with fig.
func Styled(fig Figure, s Style) Figure {
	own, _ := fig.Defaults()
	return fig.WithStyle(s.over(own))
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

// Scaled returns a copy of fig with the given scale for the quantity that it draws over
// the steps or the plane: the loss of a walk, the levels of a landscape, the y axis of
// line plots and spectra. Auto returns fig itself. An axis with values that have
// no logarithm, such as cosines, stays linear; so does an axis that its figure sets to
// Linear.
func Scaled(fig Figure, s Scale) Figure {
	if s == Auto {
		return fig
	}
	return fig.WithScale(s)
}

// Labels are words around a figure that replace its own. The zero value replaces none.
type Labels struct {
	Title    *string // nil keeps the title; an empty title is left out
	Subtitle *string // nil keeps the line beneath the title; an empty one is left out
	XLabel   string  // "" keeps the label
	// YLabels are those of the panels of a figure, from the top; "" keeps the label of its
	// panel. A figure with one frame takes the first.
	YLabels []string
}

// replace puts the labels into the fields of a figure; y are the fields of its panels.
func (l Labels) replace(title, subtitle, x *string, y ...*string) {
	if l.Title != nil {
		*title = *l.Title
	}
	if l.Subtitle != nil {
		*subtitle = *l.Subtitle
	}
	*x = cmp.Or(l.XLabel, *x)
	for i := range min(len(y), len(l.YLabels)) {
		*y[i] = cmp.Or(l.YLabels[i], *y[i])
	}
}

func values(series []Series) [][]float64 {
	var out [][]float64
	for _, s := range series {
		out = append(out, s.Y, s.Low, s.Top)
		for _, q := range s.Seeds {
			out = append(out, q.Y)
		}
	}
	return out
}

// logarithmic reports whether values can be drawn on a logarithmic axis: none is
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
