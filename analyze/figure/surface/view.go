package surface

import (
	"math"

	"sgdwalk/analyze/figure/internal/canvas"
)

// solid is a place in the box around a surface: each coordinate runs from
// 0 to 1 along its axis.
type solid struct{ u, v, w float64 }

func (a solid) lerp(b solid, t float64) solid {
	return solid{a.u + t*(b.u-a.u), a.v + t*(b.v-a.v), a.w + t*(b.w-a.w)}
}

// view is a parallel projection of the box onto the page.
type view struct {
	sinA, cosA, sinE, cosE float64
	bu, bv, bw             float64      // sides of the box
	scale                  float64      // points per unit
	origin                 canvas.Point // of the middle of the box
	x, y, z                canvas.Axis
}

func newView(azimuth, elevation, bu, bv, bw float64) view {
	out := view{bu: bu, bv: bv, bw: bw, scale: 1}
	out.sinA, out.cosA = math.Sincos(azimuth * math.Pi / 180)
	out.sinE, out.cosE = math.Sincos(elevation * math.Pi / 180)
	return out
}

func (v *view) project(q solid) canvas.Point {
	x, y, z := (q.u-0.5)*v.bu, (q.v-0.5)*v.bv, (q.w-0.5)*v.bw
	return v.origin.Add(canvas.Pt(
		-x*v.sinA+y*v.cosA,
		-(x*v.cosA+y*v.sinA)*v.sinE+z*v.cosE,
	).Scale(v.scale))
}

// near is the end, 0 or 1, of the two horizontal axes that is nearer to the viewer.
func (v *view) near() (u, w float64) {
	if v.cosA > 0 {
		u = 1
	}
	if v.sinA > 0 {
		w = 1
	}
	return u, w
}

// left is the vertical edge farthest to the left on the page.
func (v *view) left() (u, w float64) {
	best := math.Inf(1)
	for _, c := range [4][2]float64{{0, 0}, {1, 0}, {1, 1}, {0, 1}} {
		if x := v.project(solid{c[0], c[1], 0}).X; x < best-1e-9 {
			best, u, w = x, c[0], c[1]
		}
	}
	return u, w
}

// outline returns the smallest upright box on the page around the solid box.
func (v *view) outline() canvas.Rect {
	out := canvas.EmptyRect()
	for k := range 8 {
		out = out.Including(v.project(solid{float64(k & 1), float64(k >> 1 & 1), float64(k >> 2)}))
	}
	return out
}

// edge is one of the three edges of the box that carry ticks.
type edge struct {
	axis     canvas.Axis
	from, to solid
}

// edges returns the edges of x, y and z: the two near edges of the floor, and the
// vertical edge on the left.
func (v *view) edges() [3]edge {
	nu, nv := v.near()
	lu, lv := v.left()
	return [3]edge{
		{v.x, solid{0, nv, 0}, solid{1, nv, 0}},
		{v.y, solid{nu, 0, 0}, solid{nu, 1, 0}},
		{v.z, solid{lu, lv, 0}, solid{lu, lv, 1}},
	}
}

// word is a label on the page, set around its middle.
type word struct {
	canvas.Label
	at canvas.Point
}

func (w word) bounds() canvas.Rect {
	out := canvas.EmptyRect()
	half := canvas.Pt(w.Width()/2, w.Size*0.5)
	for _, c := range [4]canvas.Point{canvas.Pt(1, 1), canvas.Pt(1, -1), canvas.Pt(-1, 1), canvas.Pt(-1, -1)} {
		out = out.Including(w.at.Add(canvas.Pt(c.X*half.X, c.Y*half.Y).Rotate(w.Angle)))
	}
	return out
}

// scaffold is the ticks and words around the box.
type scaffold struct {
	words         []word
	marks, minors canvas.Path
}

// scaffold places ticks, their numbers and the labels of the three axes, all
// outwards of their edges.
func (v *view) scaffold(p *canvas.Page) scaffold {
	var out scaffold
	// Labels after all numbers, which they are clear of by their distance.
	var labels []word
	for i, e := range v.edges() {
		a, b := v.project(e.from), v.project(e.to)
		length := b.Sub(a).Norm()
		if length < 1 {
			continue // seen end-on
		}
		along := b.Sub(a).Scale(1 / length)
		labels = append(labels, out.edge(p, v, e, along, outward(v, a.Lerp(b, 0.5), along, i == 2), length)...)
	}
	out.words = append(out.words, labels...)
	return out
}

