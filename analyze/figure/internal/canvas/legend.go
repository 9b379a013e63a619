package canvas

import "image/color"

// Entry is one item of a legend: a swatch of the given width in parts of the base
// font, drawn around the middle of its left end, and a text.
type Entry struct {
	Text   string
	Width  float64
	Swatch func(p *Page, left Point, width float64)
}

func LineEntry(text string, s Pen) Entry {
	return Entry{text, 2.2, func(p *Page, left Point, width float64) {
		var l Path
		l.Segment(left, left.Add(Point{width, 0}))
		p.Stroke(l, s)
	}}
}

func MarkEntry(text string, mark func(p *Page, at Point)) Entry {
	return Entry{text, 1.3, func(p *Page, left Point, width float64) {
		mark(p, left.Add(Point{width / 2, 0}))
	}}
}

func BoxEntry(text string, draw func(p *Page, r Rect)) Entry {
	return Entry{text, 1.6, func(p *Page, left Point, width float64) {
		draw(p, Rect{left.X, left.Y - p.Font*0.4, left.X + width, left.Y + p.Font*0.4})
	}}
}

// Legend sets the entries in rows at the top of the box, outside the frame, where
// they cover no data, and returns the box below them. With draw false it only
// measures.
func (p *Page) Legend(entries []Entry, box Rect, draw bool) Rect {
	if len(entries) == 0 {
		return box
	}
	row := p.Font * 1.45
	x, y := box.X0, box.Y1-row/2
	for _, e := range entries {
		text := p.Label(e.Text, 0.95, p.Theme.Ink)
		swatch := e.Width * p.Font
		w := swatch + p.Font*0.4 + text.Width()
		if x > box.X0 && x+w > box.X1 {
			x, y = box.X0, y-row
		}
		if draw {
			e.Swatch(p, Point{x, y}, swatch)
			text.Draw(p, Point{x + swatch + p.Font*0.4, y}, 0, 0.5)
		}
		x += w + p.Font*1.3
	}
	box.Y1 = y - row/2 - p.Font*0.2
	return box
}

// Hatch fills a box with a colour and slanted lines. The lines of neighbouring boxes
// meet, because all are lines x + y (or x - y) = k times the spacing.
func (p *Page) Hatch(boxes []Rect, fill, lines color.NRGBA, crossed bool) {
	const spacing = 4.0
	var area, strokes Path
	for _, r := range boxes {
		area.Box(r)
		for _, slope := range []float64{1, -1} {
			if slope < 0 && !crossed {
				continue
			}
			hatchLines(&strokes, r, slope, spacing)
		}
	}
	p.Fill(area, fill)
	p.Stroke(strokes, Pen{Width: 0.5, Color: lines})
}
