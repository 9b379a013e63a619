package figure

import (
	"cmp"
	"fmt"
)

func (l *Landscape) draw(p *page) {
	s := l.relief()
	at := l.lay(p, &s, l.entries(p, &s, false), 0)
	l.drawMap(p, &s, at.f)
	drawPaths(p, at.f, l.trails(), maxResidual(l.trails()))
	l.drawFrame(p, &s, at)
}

// drawStill draws all of a landscape except its paths, and keeps a line of the given
// height free over the frame. It returns the frame and the left end of that line, at
// half of its height: package animate draws on both.
func (l *Landscape) drawStill(p *page, line float64) (panel, point) {
	s := l.relief()
	at := l.lay(p, &s, l.entries(p, &s, true), line)
	l.drawMap(p, &s, at.f)
	l.drawFrame(p, &s, at)
	return at.f, at.status
}

func (l *Landscape) drawMap(p *page, s *relief, f panel) {
	if l.Mosaic {
		s.drawTiles(p, f)
		return
	}
	s.drawMap(p, f, pathsOnPage(f, l.trails()))
}

// mapPlace is where the parts of a landscape go.
type mapPlace struct {
	f      panel
	labelX float64 // of the y label
	bar    colorBar
	barBox rect
	spare  float64 // height that an equal aspect leaves empty
	status point   // left end of the middle of a line of text over the frame
}

// lay finds the place of everything, draws title, notes and legend, and keeps a
// line of the given height free over the frame.
func (l *Landscape) lay(p *page, s *relief, entries []entry, status float64) mapPlace {
	m := p.font * 0.7
	notes := l.notes(s)
	if l.tooFlat(p) {
		notes = append(notes, "The axes have different scales: at equal ones the map would be too narrow to read.")
	}
	box := p.footnotes(notes, rect{m, m, p.w - m, p.h - m})
	box = p.heading(l.Title, box)

	f := panel{
		x: axis{lo: l.X[0], hi: l.X[len(l.X)-1], label: cmp.Or(l.XLabel, "first direction")},
		y: axis{lo: l.Y[0], hi: l.Y[len(l.Y)-1], label: cmp.Or(l.YLabel, "second direction")},
	}
	bar := newColorBar(p, s, cmp.Or(l.ZLabel, "full training loss"))
	frame := rect{box.X0, box.Y0, box.X1 - bar.width, box.Y1}
	// A legend stands over the frame, and begins further left where that saves a row.
	left := func() float64 {
		over := p.legend(entries, rect{frame.X0, box.Y0, box.X1, box.Y1}, false)
		if wide := p.legend(entries, box, false); wide.Y1 > over.Y1+1 {
			return box.X0
		}
		return frame.X0
	}
	// The labels may wrap, which depends on the frame, which depends on the
	// labels and on the rows of the legend: three rounds are enough, for the frame
	// only shrinks.
	for range 3 {
		frame.Y1 = p.legend(entries, rect{left(), box.Y0, box.X1, box.Y1 - status}, false).Y1 - p.font*0.1
		height := l.fit(p, frame, f).h()
		frame.X0 = box.X0 + p.yLabelRoom(f.y, height) + p.font*0.3 + p.yMargin(f.y, height)
		frame.Y0 = box.Y0 + p.xMargin(f.x, l.fit(p, frame, f).w())
	}
	f.frame = l.fit(p, frame, f)
	drop := box.Y1 - (frame.Y1 - f.frame.Y1)
	p.legend(entries, rect{left(), box.Y0, box.X1, drop - status}, true)
	return mapPlace{
		f: f, labelX: f.frame.X0 - p.yMargin(f.y, f.frame.h()) - p.font*0.35,
		bar: bar, barBox: rect{f.frame.X1, f.frame.Y0, f.frame.X1 + bar.width, f.frame.Y1},
		spare:  f.frame.Y0 - frame.Y0,
		status: point{left(), drop - status/2},
	}
}

// drawFrame draws what stands over the map and around it.
func (l *Landscape) drawFrame(p *page, s *relief, at mapPlace) {
	p.axes(at.f, at.labelX, true)
	at.bar.draw(p, s, s.bandColors(), at.barBox)
}

// equalAspect shrinks the frame so that a unit is as long on x as on y. What is
// left over is shared by both sides, or is below.
func equalAspect(r rect, f panel) rect {
	sx, sy := r.w()/(f.x.hi-f.x.lo), r.h()/(f.y.hi-f.y.lo)
	if sx > sy {
		spare := r.w() - sy*(f.x.hi-f.x.lo)
		r.X0, r.X1 = r.X0+spare/2, r.X1-spare/2
	} else {
		r.Y0 = r.Y1 - sx*(f.y.hi-f.y.lo)
	}
	return r
}

func (l *Landscape) notes(s *relief) []string { return append(l.gridNotes(s), l.Notes...) }

// gridNotes says what the map does not show: values that are missing or share a
// colour, iterates outside the grid.
func (l *Landscape) gridNotes(s *relief) []string {
	var out []string
	total := len(l.X) * len(l.Y)
	points := func(n int) string { return fmt.Sprintf("%d of %d grid points", n, total) }
	if s.missing == total {
		out = append(out, "No grid point has a value.")
	} else if s.missing > 0 {
		out = append(out, points(s.missing)+" have no value.")
	}
	if s.infCount > 0 {
		out = append(out, points(s.infCount)+" are infinite.")
	}
	if s.above > 0 {
		out = append(out, fmt.Sprintf("%s above %s share the top colour; the largest is %s.", points(s.above), short(s.hi), short(s.max)))
	}
	if s.below > 0 {
		out = append(out, fmt.Sprintf("%s below %s share the bottom colour; the smallest is %s.", points(s.below), short(s.lo), short(s.min)))
	}
	if s.min == s.max {
		out = append(out, fmt.Sprintf("Every value is %s.", short(s.min)))
	}
	outside, iterates := 0, 0
	for _, t := range l.trails() {
		iterates += len(t.points)
		for _, q := range t.points {
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

func (l *Landscape) entries(p *page, s *relief, moving bool) []entry {
	out := pathEntries(l.trails(), moving)
	out = append(out, s.signEntry(p)...)
	if s.missing > 0 {
		out = append(out, boxEntry("no value", func(p *page, r rect) { hatchMissing(p, []rect{r}) }))
	}
	if s.infCount > 0 {
		colors := s.bandColors()
		out = append(out, boxEntry("+Inf", func(p *page, r rect) { hatchInfinite(p, []rect{r}, colors[len(colors)-1]) }))
	}
	return out
}
