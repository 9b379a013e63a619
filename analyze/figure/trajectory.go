package figure

import (
	"cmp"
	"fmt"
	"math"

	"sgdwalk/analyze/figure/internal/canvas"
	"sgdwalk/analyze/figure/internal/plane"
	"sgdwalk/record"
)

// Trajectory is the path of a run on a plane without a landscape:
// what is known before any loss is evaluated. It has the marks and line widths of a
// [Landscape].
type Trajectory struct {
	Path []PathPoint // in order of steps, at least one

	Title    string
	Subtitle string // beneath the title in smaller letters: the run
	XLabel   string
	YLabel   string
	Notes    []string
	Style    Style
}

var _ Figure = (*Trajectory)(nil)

// landscape is one without a grid: its ranges hold the paths.
func (t *Trajectory) landscape() *Landscape {
	l := &Landscape{
		Path: t.Path, Title: t.Title, Subtitle: t.Subtitle, XLabel: t.XLabel, YLabel: t.YLabel, Notes: t.Notes, Style: t.Style,
	}
	var a, b []float64
	for _, q := range t.Path {
		a, b = append(a, q.A), append(b, q.B)
	}
	x, y := canvas.SpreadBy(0.08, false, a), canvas.SpreadBy(0.08, false, b)
	l.X, l.Y = []float64{x.Lo, x.Hi}, []float64{y.Lo, y.Hi}
	return l
}

func (t *Trajectory) Defaults() (Style, float64) { return t.landscape().Defaults() }
func (t *Trajectory) Heading() string            { return cmp.Or(t.Title, "Trajectory") }

func (t *Trajectory) WithStyle(s Style) Figure { c := *t; c.Style = s; return &c }

// WithLabels implements Figure.
func (t *Trajectory) WithLabels(l Labels) Figure {
	c := *t
	l.replace(&c.Title, &c.Subtitle, &c.XLabel, &c.YLabel)
	return &c
}

func (t *Trajectory) WithScale(Scale) Figure { c := *t; return &c } // coordinates have a sign

// Validate implements Figure.
func (t *Trajectory) Validate() error {
	if len(t.Path) == 0 {
		return fmt.Errorf("%w: Trajectory.Path is empty; it must have at least one iterate", ErrInput)
	}
	return nil
}

// Table implements Figure: one row per iterate, path after path.
func (t *Trajectory) Table() record.Table {
	l := t.landscape()
	l.X, l.Y = nil, nil
	all := l.Table()
	var out record.Table
	for _, c := range all.Columns {
		switch c.Name {
		case "run", "a", "b", "step", "epoch", "residual":
			out.Columns = append(out.Columns, c)
		}
	}
	return out
}

// Alt implements Figure.
func (t *Trajectory) Alt() string {
	return fmt.Sprintf("The walk on a plane, %s over %s", cmp.Or(t.YLabel, "the second direction"),
		cmp.Or(t.XLabel, "the first")) +
		pathsAlt(t.landscape().Trails()) + "."
}

func (t *Trajectory) Draw(p *canvas.Page) {
	l := t.landscape()
	s := plane.Relief{Min: math.NaN(), Max: math.NaN()}
	pens := l.Pens(&s)
	at := l.lay(p, &s, pens, false, 0)
	p.Gridlines(at.f)
	plane.DrawPaths(p, at.path, l.Trails(), pens)
	l.drawFrame(p, &s, &at)
}