// outward is perpendicular to an edge, away from the middle of the floor, or to
// the left of the vertical edge.
func outward(v *view, middle, along canvas.Point, vertical bool) canvas.Point {
	n := canvas.Pt(-along.Y, along.X)
	away := middle.Sub(v.project(solid{0.5, 0.5, 0}))
	if vertical {
		away = canvas.Pt(-1, 0)
	}
	if n.X*away.X+n.Y*away.Y < 0 {
		n = n.Scale(-1)
	}
	return n
}

// edgeRoom is the room for a number on an edge: on a steep edge the numbers are above
// each other.
func edgeRoom(p *canvas.Page, along canvas.Point) float64 {
	switch {
	case math.Abs(along.Y) > 0.95:
		return p.Font * 1.6
	case math.Abs(along.Y) > 0.5:
		return p.Font * 2.6
	}
	return p.Font * 3.6
}

// taken reports whether a word at this place would touch another word: at a corner
// the last numbers of two axes can.
func (s *scaffold) taken(r canvas.Rect) bool {
	for _, w := range s.words {
		b := w.bounds().Grow(3.5) // closer, two numbers read as one
		if r.X0 < b.X1 && b.X0 < r.X1 && r.Y0 < b.Y1 && b.Y0 < r.Y1 {
			return true
		}
	}
	return false
}

func (s *scaffold) edge(p *canvas.Page, v *view, e edge, along, out canvas.Point, length float64) (labels []word) {
	major, minor, text := e.axis.Ticks(length, edgeRoom(p, along))
	tick := p.Font * canvas.TickLength
	reach := 0.0
	for _, t := range minor {
		at := v.project(e.from.lerp(e.to, e.axis.Pos(t.Value)))
		s.minors.Segment(at, at.Add(out.Scale(tick*0.6)))
	}
	for _, t := range major {
		at := v.project(e.from.lerp(e.to, e.axis.Pos(t.Value)))
		s.marks.Segment(at, at.Add(out.Scale(tick)))
		w := p.Label(t.Label, canvas.TickScale, p.Theme.Ink)
		// As far out as the number needs to clear the tick on any slant.
		half := math.Abs(out.X)*w.Width()/2 + math.Abs(out.Y)*w.Size*canvas.CapHeight/2
		reach = math.Max(reach, 2*half)
		number := word{w, at.Add(out.Scale(tick + p.Font*0.3 + half))}
		if !s.taken(number.bounds()) {
			s.words = append(s.words, number)
		}
	}
	angle := math.Atan2(along.Y, along.X)
	if angle > math.Pi/2+1e-9 {
		angle -= math.Pi
	} else if angle < -math.Pi/2+1e-9 {
		angle += math.Pi
	}
	lines := p.LabelLines(text, math.Max(length*1.1, p.Font*9))
	down := canvas.Pt(0, -1).Rotate(angle)
	middle := v.project(e.from.lerp(e.to, 0.5))
	for k, line := range lines {
		// Lines are read from the top: outwards when the label is below its edge.
		n := float64(k)
		if down.X*out.X+down.Y*out.Y < 0 {
			n = float64(len(lines) - 1 - k)
		}
		w := p.Label(line, 1, p.Theme.Ink)
		w.Angle = angle
		labels = append(labels, word{w, middle.Add(out.Scale(tick + reach + p.Font*(1.2+1.15*n)))})
	}
	return labels
}

// bounds returns the smallest upright box around the words and the solid box.
func (s *scaffold) bounds(v *view) canvas.Rect {
	out := v.outline()
	for _, w := range s.words {
		b := w.bounds()
		out = out.Including(canvas.Pt(b.X0, b.Y0)).Including(canvas.Pt(b.X1, b.Y1))
	}
	return out
}

// fit sets scale and origin so that the box with its words fills the given one.
func (v *view) fit(p *canvas.Page, box canvas.Rect) {
	v.scale, v.origin = 1, canvas.Point{}
	unit := v.outline()
	v.scale = math.Min(box.W()/unit.W(), box.H()/unit.H())
	// The room that words take depends a little on the scale.
	for range 6 {
		s := v.scaffold(p)
		all, bare := s.bounds(v), v.outline()
		scale := math.Min((box.W()-(all.W()-bare.W()))/unit.W(), (box.H()-(all.H()-bare.H()))/unit.H())
		v.scale = math.Max(scale, p.Font)
	}
	s := v.scaffold(p)
	all := s.bounds(v)
	v.origin = canvas.Pt((box.X0+box.X1-all.X0-all.X1)/2, (box.Y0+box.Y1-all.Y0-all.Y1)/2)
}
