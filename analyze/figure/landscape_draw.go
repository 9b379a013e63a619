package figure

import (
	"cmp"
	"fmt"

	"sgdwalk/analyze/figure/internal/canvas"
	"sgdwalk/analyze/figure/internal/plane"
)

func (l *Landscape) Draw(p *canvas.Page) {
	s := l.Relief()
	trails := l.Trails()
	pens := l.Pens(&s)
	at := l.lay(p, &s, pens, false, 0)
	l.drawMap(p, &s, &at, trails, pens)
	if at.inset == nil { // the frame covers the halo of a path that leaves it
		plane.DrawPaths(p, at.path, trails, pens)
	}
	l.drawFrame(p, &s, &at)
	if at.inset != nil {
		plane.DrawPaths(p, at.path, trails, pens)
	}
}

// DrawStill draws all of a landscape except its paths, and keeps a line of the given height
// free over the frame. The paths are whole. It returns the frame of the paths, the pens that
// draw them, and the left end of that line, at half of its height, for package animate.
func (l *Landscape) DrawStill(p *canvas.Page, trails []plane.Trail, line float64,
) (canvas.Frame, *plane.Pens, canvas.Point) {
	s := l.Relief()
	pens := l.Pens(&s)
	at := l.lay(p, &s, pens, true, line)
	l.drawMap(p, &s, &at, trails, pens)
	l.drawFrame(p, &s, &at)
	return at.path, pens, at.status
}

// Pens returns the pens of the paths over a relief of the landscape.
func (l *Landscape) Pens(s *plane.Relief) *plane.Pens {
	pens := plane.NewPens(l.Trails())
	if l.PathLoss {
		pens.Loss = s.ColorOf()
	}
	return pens
}

func (l *Landscape) drawMap(p *canvas.Page, s *plane.Relief, at *mapPlace, trails []plane.Trail, pens *plane.Pens) {
	if l.Mosaic {
		s.DrawTiles(p, at.f)
		return
	}
	avoid := at.inset.places()
	if at.inset == nil {
		avoid = plane.PathsOnPage(p, at.f, trails, pens)
	}
	s.DrawMap(p, at.f, avoid)
}

// mapPlace is where the parts of a landscape go.
type mapPlace struct {
	f      canvas.Frame
	path   canvas.Frame // of the paths: f, or the one of the inset
	inset  *closeup     // nil when the paths are drawn on the map
	labelX float64      // of the y label
	above  []string     // the y label when it is above the frame, in lines
	bar    plane.ColorBar
	barBox canvas.Rect
	spare  float64      // height that equal units leave empty
	status canvas.Point // left end of the middle of a line of text over the frame
}

// flat is the height over the width below which the colour bar is beneath the map and the label
// of the y axis above it: next to a flat map they would have no room.
const flat = 0.5

// The label of a y axis above its frame.
const (
	upwards   = "\u2191 "
	aboveLine = 1.15 // height of a line in parts of the base font
)

const secondDirection = "second direction" // the y axis without a label

// lay finds the place of everything, draws title, notes and legend, and keeps a
// line of the given height free over the frame.
func (l *Landscape) lay(p *canvas.Page, s *plane.Relief, pens *plane.Pens, moving bool, status float64) mapPlace {
	entries := l.entries(p, s, pens, moving)
	m := p.Font * 0.7
	shape := l.shape(p)
	box := p.Footnotes(append(l.notes(s), shape.notes()...), canvas.Box(m, m, p.W-m, p.H-m))
	box = p.Heading(l.Title, l.Subtitle, box)

	f := canvas.Frame{
		X: canvas.Axis{Lo: l.X[0], Hi: l.X[len(l.X)-1], Label: cmp.Or(l.XLabel, "first direction")},
		Y: canvas.Axis{Lo: l.Y[0], Hi: l.Y[len(l.Y)-1], Label: cmp.Or(l.YLabel, secondDirection)},
	}
	text := cmp.Or(l.ZLabel, "full training loss")
	bar := plane.NewColorBar(p, s, text)
	frame := canvas.Box(box.X0, box.Y0, box.X1-bar.Width, box.Y1)
	beneath := !l.FreeAxes && shape.ratio < flat
	var above []string
	if beneath {
		frame.X1 = box.X1 - p.Font*1.2 // the last number of the axis is wider than its tick
		f.Y.Label = ""
	}
	// The legend is above the frame. It begins further left where that saves a row.
	left := func() float64 {
		over := p.Legend(entries, canvas.Box(frame.X0, box.Y0, box.X1, box.Y1), false)
		if wide := p.Legend(entries, box, false); wide.Y1 > over.Y1+1 {
			return box.X0
		}
		return frame.X0
	}
	// The labels may wrap, which depends on the frame, which depends on the
	// labels and on the rows of the legend: a few rounds are enough, for the frame
	// only shrinks.
	for range 8 {
		frame.Y1 = p.Legend(entries, canvas.Box(left(), box.Y0, box.X1, box.Y1-status), false).Y1 - p.Font*0.1
		if beneath {
			above = p.LabelLines(upwards+cmp.Or(l.YLabel, secondDirection), shape.fit(frame).W())
			frame.Y1 -= p.Font * aboveLine * (float64(len(above)) + 0.2)
		}
		height := shape.fit(frame).H()
		frame.X0 = box.X0 + p.YLabelRoom(f.Y, height) + p.Font*0.3 + p.YMargin(f.Y, height)
		bottom := box.Y0 + p.XMargin(f.X, shape.fit(frame).W())
		if beneath {
			bar = plane.NewColorBarBeneath(p, s, text, shape.fit(frame).W())
			bottom += bar.Width
		}
		frame.Y0 = bottom
	}
	f.Box = shape.fit(frame)
	at := mapPlace{
		f: f, path: f, above: above, labelX: f.Box.X0 - p.YMargin(f.Y, f.Box.H()) - p.Font*0.35,
		bar: bar, barBox: canvas.Box(f.Box.X1, f.Box.Y0, f.Box.X1+bar.Width, f.Box.Y1),
		spare: f.Box.Y0 - frame.Y0,
	}
	if beneath {
		top := f.Box.Y0 - p.XMargin(f.X, f.Box.W())
		at.barBox = canvas.Box(f.Box.X0, top-bar.Width, f.Box.X1, top)
	}
	if at.inset = l.insetIn(p, f); at.inset != nil {
		at.path = at.inset.f
	}
	pens.Fit(at.path, l.Trails())
	drop := box.Y1 - (frame.Y1 - f.Box.Y1)
	p.Legend(entries, canvas.Box(left(), box.Y0, box.X1, drop-status), true)
	at.status = canvas.Pt(left(), drop-status/2)
	return at
}

