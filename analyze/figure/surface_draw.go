package figure

import (
	"cmp"
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
		routes = append(routes, scene.route(t))
	}

	m := p.font * 0.7
	box := p.footnotes(s.notes(&r, routes, thinned), rect{m, m, p.w - m, p.h - m})
	box = p.heading(l.Title, box)
	bar := newColorBar(p, &r, "")
	box = p.legend(s.entries(p, &r, routes), box, true)
	room := rect{box.X0, box.Y0, box.X1 - bar.width, box.Y1 - p.font*0.2}
	v.fit(p, room)
	around := v.scaffold(p)
	spare := room.X1 - around.bounds(&v).X1 // as much is on the left; the bar stands beside the box
	scene.drawWalls()
	scene.drawCells()
	scene.drawContours(&r)
	scene.drawRoutes(routes)
	scene.drawScaffold()
	inset := box.h() * 0.12
	bar.draw(p, &r, scene.colors, rect{room.X1 - spare, box.Y0 + inset, box.X1 - spare, box.Y1 - inset})
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
	v := newView(s.Azimuth, s.Elevation, bu, bv, boxHeight)
	v.x = axis{lo: l.X[0], hi: l.X[len(l.X)-1], label: cmp.Or(l.XLabel, "first direction")}
	v.y = axis{lo: l.Y[0], hi: l.Y[len(l.Y)-1], label: cmp.Or(l.YLabel, "second direction")}
	ends := []float64{r.lo, r.hi}
	if math.IsNaN(r.min) {
		ends = nil
	}
	v.z = spreadBy(0.03, r.log, ends)
	v.z.label = cmp.Or(l.ZLabel, "full training loss")
	return v
}

func (s *Surface) notes(r *relief, routes []route, thinned int) []string {
	out := s.Landscape.gridNotes(r)
	if thinned > 1 {
		out = append(out, fmt.Sprintf("Of %d by %d grid points one row and one column in %d is drawn.", len(r.x), len(r.y), thinned))
	}
	for i := range routes {
		if e := routes[i].end(); e != nil && e.hidden {
			out = append(out, fmt.Sprintf("The end of %s is behind the surface.", routes[i].trail.whom()))
		}
	}
	return append(out, s.Landscape.Notes...)
}

// entries is the legend of the landscape; holes need none.
func (s *Surface) entries(p *page, r *relief, routes []route) []entry {
	out := pathEntries(s.Landscape.trails(), false)
	out = append(out, r.signEntry(p)...)
	hidden := false
	for i := range routes {
		for _, q := range routes[i].places {
			hidden = hidden || q.hidden
		}
	}
	if hidden {
		out = append(out, lineEntry("hidden by the surface", hiddenPen(p.theme.ink)))
	}
	return out
}

// scene is what is drawn and how it is seen.
type scene struct {
	page    *page
	view    *view
	heights *heights
	levels  []float64 // as heights
	colors  []color.NRGBA
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
		s.page.tile(area, shade(s.colors[k]))
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
