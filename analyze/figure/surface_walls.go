package figure

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
		major, _, _ := e.axis.ticks(length, edgeRoom(s.page, along))
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
	s.page.stroke(around.minors, pen{width: 0.4, color: s.page.theme.ink})
	s.page.stroke(around.marks, pen{width: 0.6, color: s.page.theme.ink})
	for _, w := range around.words {
		w.draw(s.page, w.at, 0.5, 0.5)
	}
}
