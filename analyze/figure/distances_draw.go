package figure

import (
	"cmp"
	"fmt"
	"image/color"
	"math"
	"slices"

	"sgdwalk/analyze/figure/internal/canvas"
	"sgdwalk/analyze/figure/internal/plane"
)

func (d *Distances) Draw(p *canvas.Page) {
	s := d.relief()
	at := d.lay(p, &s)
	d.drawTiles(p, at.f, &s)
	p.Axes(at.f, at.f.Box.X0-p.YMargin(at.f.Y, at.f.Box.H())-p.Font*0.35, true)
	d.drawMarks(p, at.f, at.labels)
	at.bar.Draw(p, &s, s.BandColors(), at.barBox)
}

// matrixPlace is where the parts of the figure go.
type matrixPlace struct {
	f      canvas.Frame
	bar    plane.ColorBar
	barBox canvas.Rect
	labels []markLabel
	spare  float64 // height that the square leaves empty
}

// lay finds the place of everything, and draws title, notes and legend.
func (d *Distances) lay(p *canvas.Page, s *plane.Relief) matrixPlace {
	n := float64(len(d.Steps))
	x := canvas.Axis{Lo: -0.5, Hi: n - 0.5, Label: cmp.Or(d.XLabel, "checkpoint (step)")}
	y := canvas.Axis{Lo: -0.5, Hi: n - 0.5, Label: cmp.Or(d.YLabel, "checkpoint (step)")}
	at := matrixPlace{
		f: canvas.Frame{X: x, Y: y}, labels: d.markLabels(p),
		bar: plane.NewColorBar(p, s, cmp.Or(d.ValueLabel, "distance")),
	}
	top, side := 0.0, 0.0 // for the marks and their labels
	if len(d.Marks) > 0 {
		top, side = p.Font*markRoom, p.Font*markRoom
	}
	for _, l := range at.labels {
		side = max(side, p.Font*(markRoom+markLeader+0.4)+l.text.Width())
	}
	m := p.Font * 0.7
	box := p.Footnotes(d.notes(s), canvas.Box(m, m, p.W-m, p.H-m))
	box = p.Heading(d.Title, d.Subtitle, box)
	entries := d.entries(s)
	legend := func(left float64, draw bool) float64 {
		return p.Legend(entries, canvas.Box(left, box.Y0, box.X1, box.Y1), draw).Y1
	}
	room := canvas.Box(box.X0, box.Y0, box.X1-at.bar.Width-side, box.Y1)
	for range 4 {
		// The ticks depend on the frame, and the frame on the widest label.
		at.f.Box = square(room)
		at.f.X.Fixed = d.ticks(p, at.f)
		at.f.Y.Fixed = at.f.X.Fixed
		room.X0 = box.X0 + p.YLabelRoom(at.f.Y, at.f.Box.H()) + p.Font*0.3 + p.YMargin(at.f.Y, at.f.Box.H())
		room.Y0 = box.Y0 + p.XMargin(at.f.X, at.f.Box.W())
		room.Y1 = legend(room.X0, false) - top
	}
	at.f.Box = square(room)
	legend(room.X0, true)
	right := at.f.Box.X1 + side
	at.barBox = canvas.Box(right, at.f.Box.Y0, right+at.bar.Width, at.f.Box.Y1)
	at.spare = at.f.Box.Y0 - room.Y0
	return at
}

// wideRatio is the height over the width of a figure whose square is as wide as it can be. It
// is laid out once on a high sheet to see what stays empty.
func (d *Distances) wideRatio() float64 {
	const high = 2
	s := d.Style.WithDefaults(high)
	if _, err := canvas.Fonts(); err != nil || s.Validate() != nil || d.Validate() != nil {
		return high // drawing reports the error
	}
	p := &canvas.Page{W: s.Width * 72, H: s.Width * 72 * high, Font: s.FontSize, Theme: canvas.ThemeOf(false)}
	p.Device = canvas.NewSVG(p.W, p.H, p.Theme.Background, "", "")
	relief := d.relief()
	return (p.H - d.lay(p, &relief).spare) / p.W
}

// square returns the largest square in r, at the top and on the left.
func square(r canvas.Rect) canvas.Rect {
	side := min(r.W(), r.H())
	return canvas.Box(r.X0, r.Y1-side, r.X0+side, r.Y1)
}

// zero is the colour of distance zero, darker than all colours of the bar.
var zero = canvas.Gray(0)

func (d *Distances) drawTiles(p *canvas.Page, f canvas.Frame, s *plane.Relief) {
	edges := make([]float64, len(d.Steps)+1)
	for i := range edges {
		edges[i] = float64(i) - 0.5
	}
	s.DrawTilesBetween(p, f, edges, edges)
	plane.FillTiles(p, f, edges, edges, func(i, j int) bool { return d.Values[j][i] == 0 }, zero)
}

