package surface

import "sgdwalk/analyze/figure/internal/canvas"

// drawWalls draws the floor and the two far walls with the lines of the ticks.
func (s *scene) drawWalls() {
	v, p := s.view, s.page
	nu, nv := v.near()
	fu, fv := 1-nu, 1-nv
	quad := func(a, b, c, d solid) (out canvas.Path) {
		out.Polygon(v.project(a), v.project(b), v.project(c), v.project(d))
		return out
	}
	floor := quad(solid{0, 0, 0}, solid{1, 0, 0}, solid{1, 1, 0}, solid{0, 1, 0})
	p.Fill(floor, canvas.Mix(p.Theme.Background, p.Theme.Ink, 0.075))
	p.Fill(quad(solid{fu, 0, 0}, solid{fu, 1, 0}, solid{fu, 1, 1}, solid{fu, 0, 1}),
		canvas.Mix(p.Theme.Background, p.Theme.Ink, 0.05))
	p.Fill(quad(solid{0, fv, 0}, solid{1, fv, 0}, solid{1, fv, 1}, solid{0, fv, 1}),
		canvas.Mix(p.Theme.Background, p.Theme.Ink, 0.03))
	var lines canvas.Path
	chain := func(q ...solid) {
		pts := make([]canvas.Point, len(q))
		for i := range q {
			pts[i] = v.project(q[i])
		}
		lines.Polyline(pts)
	}
	edges := v.edges()
	for i, e := range edges {
		length := v.project(e.to).Sub(v.project(e.from)).Norm()
		if length < 1 {
			continue
		}
		along := v.project(e.to).Sub(v.project(e.from)).Scale(1 / length)
		major, _, _ := e.axis.Ticks(length, edgeRoom(s.page, along))
		for _, t := range major {
			k := e.axis.Pos(t.Value)
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
	p.Stroke(lines, canvas.Pen{Width: 0.4, Color: canvas.Mix(p.Theme.Background, p.Theme.Ink, 0.2)})
	var border canvas.Path
	for _, e := range edges {
		border.Segment(v.project(e.from), v.project(e.to))
	}
	p.Stroke(border, canvas.Pen{Width: 0.7, Color: p.Theme.Ink})
}

func (s *scene) drawScaffold() {
	around := s.view.scaffold(s.page)
	s.page.Stroke(around.minors, canvas.Pen{Width: 0.4, Color: s.page.Theme.Ink})
	s.page.Stroke(around.marks, canvas.Pen{Width: 0.6, Color: s.page.Theme.Ink})
	for _, w := range around.words {
		w.Draw(s.page, w.at, 0.5, 0.5)
	}
}
