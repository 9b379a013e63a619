package canvas

import "math"

// Grid is equal frames in rows and columns over shared axes, each under a line or two of
// text: small multiples.
type Grid struct {
	Frames []Frame
	Heads  []Point // left ends of the base lines of the texts over the frames
	Bottom float64 // of all, with the axis label
	page   *Page
	box    Rect
	x, y   Axis
	across int
}

// GridOf lays out n frames in columns. The axes have one label for all of them. aspect is the
// height over the width of a frame; 0 fills the box. head is the room over a frame.
func (p *Page) GridOf(box Rect, n, columns int, x, y Axis, aspect, head float64) *Grid {
	g := &Grid{page: p, box: box, x: x, y: y, across: columns}
	rows := (n + columns - 1) / columns
	gapX, gapY := p.Font*1.7, p.Font*0.6+head
	height := box.H() / float64(rows)
	var w float64
	var first Point // upper left corner of the first frame
	for range 3 {
		left := p.YLabelRoom(y, box.H()) + p.Font*0.5 + p.YMargin(y, height)
		w = (box.W() - left - p.Font*0.8 - gapX*float64(columns-1)) / float64(columns)
		bottom := p.XMargin(x, box.W()-left)
		most := (box.H() - bottom - head - gapY*float64(rows-1)) / float64(rows)
		height = most
		if aspect > 0 {
			height = math.Min(most, w*aspect)
			w = height / aspect
		}
		first = Point{box.X0 + left, box.Y1 - head}
	}
	for i := range n {
		x0, y1 := first.X+float64(i%columns)*(w+gapX), first.Y-float64(i/columns)*(height+gapY)
		f := Frame{Rect{x0, y1 - height, x0 + w, y1}, x, y}
		f.X.Label, f.Y.Label = "", ""
		g.Frames, g.Heads = append(g.Frames, f), append(g.Heads, Point{x0, y1 + p.Font*0.35})
	}
	last := g.Frames[n-1].Box
	g.Bottom = last.Y0 - p.XMargin(x, g.inner().W())
	return g
}

// inner is the rectangle around all frames.
func (g *Grid) inner() Rect {
	first, last := g.Frames[0].Box, g.Frames[len(g.Frames)-1].Box
	right := g.Frames[min(g.across, len(g.Frames))-1].Box.X1
	return Rect{first.X0, last.Y0, right, first.Y1}
}

// Axes draws the axes of frame i, with numbers on the left and below where no other frame is.
func (g *Grid) Axes(i int) {
	p, f := g.page, g.Frames[i]
	if i%g.across > 0 {
		major, _, _ := f.Y.Ticks(f.Box.H(), p.Font*yTickRoom)
		f.Y.Fixed = make([]Tick, len(major))
		for k, t := range major {
			f.Y.Fixed[k] = Tick{Value: t.Value}
		}
	}
	p.Axes(f, f.Box.X0, i+g.across >= len(g.Frames))
}

// Labels writes the labels of the shared axes.
func (g *Grid) Labels() {
	p, all := g.page, g.inner()
	_, _, label := g.x.Ticks(g.Frames[0].Box.W(), p.Font*xTickRoom)
	top := all.Y0 - p.Font*(TickLength+0.3+TickScale+0.15)
	for i, s := range p.LabelLines(label, all.W()) {
		p.Label(s, 1, p.Theme.Ink).Draw(p, Point{(all.X0 + all.X1) / 2, top - float64(i)*p.Font*1.15}, 0.5, 1)
	}
	_, _, label = g.y.Ticks(g.Frames[0].Box.H(), p.Font*yTickRoom)
	lines := p.yLabelLines(label, all.H())
	for i, s := range lines {
		l := p.Label(s, 1, p.Theme.Ink)
		l.Angle = math.Pi / 2
		l.Draw(p, Point{g.box.X0 + p.Font*(1+1.15*float64(i)), (all.Y0 + all.Y1) / 2}, 0.5, 0)
	}
}
