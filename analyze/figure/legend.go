package figure

import "image/color"

// entry is one item of a legend: a swatch of the given width in parts of the base
// font, drawn around the middle of its left end, and a text.
type entry struct {
	text   string
	width  float64
	swatch func(p *page, left point, width float64)
}

func lineEntry(text string, s pen) entry {
	return entry{text, 2.2, func(p *page, left point, width float64) {
		var l path
		l.segment(left, left.add(point{width, 0}))
		p.stroke(l, s)
	}}
}

func markEntry(text string, mark func(p *page, at point)) entry {
	return entry{text, 1.3, func(p *page, left point, width float64) {
		mark(p, left.add(point{width / 2, 0}))
	}}
}

func boxEntry(text string, draw func(p *page, r rect)) entry {
	return entry{text, 1.6, func(p *page, left point, width float64) {
		draw(p, rect{left.X, left.Y - p.font*0.4, left.X + width, left.Y + p.font*0.4})
	}}
}

// legend sets the entries in rows at the top of the box, outside the frame, where
// they cover no data, and returns the box below them. With draw false it only
// measures.
func (p *page) legend(entries []entry, box rect, draw bool) rect {
	if len(entries) == 0 {
		return box
	}
	row := p.font * 1.45
	x, y := box.X0, box.Y1-row/2
	for _, e := range entries {
		text := p.label(e.text, 0.95, p.theme.ink)
		swatch := e.width * p.font
		w := swatch + p.font*0.4 + text.width()
		if x > box.X0 && x+w > box.X1 {
			x, y = box.X0, y-row
		}
		if draw {
			e.swatch(p, point{x, y}, swatch)
			text.draw(p, point{x + swatch + p.font*0.4, y}, 0, 0.5)
		}
		x += w + p.font*1.3
	}
	box.Y1 = y - row/2 - p.font*0.2
	return box
}

// hatch fills a box with a colour and slanted lines. The lines of neighbouring
// boxes meet: they are those of x + y (or x - y) = k times the spacing.
func (p *page) hatch(boxes []rect, fill, lines color.NRGBA, crossed bool) {
	const spacing = 4.0
	var area, strokes path
	for _, r := range boxes {
		area.box(r)
		for _, slope := range []float64{1, -1} {
			if slope < 0 && !crossed {
				continue
			}
			hatchLines(&strokes, r, slope, spacing)
		}
	}
	p.fill(area, fill)
	p.stroke(strokes, pen{width: 0.5, color: lines})
}
