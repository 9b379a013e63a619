package figure

import (
	"fmt"
	"image/color"
	"math"
	"slices"
)

func (s *Surface) draw(p *page) {
	d := s.withDefaults()
	l := s.Landscape
	r := l.relief()
	d.Azimuth = d.azimuth(&r)
	mesh, thinned := s.mesh(&r)
	v := d.view(&r)
	h := newHeights(mesh, &v, r.lo, r.hi)
	scene := scene{page: p, view: &v, heights: &h, colors: r.bandColors()}
	for _, level := range r.levels {
		scene.levels = append(scene.levels, v.z.pos(level))
	}
	routes := make([]route, 0, 1)
	for _, t := range l.trails() {
		routes = append(routes, scene.route(t, s.AtLoss))
	}

	m := p.font * 0.7
	box := p.footnotes(s.notes(&r, routes, thinned), rect{m, m, p.w - m, p.h - m})
	box = p.heading(l.Title, box)
	bar := newColorBar(p, &r, "")
	box = p.legend(s.entries(p, &r, routes), box, true)
	v.fit(p, rect{box.X0, box.Y0, box.X1 - bar.width, box.Y1 - p.font*0.2})
	scene.drawWalls()
	scene.drawCells()
	scene.drawContours(&r)
	scene.drawRoutes(routes)
	scene.drawScaffold()
	inset := box.h() * 0.12
	bar.draw(p, &r, scene.colors, rect{box.X1 - bar.width, box.Y0 + inset, box.X1, box.Y1 - inset})
}

// view returns the projection with its axes, not yet fitted to the page.
func (s *Surface) view(r *relief) view {
	l := s.Landscape
	bu, bv := 1.0, 1.0
	if l.EqualAspect {
		bu, bv = l.X[len(l.X)-1]-l.X[0], l.Y[len(l.Y)-1]-l.Y[0]
		// A base that is a line shows nothing.
		longest := math.Max(bu, bv)
		bu, bv = math.Max(bu/longest, 0.2), math.Max(bv/longest, 0.2)
	}
	v := newView(s.Azimuth, s.Elevation, bu, bv, s.Height)
	v.x = axis{lo: l.X[0], hi: l.X[len(l.X)-1], label: orDefault(l.XLabel, "first direction")}
	v.y = axis{lo: l.Y[0], hi: l.Y[len(l.Y)-1], label: orDefault(l.YLabel, "second direction")}
	ends := []float64{r.lo, r.hi}
	if math.IsNaN(r.min) {
		ends = nil
	}
	if s.AtLoss {
		for _, t := range l.trails() {
			for _, q := range t.points {
				if q.hasLoss() && !math.IsInf(q.Loss, 0) {
					ends = append(ends, q.Loss)
				}
			}
		}
	}
	v.z = spreadBy(0.03, r.log, ends)
	v.z.label = orDefault(l.ZLabel, "full training loss")
	return v
}

func (s *Surface) notes(r *relief, routes []route, thinned int) []string {
	own := *s.Landscape
	own.Notes = nil
	out := own.notes(r)
	if thinned > 1 {
		out = append(out, fmt.Sprintf("Of %d by %d grid points every %d. row and column is drawn.", len(r.x), len(r.y), thinned))
	}
	for i := range routes {
		if e := routes[i].end(); e != nil && e.hidden {
			who := "the path"
			if t := &routes[i].trail; !t.alone {
				who = t.name
			}
			out = append(out, fmt.Sprintf("The end of %s is behind the surface.", who))
		}
	}
	return append(out, s.Landscape.Notes...)
}

// entries is the legend of the landscape; holes need none.
func (s *Surface) entries(p *page, r *relief, routes []route) []entry {
	out := s.Landscape.pathEntries(false)
	hidden := false
	for i := range routes {
		for _, q := range routes[i].places {
			hidden = hidden || q.hidden
		}
	}
	if hidden {
		out = append(out, lineEntry("hidden by the surface", hiddenPen(p.theme.ink)))
	}
	if s.AtLoss && len(routes) > 0 {
		out = append(out, lineEntry("from the iterate's loss to the surface", stemPen(p.theme.ink)))
	}
	return out
}

