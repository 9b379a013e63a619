package figure

import (
	"image/color"
	"math"
)

// colorBar is the scale beside a landscape: the bands in proportion to their
// values, the levels at its side, an arrow where values go beyond.
type colorBar struct {
	width  float64  // of all, from the edge of the frame
	labels []tick   // one per level that has room
	text   []string // lines
}

// Sizes in parts of the base font.
const (
	barGap   = 1.1
	barWidth = 1.2
	barArrow = 1.0
)

func newColorBar(p *page, s *relief, text string) colorBar {
	// The bar is about in the middle of the page and may be short.
	b := colorBar{text: p.labelLines(text, p.h*0.6)}
	for i, t := range levelLabels(s.levels, s.log) {
		b.labels = append(b.labels, tick{s.levels[i], t})
	}
	if len(s.levels) == 0 && !math.IsNaN(s.min) {
		b.labels = []tick{{s.min, short(s.min)}}
	}
	w := 0.0
	for _, t := range b.labels {
		w = math.Max(w, p.label(t.label, tickScale, p.theme.ink).width())
	}
	if math.IsNaN(s.min) {
		b.width = p.font * 0.8 // nothing to show
		return b
	}
	b.width = p.font*(barGap+barWidth+0.55+0.5+1.1) + w
	b.width += p.font * 1.15 * float64(len(b.text)-1)
	if text == "" {
		b.width -= p.font * 0.25
	}
	return b
}

// draw fills the box, whose left side is the right side of the frame.
func (b colorBar) draw(p *page, s *relief, colors []color.NRGBA, box rect) {
	if math.IsNaN(s.min) {
		return
	}
	bar := rect{box.X0 + p.font*barGap, box.Y0, box.X0 + p.font*(barGap+barWidth), box.Y1}
	full := bar
	if s.above > 0 || s.infCount > 0 {
		bar.Y1 -= p.font * barArrow
	}
	if s.below > 0 {
		bar.Y0 += p.font * barArrow
	}
	y := func(v float64) float64 {
		if s.hi == s.lo {
			return (bar.Y0 + bar.Y1) / 2
		}
		return bar.Y0 + math.Max(0, math.Min(1, s.along(v)))*bar.h()
	}
	from := bar.Y0
	for k, c := range colors {
		to := bar.Y1
		if k < len(s.levels) {
			to = y(s.levels[k])
		}
		var band path
		band.box(rect{bar.X0, from, bar.X1, bar.Y1}) // over the ones below: no hairlines
		p.fill(band, c)
		from = to
	}
	outline := b.arrows(p, colors, bar, full)
	p.stroke(outline, pen{width: 0.6, color: p.theme.ink})
	var marks path
	last := math.Inf(-1)
	size := p.font * tickScale
	for _, t := range b.labels {
		at := y(t.value)
		if len(s.levels) > 0 {
			marks.segment(point{bar.X0, at}, point{bar.X1 + p.font*0.25, at})
		}
		if at-last < size*1.05 {
			continue
		}
		last = at
		p.label(t.label, tickScale, p.theme.ink).draw(p, point{bar.X1 + p.font*0.5, at}, 0, 0.5)
	}
	p.stroke(marks, pen{width: 0.5, color: p.theme.ink})
	for i, line := range b.text {
		text := p.label(line, 1, p.theme.ink)
		text.angle = math.Pi / 2
		x := box.X1 - p.font*(descent+1.15*float64(len(b.text)-1-i))
		text.draw(p, point{x, (box.Y0 + box.Y1) / 2}, 0.5, 0)
	}
}

// arrows fills the points above and below the bar and returns the outline of all.
func (b colorBar) arrows(p *page, colors []color.NRGBA, bar, full rect) path {
	middle := (bar.X0 + bar.X1) / 2
	pts := []point{{bar.X0, bar.Y0}}
	if full.Y0 < bar.Y0 {
		tip := point{middle, full.Y0}
		var a path
		a.polygon(point{bar.X0, bar.Y0}, tip, point{bar.X1, bar.Y0})
		p.fill(a, colors[0])
		pts = append(pts, tip)
	}
	pts = append(pts, point{bar.X1, bar.Y0}, point{bar.X1, bar.Y1})
	if full.Y1 > bar.Y1 {
		tip := point{middle, full.Y1}
		var a path
		a.polygon(point{bar.X0, bar.Y1}, point{bar.X1, bar.Y1}, tip)
		p.fill(a, colors[len(colors)-1])
		pts = append(pts, tip)
	}
	pts = append(pts, point{bar.X0, bar.Y1})
	var outline path
	outline.polygon(pts...)
	return outline
}
