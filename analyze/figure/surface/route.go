package surface

import (
	"image/color"
	"math"

	"sgdwalk/analyze/figure/internal/canvas"
	"sgdwalk/analyze/figure/internal/plane"
)

// place is a point of a path in the box.
type place struct {
	solid
	hidden  bool // behind the surface
	gap     bool // not joined to the one before
	iterate int  // index of the iterate at it, or of the one that follows
	vertex  bool // an iterate is here
}

// route is a path on a surface.
type route struct {
	trail  plane.Trail
	places []place
}

// end returns the place of the last iterate, or nil if it has none.
func (r *route) end() *place {
	n := len(r.places)
	if n == 0 || !r.places[n-1].vertex || r.places[n-1].iterate != len(r.trail.Points)-1 {
		return nil
	}
	return &r.places[n-1]
}

// route lays a path on the surface, about two points to a cell. It has gaps outside
// the grid and over holes.
func (s *scene) route(t plane.Trail) route {
	out := route{trail: t}
	gap := true
	add := func(x, y float64, k int, vertex bool) {
		w, ok := s.heights.at(x, y)
		if !ok {
			gap = true
			return
		}
		q := solid{s.view.x.Pos(x), s.view.y.Pos(y), w}
		out.places = append(out.places, place{q, !s.visible(q), gap, k, vertex})
		gap = false
	}
	h := s.heights
	grid := canvas.Box(h.X[0], h.Y[0], h.X[len(h.X)-1], h.Y[len(h.Y)-1])
	cell := canvas.Pt(grid.W()/float64(len(h.X)-1), grid.H()/float64(len(h.Y)-1))
	for k, q := range t.Points {
		if k > 0 {
			p := t.Points[k-1]
			a, b, ok := canvas.ClipSegment(canvas.Pt(p.A, p.B), canvas.Pt(q.A, q.B), grid)
			if !canvas.Finite(p.A) || !canvas.Finite(p.B) || !canvas.Finite(q.A) || !canvas.Finite(q.B) {
				ok = false
			}
			if !ok {
				gap = true
			} else {
				n := 1 + int(2*math.Max(math.Abs(b.X-a.X)/cell.X, math.Abs(b.Y-a.Y)/cell.Y))
				from := 1 // an iterate inside is there already
				if a != canvas.Pt(p.A, p.B) {
					from = 0
				}
				to := n
				if b != canvas.Pt(q.A, q.B) {
					to = n + 1
				}
				for i := from; i < to; i++ {
					c := a.Lerp(b, float64(i)/float64(n))
					add(c.X, c.Y, k, false)
				}
			}
		}
		add(q.A, q.B, k, true)
	}
	return out
}

// slack is the height above the line of sight at which the surface hides a place, in
// parts of the height of the box: a place on the surface is not hidden by its own cell.
const slack = 0.004

// visible reports whether no part of the surface is between a place and the viewer.
// It walks towards the viewer over the base, from edge to edge of the triangles,
// for between two edges both the surface and the line of sight are straight.
func (s *scene) visible(q solid) bool {
	v, h := s.view, s.heights
	i, _, ok := plane.Interval(h.u, q.u)
	j, _, ok2 := plane.Interval(h.v, q.v)
	if !ok || !ok2 {
		return true
	}
	// One unit towards the viewer over the base is that much along the axes.
	du, dv := v.cosA/v.bu, v.sinA/v.bv
	rise := v.sinE / v.cosE / v.bw
	for t, first := 0.0, true; i >= 0 && j >= 0 && i < len(h.u)-1 && j < len(h.v)-1; first = false {
		tu, tv := ahead(h.u, i, q.u, du), ahead(h.v, j, q.v, dv)
		next := math.Max(t, math.Min(tu, tv))
		if math.IsInf(next, 1) {
			return true
		}
		if h.CellOK(i, j) {
			fu := func(t float64) float64 { return (q.u + t*du - h.u[i]) / (h.u[i+1] - h.u[i]) }
			fv := func(t float64) float64 { return (q.v + t*dv - h.v[j]) / (h.v[j+1] - h.v[j]) }
			hides := func(t float64) bool { return h.inCell(i, j, fu(t), fv(t)) > q.w+rise*t+slack }
			a, b := fu(t)-fv(t), fu(next)-fv(next)
			if first && hides(t) || hides(next) || a*b < 0 && hides(t+(next-t)*a/(a-b)) {
				return false
			}
		}
		if q.w+rise*next > 1 {
			return true
		}
		t = next
		if tu <= tv {
			i += sign(du)
		}
		if tv <= tu {
			j += sign(dv)
		}
	}
	return true
}