// scene is what is drawn and how it is seen.
type scene struct {
	*page
	view    *view
	heights *heights
	levels  []float64 // as heights
	colors  []color.NRGBA
}

// drawWalls draws the floor and the two far walls with the lines of the ticks.
func (s *scene) drawWalls() {
	v, p := s.view, s.page
	nu, nv := v.near()
	fu, fv := 1-nu, 1-nv
	quad := func(a, b, c, d solid) (out path) {
		out.polygon(v.project(a), v.project(b), v.project(c), v.project(d))
		return out
	}
	floor := quad(solid{0, 0, 0}, solid{1, 0, 0}, solid{1, 1, 0}, solid{0, 1, 0})
	p.fill(floor, mix(p.theme.background, p.theme.ink, 0.075))
	p.fill(quad(solid{fu, 0, 0}, solid{fu, 1, 0}, solid{fu, 1, 1}, solid{fu, 0, 1}), mix(p.theme.background, p.theme.ink, 0.05))
	p.fill(quad(solid{0, fv, 0}, solid{1, fv, 0}, solid{1, fv, 1}, solid{0, fv, 1}), mix(p.theme.background, p.theme.ink, 0.03))
	var lines path
	chain := func(q ...solid) {
		pts := make([]point, len(q))
		for i := range q {
			pts[i] = v.project(q[i])
		}
		lines.polyline(pts)
	}
	edges := v.edges()
	for i, e := range edges {
		length := v.project(e.to).sub(v.project(e.from)).norm()
		if length < 1 {
			continue
		}
		along := v.project(e.to).sub(v.project(e.from)).scale(1 / length)
		major, _, _ := e.axis.ticks(length, s.edgeRoom(along))
		for _, t := range major {
			k := e.axis.pos(t.value)
			switch i {
			case 0:
				chain(solid{k, nv, 0}, solid{k, fv, 0}, solid{k, fv, 1})
			case 1:
				chain(solid{nu, k, 0}, solid{fu, k, 0}, solid{fu, k, 1})
			default:
				chain(solid{nu, fv, k}, solid{fu, fv, k}, solid{fu, nv, k})
			}
		}
	}
	p.stroke(lines, pen{width: 0.4, color: mix(p.theme.background, p.theme.ink, 0.2)})
	var border path
	for _, e := range edges {
		border.segment(v.project(e.from), v.project(e.to))
	}
	p.stroke(border, pen{width: 0.7, color: p.theme.ink})
}

func (s *scene) drawScaffold() {
	around := s.view.scaffold(s.page)
	s.stroke(around.minors, pen{width: 0.4, color: s.theme.ink})
	s.stroke(around.marks, pen{width: 0.6, color: s.theme.ink})
	for _, w := range around.words {
		w.draw(s.page, w.at, 0.5, 0.5)
	}
}

// drawCells paints the cells from far to near.
func (s *scene) drawCells() {
	nx, ny := len(s.heights.x)-1, len(s.heights.y)-1
	nu, nv := s.view.near()
	for a := range nx {
		i := a
		if nu == 0 {
			i = nx - 1 - a
		}
		for b := range ny {
			j := b
			if nv == 0 {
				j = ny - 1 - b
			}
			if s.heights.cellOK(i, j) {
				s.drawCell(i, j)
			}
		}
	}
}

// corners returns those of a cell, counterclockwise from the lower left.
func (s *scene) corners(i, j int) [4]solid {
	h := s.heights
	nx := len(h.x)
	k := j*nx + i
	u0, u1, v0, v1 := h.u[i], h.u[i+1], h.v[j], h.v[j+1]
	return [4]solid{{u0, v0, h.w[k]}, {u1, v0, h.w[k+1]}, {u1, v1, h.w[k+nx+1]}, {u0, v1, h.w[k+nx]}}
}

func (s *scene) band(w float64) int {
	k := 0
	for k < len(s.levels) && w >= s.levels[k] {
		k++
	}
	return k
}

