package canvas

import "math"

// Stacked is one of the stacked panels and its share of the height.
type Stacked struct {
	Y      Axis
	Weight float64
	Draw   func(f Frame)
	Legend []Entry // of this panel alone, over it; the first panel has the legend of all
}

// Stack draws panels under each other over one axis, their legend over the first.
func (p *Page) Stack(panels []Stacked, x Axis, box Rect, entries []Entry) {
	total := 0.0
	for _, q := range panels {
		total += q.Weight
	}
	gap := p.Font * 0.9
	// The width of the y labels depends on the heights, the heights on the legend,
	// and its rows on the width: a few rounds settle it.
	var frames Rect
	var labels float64
	between := func(q *Stacked) float64 {
		if len(q.Legend) == 0 {
			return 0
		}
		return frames.H() - p.Legend(q.Legend, frames, false).H() - p.Font*0.3
	}
	height := box.H()
	for range 4 {
		left := 0.0
		labels = 0
		for _, q := range panels {
			h := height * q.Weight / total
			left, labels = math.Max(left, p.YMargin(q.Y, h)), math.Max(labels, p.YLabelRoom(q.Y, h))
		}
		frames = Rect{box.X0 + left + labels + p.Font*0.5, box.Y0, box.X1 - p.Font*0.5, box.Y1}
		frames.Y0 += p.XMargin(x, frames.W())
		frames.Y1 = p.Legend(entries, Rect{frames.X0, frames.Y0, box.X1, frames.Y1}, false).Y1
		height = frames.H() - gap*float64(len(panels)-1)
		for i := range panels {
			height -= between(&panels[i])
		}
	}
	p.Legend(entries, Rect{frames.X0, frames.Y0, box.X1, box.Y1}, true)
	y := frames.Y1
	for i, q := range panels {
		if room := between(&q); room > 0 {
			p.Legend(q.Legend, Rect{frames.X0, frames.Y0, frames.X1, y + p.Font*0.3}, true)
			y -= room
		}
		f := Frame{Rect{frames.X0, y - height*q.Weight/total, frames.X1, y}, x, q.Y}
		y = f.Box.Y0 - gap
		p.Gridlines(f)
		q.Draw(f)
		p.Axes(f, box.X0+labels, i == len(panels)-1)
	}
}

// SingleFrame draws the legend, gives the panel the rest of the box as its frame
// and returns where the y label goes.
func (p *Page) SingleFrame(f *Frame, box Rect, entries []Entry) (labelX float64) {
	frame := Rect{box.X0 + p.Font*4, box.Y0, box.X1 - p.Font*0.8, box.Y1 - p.Font*0.4}
	// The labels wrap at the frame, the frame begins beside them, and the rows of
	// the legend depend on where that is.
	for range 4 {
		if len(entries) > 0 {
			frame.Y1 = p.Legend(entries, Rect{frame.X0, box.Y0, box.X1, box.Y1}, false).Y1
		}
		frame.Y0 = box.Y0 + p.XMargin(f.X, frame.W())
		labelX = p.YLabelRoom(f.Y, frame.H())
		frame.X0 = box.X0 + labelX + p.Font*0.5 + p.YMargin(f.Y, frame.H())
	}
	p.Legend(entries, Rect{frame.X0, box.Y0, box.X1, box.Y1}, true)
	f.Box = frame
	return box.X0 + labelX
}
