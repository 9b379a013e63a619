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
	pens := plane.NewPens(trails)
	at := l.lay(p, &s, pens, false, 0)
	l.drawMap(p, &s, at.f, trails, pens)
	plane.DrawPaths(p, at.f, trails, pens)
	l.drawFrame(p, &s, at)
}

// DrawStill draws all of a landscape except its paths, and keeps a line of the given
// height free over the frame. It returns the frame and the left end of that line, at
// half of its height: package animate draws on both, the paths with pens. The paths are
// whole.
func (l *Landscape) DrawStill(p *canvas.Page, trails []plane.Trail, pens *plane.Pens, line float64,
) (canvas.Frame, canvas.Point) {
	s := l.Relief()
	at := l.lay(p, &s, pens, true, line)
	l.drawMap(p, &s, at.f, trails, pens)
	l.drawFrame(p, &s, at)
	return at.f, at.status
}

func (l *Landscape) drawMap(p *canvas.Page, s *plane.Relief, f canvas.Frame, trails []plane.Trail, pens *plane.Pens) {
	if l.Mosaic {
		s.DrawTiles(p, f)
		return
	}
	s.DrawMap(p, f, plane.PathsOnPage(p, f, trails, pens))
}

// mapPlace is where the parts of a landscape go.
type mapPlace struct {
	f      canvas.Frame
	labelX float64 // of the y label
	bar    plane.ColorBar
	barBox canvas.Rect
	spare  float64      // height that an equal aspect leaves empty
	status canvas.Point // left end of the middle of a line of text over the frame
}

// lay finds the place of everything, draws title, notes and legend, and keeps a
// line of the given height free over the frame.
func (l *Landscape) lay(p *canvas.Page, s *plane.Relief, pens *plane.Pens, moving bool, status float64) mapPlace {
	entries := l.entries(p, s, pens, moving)
	m := p.Font * 0.7
	notes := l.notes(s)
	if l.tooFlat(p) {
		notes = append(notes, "The axes have different scales: at equal ones the map would be too narrow to read.")
	}
	box := p.Footnotes(notes, canvas.Box(m, m, p.W-m, p.H-m))
	box = p.Heading(l.Title, l.Subtitle, box)

	f := canvas.Frame{
		X: canvas.Axis{Lo: l.X[0], Hi: l.X[len(l.X)-1], Label: cmp.Or(l.XLabel, "first direction")},
		Y: canvas.Axis{Lo: l.Y[0], Hi: l.Y[len(l.Y)-1], Label: cmp.Or(l.YLabel, "second direction")},
	}
	bar := plane.NewColorBar(p, s, cmp.Or(l.ZLabel, "full training loss"))
	frame := canvas.Box(box.X0, box.Y0, box.X1-bar.Width, box.Y1)
	// The legend is above the frame. It begins further left where that saves a row.
	left := func() float64 {
		over := p.Legend(entries, canvas.Box(frame.X0, box.Y0, box.X1, box.Y1), false)
		if wide := p.Legend(entries, box, false); wide.Y1 > over.Y1+1 {
			return box.X0
		}
		return frame.X0
	}
	// The labels may wrap, which depends on the frame, which depends on the
	// labels and on the rows of the legend: three rounds are enough, for the frame
	// only shrinks.
	for range 3 {
		frame.Y1 = p.Legend(entries, canvas.Box(left(), box.Y0, box.X1, box.Y1-status), false).Y1 - p.Font*0.1
		height := l.fit(p, frame, f).H()
		frame.X0 = box.X0 + p.YLabelRoom(f.Y, height) + p.Font*0.3 + p.YMargin(f.Y, height)
		frame.Y0 = box.Y0 + p.XMargin(f.X, l.fit(p, frame, f).W())
	}
	f.Box = l.fit(p, frame, f)
	drop := box.Y1 - (frame.Y1 - f.Box.Y1)
	pens.Fit(f, l.Trails())
	p.Legend(entries, canvas.Box(left(), box.Y0, box.X1, drop-status), true)
	return mapPlace{
		f: f, labelX: f.Box.X0 - p.YMargin(f.Y, f.Box.H()) - p.Font*0.35,
		bar: bar, barBox: canvas.Box(f.Box.X1, f.Box.Y0, f.Box.X1+bar.Width, f.Box.Y1),
		spare:  f.Box.Y0 - frame.Y0,
		status: canvas.Pt(left(), drop-status/2),
	}
}

// drawFrame draws the axes and the colour bar, over the map.
func (l *Landscape) drawFrame(p *canvas.Page, s *plane.Relief, at mapPlace) {
	p.Axes(at.f, at.labelX, true)
	at.bar.Draw(p, s, s.BandColors(), at.barBox)
}

// equalAspect shrinks the frame so that a unit is as long on x as on y. What is
// left over is shared by both sides, or is below.
func equalAspect(r canvas.Rect, f canvas.Frame) canvas.Rect {
	sx, sy := r.W()/(f.X.Hi-f.X.Lo), r.H()/(f.Y.Hi-f.Y.Lo)
	if sx > sy {
		spare := r.W() - sy*(f.X.Hi-f.X.Lo)
		r.X0, r.X1 = r.X0+spare/2, r.X1-spare/2
	} else {
		r.Y0 = r.Y1 - sx*(f.Y.Hi-f.Y.Lo)
	}
	return r
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
