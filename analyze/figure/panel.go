package figure

import (
	"fmt"
	"image/color"
	"math"
)

// axis is one coordinate: its range, whether it is logarithmic, whether its ticks
// are whole numbers, and its label.
type axis struct {
	lo, hi float64
	log    bool
	whole  bool
	label  string
}

// pos maps a value to [0, 1] along the axis; values outside go beyond. All are in the
// middle when there is nothing between the ends.
func (a axis) pos(v float64) float64 {
	lo, hi := a.lo, a.hi
	if a.log { // the ratio may overflow; of neighbours among large numbers the logarithms are equal
		v, lo, hi = math.Log(v), math.Log(lo), math.Log(hi)
	}
	switch d := hi - lo; {
	case d == 0:
		return 0.5
	case math.IsInf(d, 0): // halves of the smallest numbers would be equal, so only here
		return (v/2 - lo/2) / (hi/2 - lo/2)
	default:
		return (v - lo) / d
	}
}

// ticks returns the marks for a length in points and the label with the power of
// ten that the marks leave out.
func (a axis) ticks(room float64, perTick float64) (major, minor []tick, label string) {
	if a.whole {
		perTick *= 0.7 // short labels
	}
	n := max(2, int(room/perTick))
	if a.log {
		major, minor = logTicks(a.lo, a.hi, n)
		return major, minor, a.label
	}
	major, exponent := linearTicks(a.lo, a.hi, n, a.whole)
	label = a.label
	if exponent != 0 {
		label = fmt.Sprintf("%s (\u00d710^{%s})", label, minus(fmt.Sprint(exponent)))
	}
	return major, nil, label
}

// spread returns an axis that holds every finite value with a small margin. With
// log, values that are not positive are left out. A single value, or none, gives
// an axis around it.
func spread(log bool, series ...[]float64) axis { return spreadBy(0.05, log, series...) }

func spreadBy(margin float64, log bool, series ...[]float64) axis {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, s := range series {
		for _, v := range s {
			if math.IsNaN(v) || math.IsInf(v, 0) || log && v <= 0 {
				continue
			}
			lo, hi = math.Min(lo, v), math.Max(hi, v)
		}
	}
	a := axis{lo: lo, hi: hi, log: log}
	switch {
	case lo > hi && log:
		a.lo, a.hi = 0.1, 10
	case lo > hi:
		a.lo, a.hi = 0, 1
	case log && lo == hi:
		a.lo, a.hi = lo/2, hi*2
	case log:
		f := math.Exp(margin * (math.Log(hi) - math.Log(lo)))
		a.lo, a.hi = math.Max(lo/f, math.SmallestNonzeroFloat64), math.Min(hi*f, math.MaxFloat64)
	case lo == hi:
		d := math.Max(math.Abs(lo)*0.1, 1e-12)
		if lo == 0 {
			d = 1
		}
		a.lo, a.hi = lo-d, hi+d
	default:
		d := margin * (hi/2 - lo/2) * 2
		a.lo, a.hi = math.Max(lo-d, -math.MaxFloat64), math.Min(hi+d, math.MaxFloat64)
	}
	return a
}

// wantsLog tells whether values are better drawn on a logarithmic axis: all
// positive and over more than ratio.
func wantsLog(ratio float64, series ...[]float64) bool {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, s := range series {
		for _, v := range s {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				lo, hi = math.Min(lo, v), math.Max(hi, v)
			}
		}
	}
	return lo > 0 && lo <= hi && hi/lo >= ratio
}

// panel is a frame with two axes.
type panel struct {
	frame rect
	x, y  axis
}

func (f panel) at(x, y float64) point {
	return point{f.frame.X0 + f.x.pos(x)*f.frame.w(), f.frame.Y0 + f.y.pos(y)*f.frame.h()}
}

// points maps two columns to the page. A value
// without a place (NaN, or not positive on a logarithmic axis) interrupts the
// line; infinities run off the frame.
func (f panel) points(x, y []float64) []point {
	out := make([]point, len(x))
	for i := range x {
		out[i] = f.at(x[i], y[i])
		if math.IsInf(y[i], 1) {
			out[i] = point{f.frame.X0 + f.x.pos(x[i])*f.frame.w(), f.frame.Y1 + 10}
		}
	}
	return out
}

// Room per tick and distances, in parts of the base font.
const (
	tickLength = 0.38
	yTickRoom  = 2.1
	xTickRoom  = 4.2
)

// A line of a y label may be a little longer than its axis, and as long as a few
// letters in any case: a short word is not torn beside a flat panel.
const (
	labelShare = 1.08
	labelLeast = 6.5 // in parts of the base font
)

// yMargin is the room that a y axis of the given height takes on the left of the
// frame for ticks and numbers, without the axis label.
func (p *page) yMargin(a axis, height float64) float64 {
	major, _, _ := a.ticks(height, p.font*yTickRoom)
	w := 0.0
	for _, t := range major {
		w = math.Max(w, p.label(t.label, tickScale, p.theme.ink).width())
	}
	return w + p.font*(tickLength+0.3)
}

