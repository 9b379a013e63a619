package figure

import (
	"fmt"
	"image/color"
	"math"
)

func (l *Landscape) draw(p *page) {
	s := l.surface()
	m := p.font * 0.7
	box := p.footnotes(l.notes(&s), rect{m, m, p.w - m, p.h - m})
	box = p.heading(l.Title, box)

	f := panel{
		x: axis{lo: l.X[0], hi: l.X[len(l.X)-1], label: orDefault(l.XLabel, "first direction")},
		y: axis{lo: l.Y[0], hi: l.Y[len(l.Y)-1], label: orDefault(l.YLabel, "second direction")},
	}
	bar := newColorBar(p, &s, orDefault(l.ZLabel, "full training loss"))
	frame := rect{box.X0, box.Y0, box.X1 - bar.width, box.Y1}
	entries := l.entries(p, &s)
	frame.Y1 = p.legend(entries, rect{box.X0, box.Y0, box.X1, box.Y1}, false).Y1 - p.font*0.1
	// The labels may wrap, which depends on the frame, which depends on the
	// labels: twice is enough, for the frame only shrinks.
	var yLines int
	for range 2 {
		_, _, yLabel := f.y.ticks(frame.h(), p.font*yTickRoom)
		yLines = len(p.labelLines(yLabel, frame.h()*1.08))
		frame.X0 = box.X0 + p.font*(0.15+1.15*float64(yLines)) + p.yMargin(f.y, frame.h())
		frame.Y0 = box.Y0 + p.xMargin(f.x.label, frame.w())
	}
	if l.EqualAspect {
		frame = equalAspect(frame, f)
	}
	f.frame = frame
	p.legend(entries, rect{f.frame.X0, box.Y0, box.X1, f.frame.Y1 + box.Y1 - frame.Y1}, true)

	colors := s.bandColors()
	fine := s.refine(l.refinement(f))
	links := make([][]link, len(s.levels))
	for k, level := range s.levels {
		links[k] = fine.links(level)
	}
	l.drawCells(p, f, &s, &fine, links, colors)
	l.drawContours(p, f, &s, &fine, links, colors)
	l.drawPath(p, f)
	p.axes(f, f.frame.X0-p.yMargin(f.y, frame.h())-p.font*0.35, true)
	bar.draw(p, &s, colors, rect{f.frame.X1, f.frame.Y0, f.frame.X1 + bar.width, f.frame.Y1})
}

// refinement is how many times the grid is refined for drawing, so that no piece
// of a contour is longer than about two points.
func (l *Landscape) refinement(f panel) int {
	if l.Unrefined {
		return 1
	}
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

func (l *Landscape) notes(s *surface) []string {
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
	outside := 0
	for _, q := range l.Path {
		if !(q.A >= l.X[0] && q.A <= l.X[len(l.X)-1] && q.B >= l.Y[0] && q.B <= l.Y[len(l.Y)-1]) {
			outside++
		}
	}
	if outside > 0 {
		out = append(out, fmt.Sprintf("%d of %d iterates are outside the grid.", outside, len(l.Path)))
	}
	return append(out, l.Notes...)
}

// bandColors returns one colour per band: below the first level, between two
// levels, above the last.
func (s *surface) bandColors() []color.NRGBA {
	m := sequential()
	n := len(s.levels) + 1
	out := make([]color.NRGBA, n)
	for i := range out {
		t := 0.5
		if n > 1 {
			t = float64(i) / float64(n-1)
		}
		out[i] = m.at(t)
	}
	return out
}

// drawCells paints the bands, each over the ones below it, so that no hairline
// shows between two of them, and then the cells without a value.
func (l *Landscape) drawCells(p *page, f panel, s *surface, fine *field, links [][]link, colors []color.NRGBA) {
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

func (l *Landscape) drawContours(p *page, f panel, s *surface, fine *field, links [][]link, colors []color.NRGBA) {
	contours := make([][]line, len(s.levels))
	for k, level := range s.levels {
		for _, c := range fine.contours(links[k], level) {
			for i, q := range c.pts {
				c.pts[i] = f.at(q.X, q.Y)
			}
			contours[k] = append(contours[k], c)
		}
	}
	placer := newLabelPlacer(f, p.font*0.8, l.pathOnPage(f), contours)
	labels := levelLabels(s.levels, s.log)
	for k := range s.levels {
		stroke, letters := onColor(mix(colors[k], colors[k+1], 0.5))
		var strokes path
		for _, piece := range placer.place(labels[k], contours[k], letters) {
			strokes.chain(piece.pts, piece.closed)
		}
		p.stroke(strokes, pen{width: 0.55, color: stroke})
	}
	for _, t := range placer.placed {
		t.label.draw(p, t.at, 0.5, 0.5)
	}
}

func (l *Landscape) entries(p *page, s *surface) []entry {
	out := l.pathEntries(p)
	if s.missing > 0 {
		out = append(out, boxEntry("no value", func(p *page, r rect) { p.hatchMissing([]rect{r}) }))
	}
	if s.infCount > 0 {
		colors := s.bandColors()
		out = append(out, boxEntry("+Inf", func(p *page, r rect) { p.hatchInfinite([]rect{r}, colors[len(colors)-1]) }))
	}
	return out
}
