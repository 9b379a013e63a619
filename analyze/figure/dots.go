package figure

import (
	"cmp"
	"fmt"
	"math"

	"sgdwalk/analyze/figure/internal/canvas"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/record"
)

// Dots compares quantities of several groups that have no order on an axis: one row a group,
// one column a quantity. A small open mark is one value, a filled one is the mean, and a line
// goes from the lowest to the highest. Row i has the colour and the mark of group i of
// [Panels] and [Runs].
type Dots struct {
	Groups   []string // the rows from the top, at least one
	Columns  []DotColumn
	Title    string
	Subtitle string // beneath the title in smaller letters: the runs
	Notes    []string
	Style    Style
}

// DotColumn is one quantity of a [Dots].
type DotColumn struct {
	Label  string
	Values [][]float64 // of every group; NaN is not drawn
	Scale  Scale       // Auto takes a logarithm when all is positive and spans a factor of 8
}

// dotRatio is the factor from which an axis of Dots is logarithmic.
const dotRatio = 8

var _ Figure = (*Dots)(nil)

// Defaults implements Figure.
func (d *Dots) Defaults() (Style, float64) {
	s := d.Style.WithDefaults(1)
	rows := float64(len(d.Groups)) * s.FontSize * 1.7
	height := rows + s.FontSize*9
	if s.Width*72 < wideFigure {
		height = (rows+s.FontSize*5)*float64(len(d.Columns)) + s.FontSize*5
	}
	return d.Style, min(height/(s.Width*72), 2.4)
}

// Heading implements Figure.
func (d *Dots) Heading() string { return cmp.Or(d.Title, "Groups") }

// Validate implements Figure.
func (d *Dots) Validate() error {
	if len(d.Groups) == 0 || len(d.Columns) == 0 {
		return fmt.Errorf("%w: Dots has %d groups and %d columns; it must have at least one of each", ErrInput, len(d.Groups),
			len(d.Columns))
	}
	for i, c := range d.Columns {
		if len(c.Values) != len(d.Groups) {
			return fmt.Errorf("%w: Dots.Columns[%d].Values has %d groups; Groups has %d", ErrInput, i, len(c.Values),
				len(d.Groups))
		}
		if err := c.Scale.validate(fmt.Sprintf("Dots.Columns[%d].Scale", i)); err != nil {
			return err
		}
	}
	return nil
}

// Table implements Figure: one row per value, column after column.
func (d *Dots) Table() record.Table {
	type row struct {
		Quantity string  `col:"quantity"`
		Group    string  `col:"group"`
		Value    float64 `col:"value"`
	}
	var t column.Builder[row]
	for _, c := range d.Columns {
		for i, values := range c.Values {
			for _, v := range values {
				if !math.IsNaN(v) {
					t.Add(row{c.Label, d.Groups[i], v})
				}
			}
		}
	}
	return t.Table()
}

// Alt implements Figure.
func (d *Dots) Alt() string {
	text := fmt.Sprintf("%d groups compared", len(d.Groups))
	for _, c := range d.Columns {
		text += "; " + c.Label
		for i, name := range d.Groups {
			if mean, _, _, ok := spreadOf(c.Values[i]); ok {
				text += fmt.Sprintf(", %s %s", name, canvas.Short(mean))
			}
		}
	}
	return text + "."
}

// spreadOf returns the mean and the range of the finite values.
func spreadOf(values []float64) (mean, low, high float64, ok bool) {
	n := 0.0
	low, high = math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if canvas.Finite(v) {
			mean, n = mean+v, n+1
			low, high = math.Min(low, v), math.Max(high, v)
		}
	}
	return mean / n, low, high, n > 0
}