func (d *Distances) notes(s *plane.Relief) []string {
	var out []string
	if s.Above > 0 {
		out = append(out, fmt.Sprintf("Distances above %s share the top colour; the largest is %s.", canvas.Short(s.Hi),
			canvas.Short(s.Max)))
	}
	if s.Below > 0 {
		out = append(out, fmt.Sprintf("Distances below %s share the bottom colour; the smallest is %s.",
			canvas.Short(s.Lo), canvas.Short(s.Min)))
	}
	return append(out, d.Notes...)
}

func (d *Distances) entries(s *plane.Relief) []canvas.Entry {
	out := []canvas.Entry{canvas.BoxEntry("0: equal values", func(p *canvas.Page, r canvas.Rect) {
		var b canvas.Path
		b.Box(r)
		p.Fill(b, zero)
		p.Stroke(b, canvas.Pen{Width: 0.5, Color: p.Theme.Muted})
	})}
	if s.Missing > 0 {
		out = append(out, canvas.BoxEntry("no distance",
			func(p *canvas.Page, r canvas.Rect) { plane.HatchMissing(p, []canvas.Rect{r}) }))
	}
	for _, k := range markKinds {
		if n := d.count(k); n > 0 {
			out = append(out, canvas.MarkEntry(fmt.Sprintf("%s (%d)", k, n), func(p *canvas.Page, at canvas.Point) {
				k.draw(p, at.Sub(canvas.Pt(0, p.Font*markSize/2)), p.Font*markSize, 0)
			}))
		}
	}
	return out
}

// Sizes of the marks in parts of the base font.
const (
	markRoom   = 0.9
	markSize   = 0.62
	markLeader = 1.0
)

// draw draws a mark whose tip is at a point; with turn 0 the tip is below the mark. The
// kinds differ in their shapes too, for a print without colours.
func (k MarkKind) draw(p *canvas.Page, tip canvas.Point, size, turn float64) {
	at := func(x, y float64) canvas.Point { return tip.Add(canvas.Pt(x*size, y*size).Rotate(turn)) }
	var c canvas.Path
	switch k {
	case MarkError:
		c.Polygon(at(0, 0), at(0.55, 1), at(-0.55, 1))
		p.Fill(c, p.Theme.Accent)
		p.Stroke(c, canvas.Pen{Width: 0.3, Color: p.Theme.Ink})
	case MarkWarning:
		c.Polygon(at(0, 0), at(0.5, 0.5), at(0, 1), at(-0.5, 0.5))
		p.Fill(c, warningColor)
		p.Stroke(c, canvas.Pen{Width: 0.6, Color: p.Theme.Ink})
	default:
		c.Circle(at(0, 0.5), size*0.36)
		p.Stroke(c, canvas.Pen{Width: 0.8, Color: p.Theme.Ink})
	}
}

var warningColor = color.NRGBA{240, 190, 60, 255}

// drawMarks draws the marks at the top and at the right side, the most important last, over
// the others, and the labels on the right.
func (d *Distances) drawMarks(p *canvas.Page, f canvas.Frame, labels []markLabel) {
	size, gap := p.Font*markSize, p.Font*0.12
	for _, k := range slices.Backward(markKinds) {
		for _, m := range d.Marks {
			if m.Kind == k {
				at := f.At(d.place(m.Step), d.place(m.Step))
				k.draw(p, canvas.Pt(at.X, f.Box.Y1+gap), size, 0)
				k.draw(p, canvas.Pt(f.Box.X1+gap, at.Y), size, -math.Pi/2)
			}
		}
	}
	slices.SortStableFunc(labels, func(a, b markLabel) int { return cmp.Compare(a.step, b.step) })
	places := make([]float64, len(labels))
	for i, l := range labels {
		places[i] = f.At(0, d.place(l.step)).Y
	}
	line := p.Font * 1.15
	spread := canvas.SpreadApart(places, line, f.Box.Y0+line/2, f.Box.Y1-line/2)
	var leaders canvas.Path
	for i, l := range labels {
		from := canvas.Pt(f.Box.X1+gap+size, places[i])
		to := canvas.Pt(from.X+p.Font*markLeader, spread[i])
		leaders.Segment(from, to)
		l.text.Draw(p, to.Add(canvas.Pt(p.Font*0.25, 0)), 0, 0.5)
	}
	p.Stroke(leaders, canvas.Pen{Width: 0.4, Color: p.Theme.Muted})
}

// markLabel is the text of a mark.
type markLabel struct {
	step int64
	text canvas.Label
}

// markLabels returns the labels of the kinds that are few enough, the most important first.
func (d *Distances) markLabels(p *canvas.Page) []markLabel {
	var out []markLabel
	for _, k := range markKinds {
		if len(out)+d.count(k) > mostMarkLabels {
			return out
		}
		for _, m := range d.Marks {
			if m.Kind != k {
				continue
			}
			text := fmt.Sprint(m.Step)
			if m.Text != "" && p.W > 5*72 {
				text += " " + m.Text
			}
			out = append(out, markLabel{m.Step, p.Label(text, canvas.TickScale, p.Theme.Ink)})
		}
	}
	return out
}