// ahead returns after which way at the given speed the end of interval i of x is
// reached.
func ahead(x []float64, i int, from, speed float64) float64 {
	switch {
	case speed > 0:
		return (x[i+1] - from) / speed
	case speed < 0:
		return (x[i] - from) / speed
	}
	return math.Inf(1)
}

func sign(v float64) int {
	if v < 0 {
		return -1
	}
	return 1
}

func hiddenPen(ink color.NRGBA) canvas.Pen {
	return canvas.Pen{Width: 0.6, Color: canvas.WithAlpha(ink, 0.55), Dash: []float64{0.8, 1.6}}
}

// drawRoutes draws the hidden part of every path, then the visible part with its halo,
// then the visible marks of the epochs, and the ends.
func (s *scene) drawRoutes(routes []route, pens *plane.Pens) {
	for i := range routes {
		s.drawRoute(&routes[i], pens)
	}
	var starts []canvas.Point
	var inks []color.NRGBA
	for i := range routes {
		r := &routes[i]
		if len(r.places) > 0 && r.places[0].vertex && r.places[0].iterate == 0 && len(r.trail.Points) > 1 {
			starts, inks = append(starts, s.view.project(r.places[0].solid)), append(inks, r.trail.Ink)
		}
	}
	for k, q := range starts {
		if plane.Together(starts) {
			plane.StartMark(s.page, q, plane.PathInk)
			break
		}
		plane.StartMark(s.page, q, inks[k])
	}
	for i := range routes {
		if e := routes[i].end(); e != nil {
			plane.EndMark(s.page, s.view.project(e.solid), &routes[i].trail)
		}
	}
}

// fitPens fits the pens to the paths on the page.
func (s *scene) fitPens(pens *plane.Pens, routes []route) {
	for i := range routes {
		length, places := 0.0, routes[i].places
		for k := 1; k < len(places); k++ {
			if !places[k].gap {
				length += s.view.project(places[k].solid).Sub(s.view.project(places[k-1].solid)).Norm()
			}
		}
		pens.FitLength(length, s.view.outline())
	}
}

func (s *scene) drawRoute(r *route, pens *plane.Pens) {
	var hidden canvas.Path
	var pieces []canvas.Path // of one width each, in the order of the walk
	var widths []int
	var last canvas.Point
	for k, q := range r.places {
		at := s.view.project(q.solid)
		switch {
		case k == 0 || q.gap:
		case q.hidden || r.places[k-1].hidden:
			extend(&hidden, last, at)
		default:
			width, n := pens.Class(r.trail.Points[q.iterate]), len(pieces)
			if n == 0 || widths[n-1] != width {
				pieces, widths = append(pieces, nil), append(widths, width)
				n++
			}
			extend(&pieces[n-1], last, at)
		}
		last = at
	}
	s.page.Stroke(hidden, hiddenPen(r.trail.Ink))
	for k := range pieces {
		s.page.Stroke(pieces[k], pens.Halo(widths[k]))
	}
	for k := range pieces {
		s.page.Stroke(pieces[k], canvas.Pen{Width: pens.Width(widths[k]), Color: r.trail.Ink, Dash: r.trail.Dash})
	}
	ends := make(map[int]bool)
	for _, i := range r.trail.EpochEnds() {
		ends[i] = true
	}
	const apart = 6 // points between two marks
	var marked canvas.Point
	for i, q := range r.places {
		at := s.view.project(q.solid)
		switch point := r.trail.Points[q.iterate]; {
		case !q.vertex || q.hidden:
		case ends[q.iterate]:
			plane.EpochMark(s.page, at, &r.trail)
			marked = at
		case pens.Loss != nil && point.HasLoss() && (i == 0 || at.Sub(marked).Norm() >= apart):
			pens.LossMark(s.page, at, point.Loss)
			marked = at
		}
	}
}

// extend continues the path from a to b, without a new subpath where it ends at a.
func extend(p *canvas.Path, a, b canvas.Point) {
	if n := len(*p); n == 0 || (*p)[n-1].P != a {
		p.Move(a)
	}
	p.Line(b)
}