// Draw implements Figure.
func (d *Dots) Draw(p *canvas.Page) {
	m := p.Font * 0.7
	box := p.Footnotes(d.Notes, canvas.Box(m, m, p.W-m, p.H-m))
	box = p.Heading(d.Title, d.Subtitle, box)
	names := 0.0
	for _, name := range d.Groups {
		names = math.Max(names, p.Label(name, canvas.TickScale, p.Theme.Ink).Width())
	}
	names += p.Font * 1.8
	n := float64(len(d.Columns))
	gap := p.Font * 1.6
	for k, c := range d.Columns {
		f := canvas.Frame{X: c.axis(), Y: canvas.Axis{Lo: float64(len(d.Groups)) - 0.5, Hi: -0.5, Fixed: []canvas.Tick{}}}
		f.X.Label = c.Label
		if p.W >= wideFigure {
			w := (box.W() - names - gap*n) / n
			x0 := box.X0 + names + float64(k)*(w+gap)
			f.Box = canvas.Box(x0, box.Y0, x0+w, box.Y1-p.Font*0.3)
		} else {
			h := box.H() / n
			f.Box = canvas.Box(box.X0+names, box.Y1-float64(k+1)*h, box.X1-p.Font*0.8, box.Y1-float64(k)*h-p.Font*0.5)
		}
		f.Box.Y0 += p.XMargin(f.X, f.Box.W())
		p.Gridlines(f)
		d.drawColumn(p, f, c)
		p.Axes(f, f.Box.X0, true)
		if k == 0 || p.W < wideFigure {
			d.drawNames(p, f)
		}
	}
}

// axis holds all values of the column.
func (c *DotColumn) axis() canvas.Axis {
	return canvas.Spread(c.Scale == Log || c.Scale == Auto && canvas.WantsLog(dotRatio, c.Values...), c.Values...)
}

func (d *Dots) drawColumn(p *canvas.Page, f canvas.Frame, c DotColumn) {
	for i, values := range c.Values {
		mean, low, high, ok := spreadOf(values)
		y := float64(i)
		var rule canvas.Path
		rule.Segment(canvas.Pt(f.Box.X0, f.At(f.X.Lo, y).Y), canvas.Pt(f.Box.X1, f.At(f.X.Lo, y).Y))
		p.Stroke(rule, canvas.Pen{Width: 0.4, Color: p.Theme.Grid})
		if !ok {
			at := f.At(f.X.Lo, y).Add(canvas.Pt(p.Font*0.4, 0))
			p.Label("no value", noteSize, p.Theme.Muted).Draw(p, at, 0, 0.5)
			continue
		}
		who := p.Theme.Identity(i)
		var line canvas.Path
		line.Segment(f.At(low, y), f.At(high, y))
		p.Stroke(line, canvas.Pen{Width: 0.9, Color: who.Color})
		p.MarkAt(who, f.At(mean, y), p.Font*0.36)
		for _, v := range values {
			if at := f.At(v, y); f.Box.Contains(at) && len(values) > 1 {
				openMark(p, at, who)
			}
		}
	}
}

// drawNames writes the names of the groups on the left of a frame.
func (d *Dots) drawNames(p *canvas.Page, f canvas.Frame) {
	for i, name := range d.Groups {
		at := canvas.Pt(f.Box.X0-p.Font*0.5, f.At(f.X.Lo, float64(i)).Y)
		text := p.Label(name, canvas.TickScale, p.Theme.Ink)
		text.Draw(p, at, 1, 0.5)
		p.MarkAt(p.Theme.Identity(i), at.Sub(canvas.Pt(text.Width()+p.Font*0.65, 0)), p.Font*0.34)
	}
}

// WithStyle implements Figure.
func (d *Dots) WithStyle(s Style) Figure { c := *d; c.Style = s; return &c }

// WithLabels implements Figure. The label of x is that of the first column.
func (d *Dots) WithLabels(l Labels) Figure {
	c := *d
	c.Columns = append([]DotColumn(nil), d.Columns...)
	l.replace(&c.Title, &c.Subtitle, &c.Columns[0].Label)
	return &c
}

// WithScale implements Figure.
func (d *Dots) WithScale(s Scale) Figure {
	c := *d
	c.Columns = append([]DotColumn(nil), d.Columns...)
	for i := range c.Columns {
		if q := &c.Columns[i]; q.Scale == Auto && (s != Log || logarithmic(q.Values...)) {
			q.Scale = s
		}
	}
	return &c
}
