package figure

import (
	"fmt"
	"image/color"
	"math"
	"slices"
)

func (l *Landscape) draw(p *page) {
	s := l.relief()
	at := l.lay(p, &s, l.entries(p, &s, false), 0)
	l.drawMap(p, &s, at)
	l.drawPaths(p, at.f, l.trails())
	l.drawFrame(p, &s, at)
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
		x: axis{lo: l.X[0], hi: l.X[len(l.X)-1], label: orDefault(l.XLabel, "first direction")},
		y: axis{lo: l.Y[0], hi: l.Y[len(l.Y)-1], label: orDefault(l.YLabel, "second direction")},
	}
	bar := newColorBar(p, s, orDefault(l.ZLabel, "full training loss"))
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

// drawMap paints the bands and the contours.
func (l *Landscape) drawMap(p *page, s *relief, at mapPlace) {
	colors := s.bandColors()
	if l.Mosaic {
		l.drawTiles(p, at.f, s, colors)
		return
	}
	fine := s.refine(l.refinement(at.f))
	links := make([][]link, len(s.levels))
	for k, level := range s.levels {
		links[k] = fine.links(level)
	}
	l.drawCells(p, at.f, s, &fine, links, colors)
	l.drawContours(p, at.f, s, &fine, links, colors)
}

// drawFrame draws what stands over the map and around it.
func (l *Landscape) drawFrame(p *page, s *relief, at mapPlace) {
	p.axes(at.f, at.labelX, true)
	at.bar.draw(p, s, s.bandColors(), at.barBox)
}

// refinement is how many times the grid is refined for drawing, so that no piece
// of a contour is longer than about two points.
func (l *Landscape) refinement(f panel) int {
	cell := math.Max(f.frame.w()/float64(len(l.X)-1), f.frame.h()/float64(len(l.Y)-1))
	return max(1, min(12, int(math.Ceil(cell/2.2))))
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

func (l *Landscape) notes(s *relief) []string {
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
	return append(out, l.Notes...)
}

// drawCells paints the bands, each over the ones below it, so that no hairline
// shows between two of them, and then the cells without a value.
func (l *Landscape) drawCells(p *page, f panel, s *relief, fine *field, links [][]link, colors []color.NRGBA) {
	nx := len(l.X)
	var missing, infinite []rect
	for j := range len(l.Y) - 1 {
		for i := range nx - 1 {
			if s.cellOK(i, j) {
				continue
			}
			a, b := f.at(l.X[i], l.Y[j]), f.at(l.X[i+1], l.Y[j+1])
			r := rect{a.X, a.Y, b.X, b.Y}
			inf := true
			for _, k := range [4]int{j*nx + i, j*nx + i + 1, (j+1)*nx + i, (j+1)*nx + i + 1} {
				inf = inf && (s.ok[k] || s.infinite[k])
			}
			if inf {
				infinite = append(infinite, r)
			} else {
				missing = append(missing, r)
			}
		}
	}
	all := math.Inf(-1)
	p.fill(regionPath(f, fine.region(fine.links(all), all)), colors[0])
	for k, level := range s.levels {
		p.fill(regionPath(f, fine.region(links[k], level)), colors[k+1])
	}
	p.hatchMissing(missing)
	p.hatchInfinite(infinite, colors[len(colors)-1])
}

// drawTiles paints every grid point as the rectangle of what is nearest to it.
func (l *Landscape) drawTiles(p *page, f panel, s *relief, colors []color.NRGBA) {
	x, y := edgesBetween(l.X), edgesBetween(l.Y)
	byColor := make([]path, len(colors))
	var missing, infinite []rect
	for j := range l.Y {
		for i := range l.X {
			a, b := f.at(x[i], y[j]), f.at(x[i+1], y[j+1])
			switch k := j*len(l.X) + i; {
			case s.infinite[k]:
				infinite = append(infinite, rect{a.X, a.Y, b.X, b.Y})
			case !s.ok[k]:
				missing = append(missing, rect{a.X, a.Y, b.X, b.Y})
			default:
				band, on := slices.BinarySearch(s.levels, s.z[k])
				if on {
					band++
				}
				byColor[band].polygon(a, point{b.X, a.Y}, b, point{a.X, b.Y})
			}
		}
	}
	for band, tiles := range byColor {
		p.fill(tiles, colors[band])
	}
	p.hatchMissing(missing)
	p.hatchInfinite(infinite, colors[len(colors)-1])
}

// edgesBetween returns the middles between coordinates, and the ends.
func edgesBetween(v []float64) []float64 {
	out := []float64{v[0]}
	for i := 1; i < len(v); i++ {
		out = append(out, v[i-1]/2+v[i]/2)
	}
	return append(out, v[len(v)-1])
}

func (p *page) hatchMissing(boxes []rect) {
	if len(boxes) > 0 {
		p.hatch(boxes, p.theme.gap, p.theme.muted, false)
	}
}

func (p *page) hatchInfinite(boxes []rect, top color.NRGBA) {
	if len(boxes) > 0 {
		p.hatch(boxes, top, gray(30), true)
	}
}

func regionPath(f panel, lines []line) path {
	var out path
	for _, c := range lines {
		pts := make([]point, len(c.pts))
		for i, q := range c.pts {
			pts[i] = f.at(q.X, q.Y)
		}
		out.polygon(pts...)
	}
	return out
}

// onColor returns a line colour and a letter colour that can be read on c.
func onColor(c color.NRGBA) (stroke, letters color.NRGBA) {
	if toOklab(c).L > 0.60 {
		return withAlpha(gray(10), 0.55), gray(10)
	}
	return withAlpha(gray(255), 0.65), gray(255)
}

func (l *Landscape) drawContours(p *page, f panel, s *relief, fine *field, links [][]link, colors []color.NRGBA) {
	contours := make([][]line, len(s.levels))
	for k, level := range s.levels {
		for _, c := range fine.contours(links[k], level) {
			for i, q := range c.pts {
				c.pts[i] = f.at(q.X, q.Y)
			}
			contours[k] = append(contours[k], c)
		}
	}
	placer := newLabelPlacer(f, p.font*0.8, l.pathsOnPage(f), contours)
	labels := levelLabels(s.levels, s.log)
	for k := range s.levels {
		stroke, letters := onColor(mix(colors[k], colors[k+1], 0.5))
		var strokes path
		for _, piece := range placer.place(labels[k], contours[k], letters) {
			strokes.chain(piece.pts, piece.closed)
		}
		p.stroke(strokes, s.contourPen(s.levels[k], stroke))
	}
	for _, t := range placer.placed {
		t.label.draw(p, t.at, 0.5, 0.5)
	}
}

func (l *Landscape) entries(p *page, s *relief, moving bool) []entry {
	out := l.pathEntries(moving)
	out = append(out, s.signEntry(p)...)
	if s.missing > 0 {
		out = append(out, boxEntry("no value", func(p *page, r rect) { p.hatchMissing([]rect{r}) }))
	}
	if s.infCount > 0 {
		colors := s.bandColors()
		out = append(out, boxEntry("+Inf", func(p *page, r rect) { p.hatchInfinite([]rect{r}, colors[len(colors)-1]) }))
	}
	return out
}
