package figure

import "math"

// solid is a place in the box that a surface stands in: each coordinate runs from
// 0 to 1 along its axis.
type solid struct{ u, v, w float64 }

func (a solid) lerp(b solid, t float64) solid {
	return solid{a.u + t*(b.u-a.u), a.v + t*(b.v-a.v), a.w + t*(b.w-a.w)}
}

// view is a parallel projection of the box onto the page.
type view struct {
	sinA, cosA, sinE, cosE float64
	bu, bv, bw             float64 // sides of the box
	scale                  float64 // points per unit
	origin                 point   // of the middle of the box
	x, y, z                axis
}

func newView(azimuth, elevation, bu, bv, bw float64) view {
	out := view{bu: bu, bv: bv, bw: bw, scale: 1}
	out.sinA, out.cosA = math.Sincos(azimuth * math.Pi / 180)
	out.sinE, out.cosE = math.Sincos(elevation * math.Pi / 180)
	return out
}

func (v *view) project(q solid) point {
	x, y, z := (q.u-0.5)*v.bu, (q.v-0.5)*v.bv, (q.w-0.5)*v.bw
	return v.origin.add(point{
		-x*v.sinA + y*v.cosA,
		-(x*v.cosA+y*v.sinA)*v.sinE + z*v.cosE,
	}.scale(v.scale))
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
func (v *view) outline() rect {
	out := emptyRect()
	for k := range 8 {
		out = out.including(v.project(solid{float64(k & 1), float64(k >> 1 & 1), float64(k >> 2)}))
	}
	return out
}

// edge is one of the three edges of the box that carry ticks.
type edge struct {
	axis     axis
	from, to solid
}

// edges returns those of x, y and z: the near ones on the floor, and the vertical
// one on the left.
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
	label
	at point
}

func (w word) bounds() rect {
	out := emptyRect()
	half := point{w.width() / 2, w.size * 0.5}
	for _, c := range [4]point{{1, 1}, {1, -1}, {-1, 1}, {-1, -1}} {
		out = out.including(w.at.add(point{c.X * half.X, c.Y * half.Y}.rotate(w.angle)))
	}
	return out
}

// scaffold is the ticks and words around the box.
type scaffold struct {
	words         []word
	marks, minors path
}

// scaffold places ticks, their numbers and the labels of the three axes, all
// outwards of their edges.
func (v *view) scaffold(p *page) scaffold {
	var out scaffold
	// Labels after all numbers, which they are clear of by their distance.
	var labels []word
	for i, e := range v.edges() {
		a, b := v.project(e.from), v.project(e.to)
		length := b.sub(a).norm()
		if length < 1 {
			continue // seen end-on
		}
		along := b.sub(a).scale(1 / length)
		labels = append(labels, out.edge(p, v, e, along, outward(v, a.lerp(b, 0.5), along, i == 2), length)...)
	}
	out.words = append(out.words, labels...)
	return out
}

// outward is perpendicular to an edge, away from the middle of the floor, or to
// the left of the vertical edge.
func outward(v *view, middle, along point, vertical bool) point {
	n := point{-along.Y, along.X}
	away := middle.sub(v.project(solid{0.5, 0.5, 0}))
	if vertical {
		away = point{-1, 0}
	}
	if n.X*away.X+n.Y*away.Y < 0 {
		n = n.scale(-1)
	}
	return n
}

// edgeRoom is the room for a number on an edge: on a steep one they stand over
// each other.
func edgeRoom(p *page, along point) float64 {
	switch {
	case math.Abs(along.Y) > 0.95:
		return p.font * 1.6
	case math.Abs(along.Y) > 0.5:
		return p.font * 2.6
	}
	return p.font * 3.6
}

// taken tells whether a word at this place would touch another one: at a corner
// the last numbers of two axes can.
func (s *scaffold) taken(r rect) bool {
	for _, w := range s.words {
		b := w.bounds().grow(3.5) // closer, two numbers read as one
		if r.X0 < b.X1 && b.X0 < r.X1 && r.Y0 < b.Y1 && b.Y0 < r.Y1 {
			return true
		}
	}
	return false
}

func (s *scaffold) edge(p *page, v *view, e edge, along, out point, length float64) (labels []word) {
	major, minor, text := e.axis.ticks(length, edgeRoom(p, along))
	tick := p.font * tickLength
	reach := 0.0
	for _, t := range minor {
		at := v.project(e.from.lerp(e.to, e.axis.pos(t.value)))
		s.minors.segment(at, at.add(out.scale(tick*0.6)))
	}
	for _, t := range major {
		at := v.project(e.from.lerp(e.to, e.axis.pos(t.value)))
		s.marks.segment(at, at.add(out.scale(tick)))
		w := p.label(t.label, tickScale, p.theme.ink)
		// As far out as the number needs to clear the tick on any slant.
		half := math.Abs(out.X)*w.width()/2 + math.Abs(out.Y)*w.size*capHeight/2
		reach = math.Max(reach, 2*half)
		number := word{w, at.add(out.scale(tick + p.font*0.3 + half))}
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
	lines := p.labelLines(text, math.Max(length*1.1, p.font*9))
	down := point{0, -1}.rotate(angle)
	middle := v.project(e.from.lerp(e.to, 0.5))
	for k, line := range lines {
		// Lines are read from the top: outwards when the label is below its edge.
		n := float64(k)
		if down.X*out.X+down.Y*out.Y < 0 {
			n = float64(len(lines) - 1 - k)
		}
		w := p.label(line, 1, p.theme.ink)
		w.angle = angle
		labels = append(labels, word{w, middle.add(out.scale(tick + reach + p.font*(1.2+1.15*n)))})
	}
	return labels
}

// bounds returns the smallest upright box around the words and the solid box.
func (s *scaffold) bounds(v *view) rect {
	out := v.outline()
	for _, w := range s.words {
		b := w.bounds()
		out = out.including(point{b.X0, b.Y0}).including(point{b.X1, b.Y1})
	}
	return out
}

// fit sets scale and origin so that the box with its words fills the given one.
func (v *view) fit(p *page, box rect) {
	v.scale, v.origin = 1, point{}
	unit := v.outline()
	v.scale = math.Min(box.w()/unit.w(), box.h()/unit.h())
	// The room that words take depends a little on the scale.
	for range 6 {
		s := v.scaffold(p)
		all, bare := s.bounds(v), v.outline()
		scale := math.Min((box.w()-(all.w()-bare.w()))/unit.w(), (box.h()-(all.h()-bare.h()))/unit.h())
		v.scale = math.Max(scale, p.font)
	}
	s := v.scaffold(p)
	all := s.bounds(v)
	v.origin = point{(box.X0 + box.X1 - all.X0 - all.X1) / 2, (box.Y0 + box.Y1 - all.Y0 - all.Y1) / 2}
}
