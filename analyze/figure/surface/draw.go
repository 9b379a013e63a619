package surface

import (
	"cmp"
	"fmt"
	"image/color"
	"math"
	"slices"

	"sgdwalk/analyze/figure/internal/canvas"
	"sgdwalk/analyze/figure/internal/plane"
)

func (s *Figure) Draw(p *canvas.Page) {
	d := s.withDefaults()
	l := s.Landscape
	r := l.Relief()
	d.Azimuth = d.azimuth(&r)
	mesh, thinned := s.mesh(&r)
	v := d.view(&r)
	h := newHeights(mesh, &v, r.Lo, r.Hi)
	scene := scene{page: p, view: &v, heights: &h, colors: r.BandColors()}
	for _, level := range r.Levels {
		scene.levels = append(scene.levels, v.z.Pos(level))
	}
	routes := make([]route, 0, 1)
	for _, t := range l.Trails() {
		routes = append(routes, scene.route(t))
	}

	m := p.Font * 0.7
	box := p.Footnotes(s.notes(&r, routes, thinned), canvas.Box(m, m, p.W-m, p.H-m))
	box = p.Heading(l.Title, l.Subtitle, box)
	bar := plane.NewColorBar(p, &r, "")
	pens := l.Pens(&r)
	entries, above := s.entries(p, &r, pens, routes), box
	box = p.Legend(entries, above, false)
	room := canvas.Box(box.X0, box.Y0, box.X1-bar.Width, box.Y1-p.Font*0.2)
	v.fit(p, room)
	around := v.scaffold(p)
	scene.fitPens(pens, routes)
	p.Legend(entries, above, true)
	spare := room.X1 - around.bounds(&v).X1 // as much is on the left; the bar stands beside the box
	scene.drawWalls()
	scene.drawCells()
	scene.drawContours(&r)
	scene.drawRoutes(routes, pens)
	scene.drawScaffold()
	inset := box.H() * 0.12
	bar.Draw(p, &r, scene.colors, canvas.Box(room.X1-spare, box.Y0+inset, box.X1-spare, box.Y1-inset))
}

// view returns the projection with its axes, not yet fitted to the page.
func (s *Figure) view(r *plane.Relief) view {
	l := s.Landscape
	bu, bv := 1.0, 1.0
	if !l.FreeAxes {
		bu, bv = l.Base()
		// A base that is a line shows nothing.
		longest := math.Max(bu, bv)
		bu, bv = math.Max(bu/longest, leastBase), math.Max(bv/longest, leastBase)
	}
	v := newView(s.Azimuth, s.Elevation, bu, bv, boxHeight)
	v.x = canvas.Axis{Lo: l.X[0], Hi: l.X[len(l.X)-1], Label: cmp.Or(l.XLabel, "first direction")}
	v.y = canvas.Axis{Lo: l.Y[0], Hi: l.Y[len(l.Y)-1], Label: cmp.Or(l.YLabel, "second direction")}
	ends := []float64{r.Lo, r.Hi}
	if math.IsNaN(r.Min) {
		ends = nil
	}
	v.z = canvas.SpreadBy(0.03, r.Log, ends)
	v.z.Label = cmp.Or(l.ZLabel, "full training loss")
	return v
}

// leastBase is the shorter side of the base in parts of the longer one, at least.
const leastBase = 0.35

func (s *Figure) notes(r *plane.Relief, routes []route, thinned int) []string {
	out := s.Landscape.GridNotes(r)
	if bu, bv := s.Landscape.Base(); !s.Landscape.FreeAxes && math.Min(bu, bv) < leastBase*math.Max(bu, bv) {
		out = append(out, "One unit is not as long on both axes: the surface would be too narrow to read.")
	}
	if thinned > 1 {
		out = append(out, fmt.Sprintf("Of %d by %d grid points one row and one column in %d is drawn.",
			len(r.X), len(r.Y),
			thinned))
	}
	for i := range routes {
		if e := routes[i].end(); e != nil && e.hidden {
			out = append(out, fmt.Sprintf("The end of %s is behind the surface.", routes[i].trail.Whom()))
		}
	}
	return append(out, s.Landscape.Notes...)
}

// entries is the legend of the landscape; holes need none.
func (s *Figure) entries(p *canvas.Page, r *plane.Relief, pens *plane.Pens, routes []route) []canvas.Entry {
	out := plane.PathEntries(s.Landscape.Trails(), pens, false)
	out = append(out, r.SignEntry(p)...)
	hidden := false
	for i := range routes {
		for _, q := range routes[i].places {
			hidden = hidden || q.hidden
		}
	}
	if hidden {
		out = append(out, canvas.LineEntry("hidden by the surface", hiddenPen(p.Theme.Ink)))
	}
	return out
}

// scene is a surface with the projection in which it is drawn.
type scene struct {
	page    *canvas.Page
	view    *view
	heights *heights
	levels  []float64 // as heights
	colors  []color.NRGBA
}

// drawCells paints the cells from far to near.
func (s *scene) drawCells() {
	nx, ny := len(s.heights.X)-1, len(s.heights.Y)-1
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
			if s.heights.CellOK(i, j) {
				s.drawCell(i, j)
			}
		}
	}
}

// corners returns the corners of a cell, counterclockwise from the lower left.
func (s *scene) corners(i, j int) [4]solid {
	h := s.heights
	nx := len(h.X)
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
		var area canvas.Path
		for _, t := range triangles {
			if piece := between(t, bottom, top); len(piece) > 2 {
				area.Polygon(facing(s.pointsOf(piece))...)
			}
		}
		if whole := s.pointsOf(c[:]); first == last && convex(whole) {
			area = nil // one polygon is half as long as two
			area.Polygon(whole...)
		}
		s.page.Tile(area, shade(s.colors[k]))
	}
}

// facing returns the polygon counterclockwise: pieces of one area, one seen from
// above and one from below, must not cancel where they overlap.
func facing(pts []canvas.Point) []canvas.Point {
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

// convex reports whether a polygon turns in one direction only.
func convex(pts []canvas.Point) bool {
	left, right := false, false
	for i, p := range pts {
		q, r := pts[(i+1)%len(pts)], pts[(i+2)%len(pts)]
		turn := (q.X-p.X)*(r.Y-q.Y) - (q.Y-p.Y)*(r.X-q.X)
		left, right = left || turn > 0, right || turn < 0
	}
	return !left || !right
}

func (s *scene) pointsOf(q []solid) []canvas.Point {
	out := make([]canvas.Point, len(q))
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