func (s *scene) drawCell(i, j int) {
	c := s.corners(i, j)
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, q := range c {
		lo, hi = math.Min(lo, q.w), math.Max(hi, q.w)
	}
	shade := s.shading(c)
	first, last := s.band(lo), s.band(hi)
	triangles := [2][]solid{{c[0], c[1], c[2]}, {c[0], c[2], c[3]}}
	for k := first; k <= last; k++ {
		bottom, top := math.Inf(-1), math.Inf(1)
		if k > 0 {
			bottom = s.levels[k-1]
		}
		if k < len(s.levels) {
			top = s.levels[k]
		}
		var area path
		for _, t := range triangles {
			if piece := between(t, bottom, top); len(piece) > 2 {
				area.polygon(facing(s.pointsOf(piece))...)
			}
		}
		if whole := s.pointsOf(c[:]); first == last && convex(whole) {
			area = nil // one polygon is half as long as two
			area.polygon(whole...)
		}
		s.tile(area, shade(s.colors[k]))
	}
}

// facing returns the polygon counterclockwise: pieces of one area, one seen from
// above and one from below, must not cancel where they overlap.
func facing(pts []point) []point {
	sum := 0.0
	for i, p := range pts {
		q := pts[(i+1)%len(pts)]
		sum += p.X*q.Y - q.X*p.Y
	}
	if sum < 0 {
		slices.Reverse(pts)
	}
	return pts
}

// convex tells whether a polygon turns one way only.
func convex(pts []point) bool {
	left, right := false, false
	for i, p := range pts {
		q, r := pts[(i+1)%len(pts)], pts[(i+2)%len(pts)]
		turn := (q.X-p.X)*(r.Y-q.Y) - (q.Y-p.Y)*(r.X-q.X)
		left, right = left || turn > 0, right || turn < 0
	}
	return !left || !right
}

func (s *scene) pointsOf(q []solid) []point {
	out := make([]point, len(q))
	for i := range q {
		out[i] = s.view.project(q[i])
	}
	return out
}

// between returns the part of a polygon with bottom <= w <= top.
func between(poly []solid, bottom, top float64) []solid {
	clip := func(in []solid, level, sign float64) (out []solid) {
		for i, a := range in {
			b := in[(i+1)%len(in)]
			da, db := sign*(a.w-level), sign*(b.w-level)
			if da >= 0 {
				out = append(out, a)
			}
			if da > 0 && db < 0 || da < 0 && db > 0 {
				out = append(out, a.lerp(b, da/(da-db)))
			}
		}
		return out
	}
	if !math.IsInf(bottom, -1) {
		poly = clip(poly, bottom, 1)
	}
	if !math.IsInf(top, 1) {
		poly = clip(poly, top, -1)
	}
	return poly
}

// shading returns how light falls on a cell: a change of lightness, and grey for
// a cell that is seen from below.
func (s *scene) shading(c [4]solid) func(color.NRGBA) color.NRGBA {
	v := s.view
	du, dv := (c[1].u-c[0].u)*v.bu, (c[3].v-c[0].v)*v.bv
	gx := (c[1].w + c[2].w - c[0].w - c[3].w) / 2 * v.bw / du
	gy := (c[3].w + c[2].w - c[0].w - c[1].w) / 2 * v.bw / dv
	n := math.Sqrt(gx*gx + gy*gy + 1)
	seen := (-gx*v.cosA*v.cosE - gy*v.sinA*v.cosE + v.sinE) / n
	// The light is 55 degrees to the left of the viewer and 50 above the ground.
	sin, cos := math.Sincos(math.Atan2(v.sinA, v.cosA) - 55*math.Pi/180)
	up, flat := math.Sin(50*math.Pi/180), math.Cos(50*math.Pi/180)
	light := (-gx*cos*flat - gy*sin*flat + up) / n
	below := seen < 0
	if below {
		light = -light
	}
	factor := 0.75 + 0.26*math.Max(light, -0.3)
	return func(in color.NRGBA) color.NRGBA {
		lab := toOklab(in)
		if below {
			lab.a, lab.b = lab.a*0.45, lab.b*0.45
		}
		lab.L = math.Min(lab.L*factor, 0.985)
		for !lab.shown() && math.Hypot(lab.a, lab.b) > 1e-4 {
			lab.a, lab.b = lab.a*0.97, lab.b*0.97
		}
		return lab.nrgba()
	}
}