// drawFrame draws the axes, the colour bar and the empty inset, over the map.
func (l *Landscape) drawFrame(p *canvas.Page, s *plane.Relief, at *mapPlace) {
	p.Axes(at.f, at.labelX, true)
	for i, line := range at.above {
		y := at.f.Box.Y1 + p.Font*aboveLine*(float64(len(at.above)-1-i)+0.15)
		p.Label(line, 1, p.Theme.Ink).Draw(p, canvas.Pt(at.f.Box.X0, y), 0, 0)
	}
	at.bar.Draw(p, s, s.BandColors(), at.barBox)
	at.inset.draw(p)
}

func (l *Landscape) notes(s *plane.Relief) []string { return append(l.GridNotes(s), l.Notes...) }

// GridNotes describes what the map does not show: values that are missing or share a
// colour, iterates outside the grid.
func (l *Landscape) GridNotes(s *plane.Relief) []string {
	var out []string
	total := len(l.X) * len(l.Y)
	points := func(n int) string { return fmt.Sprintf("%d of %d grid points", n, total) }
	if s.Missing == total {
		out = append(out, "No grid point has a value.")
	} else if s.Missing > 0 {
		out = append(out, points(s.Missing)+" have no value.")
	}
	if s.InfCount > 0 {
		out = append(out, points(s.InfCount)+" are infinite.")
	}
	if s.Above > 0 {
		out = append(out, fmt.Sprintf("%s above %s share the top colour; the largest is %s.", points(s.Above),
			canvas.Short(s.Hi), canvas.Short(s.Max)))
	}
	if s.Below > 0 {
		out = append(out, fmt.Sprintf("%s below %s share the bottom colour; the smallest is %s.", points(s.Below),
			canvas.Short(s.Lo), canvas.Short(s.Min)))
	}
	if s.Min == s.Max {
		out = append(out, fmt.Sprintf("Every value is %s.", canvas.Short(s.Min)))
	}
	outside, iterates := 0, 0
	for _, t := range l.Trails() {
		iterates += len(t.Points)
		for _, q := range t.Points {
			if !(q.A >= l.X[0] && q.A <= l.X[len(l.X)-1] && q.B >= l.Y[0] && q.B <= l.Y[len(l.Y)-1]) {
				outside++
			}
		}
	}
	if outside > 0 {
		out = append(out, fmt.Sprintf("%d of %d iterates are outside the grid.", outside, iterates))
	}
	return out
}

func (l *Landscape) entries(p *canvas.Page, s *plane.Relief, pens *plane.Pens, moving bool) []canvas.Entry {
	out := plane.PathEntries(l.Trails(), pens, moving)
	out = append(out, s.SignEntry(p)...)
	if s.Missing > 0 {
		out = append(out, canvas.BoxEntry("no value",
			func(p *canvas.Page, r canvas.Rect) { plane.HatchMissing(p, []canvas.Rect{r}) }))
	}
	if s.InfCount > 0 {
		colors := s.BandColors()
		out = append(out, canvas.BoxEntry("+Inf",
			func(p *canvas.Page, r canvas.Rect) { plane.HatchInfinite(p, []canvas.Rect{r}, colors[len(colors)-1]) }))
	}
	return out
}
