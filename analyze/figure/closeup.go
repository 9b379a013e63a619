package figure

import (
	"fmt"
	"math"

	"sgdwalk/analyze/figure/internal/canvas"
	"sgdwalk/analyze/figure/internal/plane"
)

// closeup is a frame of its own for paths that are only a dot on the map. It has no contours,
// because the grid knows nothing between its points.
type closeup struct {
	f      canvas.Frame
	panel  canvas.Rect // with the numbers of the axes
	around canvas.Rect // of the dot, on the map
	label  string
	labelX float64 // of the powers of ten of the y axis
}

// Sizes of an inset in points.
const (
	dot        = 24.0 // diagonal of paths that get an inset
	insetLeast = 64.0 // width and height of the panel
	insetMost  = 150.0
	insetShare = 0.45 // of the shorter side of the frame, for the panel
)

// insetIn returns the inset of a landscape in a frame, or nil when the paths are large enough
// to be seen, or the frame is too small.
func (l *Landscape) insetIn(p *canvas.Page, f canvas.Frame) *closeup {
	places := canvas.EmptyRect()
	var a, b []float64
	for _, t := range l.Trails() {
		for _, q := range t.Points {
			if at := f.At(q.A, q.B); canvas.Finite(at.X) && canvas.Finite(at.Y) {
				places, a, b = places.Including(at), append(a, q.A), append(b, q.B)
			}
		}
	}
	short := math.Min(f.Box.W(), f.Box.H())
	if len(a) < 2 || math.Hypot(places.W(), places.H()) >= dot ||
		!f.Box.Contains(canvas.Pt(places.X0, places.Y0)) || !f.Box.Contains(canvas.Pt(places.X1, places.Y1)) {
		return nil
	}
	side := math.Min(insetMost, insetShare*short)
	if side < insetLeast {
		return nil
	}
	gap := p.Font * 0.6
	box := f.Box.Grow(-gap)
	in := &closeup{around: places.Grow(4)}
	in.panel = canvas.Box(box.X0, box.Y0, box.X0+side, box.Y0+side)
	if places.X0+places.X1 < f.Box.X0+f.Box.X1 {
		in.panel.X0, in.panel.X1 = box.X1-side, box.X1
	}
	if places.Y0+places.Y1 < f.Box.Y0+f.Box.Y1 {
		in.panel.Y0, in.panel.Y1 = box.Y1-side, box.Y1
	}
	in.f = canvas.Frame{X: canvas.SpreadBy(0.15, false, a), Y: canvas.SpreadBy(0.15, false, b)}
	in.f.Box = in.panel.Grow(-p.Font * 0.5)
	in.f.Box.Y1 -= p.Font * 1.3 // the label
	in.f.Box.X1 -= p.Font * 0.7 // half of the last number
	for range 2 {
		in.labelX = in.panel.X0 + p.YLabelRoom(in.f.Y, in.f.Box.H())
		in.f.Box.X0 = in.labelX + p.Font*0.3 + p.YMargin(in.f.Y, in.f.Box.H())
		in.f.Box.Y0 = in.panel.Y0 + p.XMargin(in.f.X, in.f.Box.W())
		if !l.FreeAxes {
			l.equalize(&in.f)
		}
	}
	spread(p, &in.f)
	zoom := in.f.Box.W() / (in.f.X.Hi - in.f.X.Lo) / (f.Box.W() / (f.X.Hi - f.X.Lo))
	in.label = fmt.Sprintf("path, %.2g times larger", zoom)
	if zoom >= 100 {
		in.label = fmt.Sprintf("path, %.0f times larger", zoom)
	}
	return in
}

// spread leaves out every second number of the x axis where they have no room.
func spread(p *canvas.Page, f *canvas.Frame) {
	ticks, _, label := f.X.Ticks(f.Box.W(), p.Font*4.2)
	width := 0.0
	for _, t := range ticks {
		width += p.Label(t.Label, canvas.TickScale, p.Theme.Ink).Width() + p.Font*0.6
	}
	if width <= f.Box.W() || len(ticks) < 3 {
		return
	}
	f.X.Label = label
	for i := 0; i < len(ticks); i += 2 {
		f.X.Fixed = append(f.X.Fixed, ticks[i])
	}
}

// equalize extends one of the axes so that one unit is as long on both.
func (l *Landscape) equalize(f *canvas.Frame) {
	ux, uy := l.units()
	x, y := (f.X.Hi-f.X.Lo)*ux/f.Box.W(), (f.Y.Hi-f.Y.Lo)*uy/f.Box.H()
	extend := func(a *canvas.Axis, times float64) {
		more := (times - 1) * (a.Hi - a.Lo) / 2
		a.Lo, a.Hi = a.Lo-more, a.Hi+more
	}
	if x > y {
		extend(&f.Y, x/y)
	} else {
		extend(&f.X, y/x)
	}
}

// leaders are the lines from the dot to the panel.
func (in *closeup) leaders() canvas.Path {
	var out canvas.Path
	out.Box(in.around)
	x, y := in.panel.X1, in.panel.Y0
	if in.panel.X0 > in.around.X0 {
		x = in.panel.X0
	}
	if in.panel.Y0 < in.around.Y0 {
		y = in.panel.Y1
	}
	corner := canvas.Pt(in.around.X0, in.around.Y0)
	if x > (in.around.X0+in.around.X1)/2 {
		corner.X = in.around.X1
	}
	if y > (in.around.Y0+in.around.Y1)/2 {
		corner.Y = in.around.Y1
	}
	out.Segment(corner, canvas.Pt(x, y))
	return out
}

// places are what labels on the map keep clear of.
func (in *closeup) places() (out []canvas.Point) {
	if in == nil {
		return nil
	}
	for _, r := range []canvas.Rect{in.panel, in.around} {
		for x := r.X0; x <= r.X1+2; x += 4 {
			for y := r.Y0; y <= r.Y1+2; y += 4 {
				out = append(out, canvas.Pt(x, y))
			}
		}
	}
	line := in.leaders()
	a, b := line[len(line)-2].P, line[len(line)-1].P
	for k := range 100 {
		out = append(out, a.Lerp(b, float64(k)/99))
	}
	return out
}

func (in *closeup) draw(p *canvas.Page) {
	if in == nil {
		return
	}
	lines := in.leaders()
	p.Stroke(lines, canvas.Pen{Width: 2.4, Color: plane.PathHalo})
	p.Stroke(lines, canvas.Pen{Width: 0.9, Color: plane.PathInk})
	var panel canvas.Path
	panel.Box(in.panel)
	p.Fill(panel, p.Theme.Background)
	p.Stroke(panel, canvas.Pen{Width: 0.9, Color: p.Theme.Ink})
	word := p.Label(in.label, 0.85, p.Theme.Ink)
	word.Draw(p, canvas.Pt((in.panel.X0+in.panel.X1)/2, in.panel.Y1-p.Font*0.4), 0.5, 1)
	p.Gridlines(in.f)
	p.Axes(in.f, in.labelX, true)
}