// labelLines wraps an axis label to the length of its axis.
func (p *page) labelLines(text string, length float64) []string { return wrap(text, p.font, length) }

// yLabelLines wraps the label of a y axis of the given height.
func (p *page) yLabelLines(label string, height float64) []string {
	return p.labelLines(label, math.Max(height*labelShare, p.font*labelLeast))
}

// yLabelRoom is how far the base of the last line of a y label is from the edge
// of its box, in points.
func (p *page) yLabelRoom(a axis, height float64) float64 {
	_, _, label := a.ticks(height, p.font*yTickRoom) // with the power of ten
	return p.font * (1 + 1.15*float64(max(0, len(p.yLabelLines(label, height))-1)))
}

// xMargin is the room under the frame for ticks, numbers and the axis label.
func (p *page) xMargin(a axis, width float64) float64 {
	_, _, label := a.ticks(width, p.font*xTickRoom) // with the power of ten
	return p.font*(tickLength+0.3+tickScale+0.35) + float64(len(p.labelLines(label, width)))*p.font*1.15
}

// axes draws the frame, the ticks, the numbers and the labels. labelX is where
// the middle line of the y labels runs, so that stacked panels share it; numbers
// on x are drawn when xNumbers is set.
func (p *page) axes(f panel, labelX float64, xNumbers bool) {
	ink := p.theme.ink
	var marks, minors path
	length := p.font * tickLength
	major, minor, label := f.y.ticks(f.frame.h(), p.font*yTickRoom)
	for _, t := range major {
		y := f.at(f.x.lo, t.value).Y
		marks.segment(point{f.frame.X0, y}, point{f.frame.X0 - length, y})
		p.label(t.label, tickScale, ink).draw(p, point{f.frame.X0 - length - p.font*0.25, y}, 1, 0.5)
	}
	for _, t := range minor {
		y := f.at(f.x.lo, t.value).Y
		minors.segment(point{f.frame.X0, y}, point{f.frame.X0 - length*0.6, y})
	}
	lines := p.yLabelLines(label, f.frame.h())
	for i, s := range lines {
		l := p.label(s, 1, ink)
		l.angle = math.Pi / 2
		x := labelX - (float64(len(lines)-1)-float64(i))*p.font*1.15
		l.draw(p, point{x, (f.frame.Y0 + f.frame.Y1) / 2}, 0.5, 0)
	}
	major, minor, label = f.x.ticks(f.frame.w(), p.font*xTickRoom)
	y := f.frame.Y0 - length
	for _, t := range major {
		x := f.at(t.value, f.y.lo).X
		marks.segment(point{x, f.frame.Y0}, point{x, y})
		if xNumbers {
			p.label(t.label, tickScale, ink).draw(p, point{x, y - p.font*0.25}, 0.5, 1)
		}
	}
	for _, t := range minor {
		x := f.at(t.value, f.y.lo).X
		minors.segment(point{x, f.frame.Y0}, point{x, f.frame.Y0 - length*0.6})
	}
	if xNumbers {
		top := y - p.font*(0.3+tickScale+0.15)
		for i, s := range p.labelLines(label, f.frame.w()) {
			p.label(s, 1, ink).draw(p, point{(f.frame.X0 + f.frame.X1) / 2, top - float64(i)*p.font*1.15}, 0.5, 1)
		}
	}
	p.stroke(minors, pen{width: 0.4, color: ink})
	p.stroke(marks, pen{width: 0.6, color: ink})
	var border path
	border.box(f.frame)
	p.stroke(border, pen{width: 0.7, color: ink})
}

// gridlines draws pale lines at the labelled ticks, under the data.
func (p *page) gridlines(f panel) {
	var lines path
	major, _, _ := f.y.ticks(f.frame.h(), p.font*yTickRoom)
	for _, t := range major {
		y := f.at(f.x.lo, t.value).Y
		lines.segment(point{f.frame.X0, y}, point{f.frame.X1, y})
	}
	major, _, _ = f.x.ticks(f.frame.w(), p.font*xTickRoom)
	for _, t := range major {
		x := f.at(t.value, f.y.lo).X
		lines.segment(point{x, f.frame.Y0}, point{x, f.frame.Y1})
	}
	p.stroke(lines, pen{width: 0.4, color: p.theme.grid})
}

// curve strokes the pieces of a series that lie in the frame.
func (p *page) curve(f panel, x, y []float64, s pen) {
	var line path
	for _, piece := range clipPolyline(decimate(columns(f.points(x, y), columnWidth), 0.15), f.frame) {
		line.polyline(piece)
	}
	p.stroke(line, s)
}

// dots draws a mark at every value in the frame, thinned as the line through them is.
func (p *page) dots(f panel, x, y []float64, r float64, fill color.NRGBA) {
	var marks path
	drawn := newCells(r / 4)
	for _, q := range columns(f.points(x, y), columnWidth) {
		if !f.frame.grow(0.01).contains(q) || !drawn.take(q) {
			continue
		}
		if marks.circle(q, r); len(marks) >= mostStroked {
			p.fill(marks, fill)
			marks = nil
		}
	}
	p.fill(marks, fill)
}
