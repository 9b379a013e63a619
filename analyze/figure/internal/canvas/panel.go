package canvas

import (
	"fmt"
	"image/color"
	"math"
)

// Axis is one coordinate: its range, whether it is logarithmic, whether its ticks
// are whole numbers, and its label. Fixed are the ticks of an axis whose numbers are
// not its coordinates; nil chooses the ticks.
type Axis struct {
	Lo, Hi float64
	Log    bool
	Zero   bool // a logarithmic axis has a place for zero at its lower end
	Whole  bool
	Label  string
	Fixed  []Tick
}

// zeroPlace is the part of a logarithmic axis that is for zero.
const zeroPlace = 0.07

// Pos maps a value to [0, 1] along the axis; values outside go beyond. All are in the
// middle when there is nothing between the ends.
func (a Axis) Pos(v float64) float64 {
	if a.Log && a.Zero {
		a.Zero = false
		if v == 0 {
			return zeroPlace / 2
		}
		return zeroPlace + (1-zeroPlace)*a.Pos(v)
	}
	lo, hi := a.Lo, a.Hi
	if a.Log { // the ratio may overflow; of neighbours among large numbers the logarithms are equal
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

// Ticks returns the marks for a length in points and the label with the power of
// ten that the marks leave out.
func (a Axis) Ticks(room float64, perTick float64) (major, minor []Tick, label string) {
	if a.Fixed != nil {
		return a.Fixed, nil, a.Label
	}
	if a.Whole {
		perTick *= 0.7 // short labels
	}
	n := max(2, int(room/perTick))
	if a.Log {
		major, minor = logTicks(a.Lo, a.Hi, n)
		if a.Zero {
			major = append([]Tick{{0, "0"}}, major...)
		}
		return major, minor, a.Label
	}
	major, exponent := linearTicks(a.Lo, a.Hi, n, a.Whole)
	label = a.Label
	if exponent != 0 {
		label = fmt.Sprintf("%s (\u00d710^{%s})", label, Minus(fmt.Sprint(exponent)))
	}
	return major, nil, label
}

// Spread returns an axis that holds every finite value with a small margin. With
// log, values that are not positive are left out. A single value, or none, gives
// an axis around it.
func Spread(log bool, series ...[]float64) Axis { return SpreadBy(0.05, log, series...) }

func SpreadBy(margin float64, log bool, series ...[]float64) Axis {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, s := range series {
		for _, v := range s {
			if math.IsNaN(v) || math.IsInf(v, 0) || log && v <= 0 {
				continue
			}
			lo, hi = math.Min(lo, v), math.Max(hi, v)
		}
	}
	a := Axis{Lo: lo, Hi: hi, Log: log}
	switch {
	case lo > hi && log:
		a.Lo, a.Hi = 0.1, 10
	case lo > hi:
		a.Lo, a.Hi = 0, 1
	case log && lo == hi:
		a.Lo, a.Hi = lo/2, hi*2
	case log:
		f := math.Exp(margin * (math.Log(hi) - math.Log(lo)))
		a.Lo, a.Hi = math.Max(lo/f, math.SmallestNonzeroFloat64), math.Min(hi*f, math.MaxFloat64)
	case lo == hi:
		d := math.Max(math.Abs(lo)*0.1, 1e-12)
		if lo == 0 {
			d = 1
		}
		a.Lo, a.Hi = lo-d, hi+d
	default:
		d := margin * (hi/2 - lo/2) * 2
		a.Lo, a.Hi = math.Max(lo-d, -math.MaxFloat64), math.Min(hi+d, math.MaxFloat64)
	}
	return a
}

// WantsLog reports whether a logarithmic axis suits the values: all are positive, and
// the largest is at least ratio times the smallest.
func WantsLog(ratio float64, series ...[]float64) bool {
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

// Frame is a frame with two axes.
type Frame struct {
	Box  Rect
	X, Y Axis
}

func (f Frame) At(x, y float64) Point {
	return Point{f.Box.X0 + f.X.Pos(x)*f.Box.W(), f.Box.Y0 + f.Y.Pos(y)*f.Box.H()}
}

// points maps two columns to the page. A value
// without a place (NaN, or not positive on a logarithmic axis) interrupts the
// line; infinities run off the frame.
func (f Frame) points(x, y []float64) []Point {
	out := make([]Point, len(x))
	for i := range x {
		out[i] = f.At(x[i], y[i])
		if math.IsInf(y[i], 1) {
			out[i] = Point{f.Box.X0 + f.X.Pos(x[i])*f.Box.W(), f.Box.Y1 + 10}
		}
	}
	return out
}

// Room per tick and distances, in parts of the base font.
const (
	TickLength = 0.38
	yTickRoom  = 2.1
	xTickRoom  = 4.2
)

// A line of a y label may be a little longer than its axis, and as long as a few
// letters in any case: a short word is not wrapped next to a flat panel.
const (
	labelShare = 1.08
	labelLeast = 6.5 // in parts of the base font
)

// YMargin is the room that a y axis of the given height takes on the left of the
// frame for ticks and numbers, without the axis label.
func (p *Page) YMargin(a Axis, height float64) float64 {
	major, _, _ := a.Ticks(height, p.Font*yTickRoom)
	w := 0.0
	for _, t := range major {
		w = math.Max(w, p.Label(t.Label, TickScale, p.Theme.Ink).Width())
	}
	return w + p.Font*(TickLength+0.3)
}

// LabelLines wraps an axis label to the length of its axis.
func (p *Page) LabelLines(text string, length float64) []string { return wrap(text, p.Font, length) }

// yLabelLines wraps the label of a y axis of the given height.
func (p *Page) yLabelLines(label string, height float64) []string {
	return p.LabelLines(label, math.Max(height*labelShare, p.Font*labelLeast))
}

// YLabelRoom is how far the base of the last line of a y label is from the edge
// of its box, in points; 0 without a label.
func (p *Page) YLabelRoom(a Axis, height float64) float64 {
	_, _, label := a.Ticks(height, p.Font*yTickRoom) // with the power of ten
	lines := p.yLabelLines(label, height)
	if len(lines) == 0 {
		return 0
	}
	return p.Font * (1 + 1.15*float64(len(lines)-1))
}

// XMargin is the room under the frame for ticks, numbers and the axis label.
func (p *Page) XMargin(a Axis, width float64) float64 {
	_, _, label := a.Ticks(width, p.Font*xTickRoom) // with the power of ten
	return p.Font*(TickLength+0.3+TickScale+0.35) + float64(len(p.LabelLines(label, width)))*p.Font*1.15
}

// Axes draws the frame, the ticks, the numbers and the labels. labelX is where
// the middle line of the y labels runs, so that stacked panels share it; numbers
// on x are drawn when xNumbers is set.
func (p *Page) Axes(f Frame, labelX float64, xNumbers bool) {
	p.frames = append(p.frames, f.Box)
	ink := p.Theme.Ink
	var marks, minors Path
	length := p.Font * TickLength
	major, minor, label := f.Y.Ticks(f.Box.H(), p.Font*yTickRoom)
	for _, t := range major {
		y := f.At(f.X.Lo, t.Value).Y
		marks.Segment(Point{f.Box.X0, y}, Point{f.Box.X0 - length, y})
		p.Label(t.Label, TickScale, ink).Draw(p, Point{f.Box.X0 - length - p.Font*0.25, y}, 1, 0.5)
	}
	for _, t := range minor {
		y := f.At(f.X.Lo, t.Value).Y
		minors.Segment(Point{f.Box.X0, y}, Point{f.Box.X0 - length*0.6, y})
	}
	lines := p.yLabelLines(label, f.Box.H())
	for i, s := range lines {
		l := p.Label(s, 1, ink)
		l.Angle = math.Pi / 2
		x := labelX - (float64(len(lines)-1)-float64(i))*p.Font*1.15
		l.Draw(p, Point{x, (f.Box.Y0 + f.Box.Y1) / 2}, 0.5, 0)
	}
	major, minor, label = f.X.Ticks(f.Box.W(), p.Font*xTickRoom)
	y := f.Box.Y0 - length
	for _, t := range major {
		x := f.At(t.Value, f.Y.Lo).X
		marks.Segment(Point{x, f.Box.Y0}, Point{x, y})
		if xNumbers {
			p.Label(t.Label, TickScale, ink).Draw(p, Point{x, y - p.Font*0.25}, 0.5, 1)
		}
	}
	for _, t := range minor {
		x := f.At(t.Value, f.Y.Lo).X
		minors.Segment(Point{x, f.Box.Y0}, Point{x, f.Box.Y0 - length*0.6})
	}
	if xNumbers {
		top := y - p.Font*(0.3+TickScale+0.15)
		for i, s := range p.LabelLines(label, f.Box.W()) {
			p.Label(s, 1, ink).Draw(p, Point{(f.Box.X0 + f.Box.X1) / 2, top - float64(i)*p.Font*1.15}, 0.5, 1)
		}
	}
	p.Stroke(minors, Pen{Width: 0.4, Color: ink})
	p.Stroke(marks, Pen{Width: 0.6, Color: ink})
	var border Path
	border.Box(f.Box)
	p.Stroke(border, Pen{Width: 0.7, Color: ink})
	if f.X.Log && f.X.Zero {
		p.breaks(f)
	}
}

// breaks interrupts the frame between zero and the logarithms.
func (p *Page) breaks(f Frame) {
	x, d := f.Box.X0+zeroPlace*0.85*f.Box.W(), p.Font*0.3
	for _, y := range []float64{f.Box.Y0, f.Box.Y1} {
		var gap, strokes Path
		gap.Segment(Point{x - d*0.35, y}, Point{x + d*0.35, y})
		for _, s := range []float64{-0.35, 0.35} {
			strokes.Segment(Point{x + d*(s-0.3), y - d}, Point{x + d*(s+0.3), y + d})
		}
		p.Stroke(gap, Pen{Width: 1.4, Color: p.Theme.Background})
		p.Stroke(strokes, Pen{Width: 0.6, Color: p.Theme.Ink})
	}
}

// Gridlines draws pale lines at the labelled ticks, under the data.
func (p *Page) Gridlines(f Frame) {
	var lines Path
	major, _, _ := f.Y.Ticks(f.Box.H(), p.Font*yTickRoom)
	for _, t := range major {
		y := f.At(f.X.Lo, t.Value).Y
		lines.Segment(Point{f.Box.X0, y}, Point{f.Box.X1, y})
	}
	major, _, _ = f.X.Ticks(f.Box.W(), p.Font*xTickRoom)
	for _, t := range major {
		x := f.At(t.Value, f.Y.Lo).X
		lines.Segment(Point{x, f.Box.Y0}, Point{x, f.Box.Y1})
	}
	p.Stroke(lines, Pen{Width: 0.4, Color: p.Theme.Grid})
}

// Curve strokes the pieces of a series that lie in the frame.
func (p *Page) Curve(f Frame, x, y []float64, s Pen) {
	var line Path
	for _, piece := range ClipPolyline(Decimate(Columns(f.points(x, y), ColumnWidth), 0.15), f.Box) {
		line.Polyline(piece)
	}
	p.Stroke(line, s)
}

// Dots draws a dot at every value in the frame, thinned as the line through them is.
func (p *Page) Dots(f Frame, x, y []float64, r float64, fill color.NRGBA) {
	p.Marks(f, x, y, r, fill, (*Path).Circle)
}

// Marks draws a mark of the given shape where Dots draws a dot.
func (p *Page) Marks(f Frame, x, y []float64, r float64, fill color.NRGBA, shape func(c *Path, at Point, r float64)) {
	var marks Path
	drawn := newCells(r / 4)
	for _, q := range Columns(f.points(x, y), ColumnWidth) {
		if !f.Box.Grow(0.01).Contains(q) || !drawn.take(q) {
			continue
		}
		if shape(&marks, q, r); len(marks) >= mostStroked {
			p.Fill(marks, fill)
			marks = nil
		}
	}
	p.Fill(marks, fill)
}
