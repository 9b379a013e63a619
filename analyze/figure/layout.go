package figure

import "math"

// walkPanel is one of the stacked panels and its share of the height.
type walkPanel struct {
	y      axis
	weight float64
	draw   func(f panel)
}

// stack draws panels under each other over one axis, their legend over the first
// and a second one, if any, between the first and the others.
func (p *page) stack(panels []walkPanel, x axis, box rect, entries, second []entry) {
	total := 0.0
	for _, q := range panels {
		total += q.weight
	}
	gap := p.font * 0.9
	// The width of the y labels depends on the heights, the heights on the legend,
	// and its rows on the width: a few rounds settle it.
	var frames rect
	var labels, between float64
	height := box.h()
	for range 4 {
		left := 0.0
		labels = 0
		for _, q := range panels {
			h := height * q.weight / total
			left, labels = math.Max(left, p.yMargin(q.y, h)), math.Max(labels, p.yLabelRoom(q.y, h))
		}
		frames = rect{box.X0 + left + labels + p.font*0.5, box.Y0, box.X1 - p.font*0.5, box.Y1}
		frames.Y0 += p.xMargin(x, frames.w())
		frames.Y1 = p.legend(entries, rect{frames.X0, frames.Y0, box.X1, frames.Y1}, false).Y1
		height, between = frames.h()-gap*float64(len(panels)-1), 0
		if len(second) > 0 {
			between = frames.h() - p.legend(second, frames, false).h() - p.font*0.3
			height -= between
		}
	}
	p.legend(entries, rect{frames.X0, frames.Y0, box.X1, box.Y1}, true)
	y := frames.Y1
	for i, q := range panels {
		if i == 1 && between > 0 {
			p.legend(second, rect{frames.X0, frames.Y0, frames.X1, y + p.font*0.3}, true)
			y -= between
		}
		f := panel{rect{frames.X0, y - height*q.weight/total, frames.X1, y}, x, q.y}
		y = f.frame.Y0 - gap
		p.gridlines(f)
		q.draw(f)
		p.axes(f, box.X0+labels, i == len(panels)-1)
	}
}

// singleFrame draws the legend, gives the panel the rest of the box as its frame
// and returns where the y label goes.
func (p *page) singleFrame(f *panel, box rect, entries []entry) (labelX float64) {
	frame := rect{box.X0 + p.font*4, box.Y0, box.X1 - p.font*0.8, box.Y1 - p.font*0.4}
	// The labels wrap at the frame, the frame begins beside them, and the rows of
	// the legend depend on where that is.
	for range 4 {
		if len(entries) > 0 {
			frame.Y1 = p.legend(entries, rect{frame.X0, box.Y0, box.X1, box.Y1}, false).Y1
		}
		frame.Y0 = box.Y0 + p.xMargin(f.x, frame.w())
		labelX = p.yLabelRoom(f.y, frame.h())
		frame.X0 = box.X0 + labelX + p.font*0.5 + p.yMargin(f.y, frame.h())
	}
	p.legend(entries, rect{frame.X0, box.Y0, box.X1, box.Y1}, true)
	f.frame = frame
	return box.X0 + labelX
}
