package surface

import (
	"sgdwalk/analyze/figure/internal/canvas"
	"sgdwalk/analyze/figure/internal/plane"
)

// drawContours strokes the contours of the drawn triangles where they are seen.
// They are drawn after all cells, for a line drawn with its cell would be cut by
// the edges of the next.
func (s *scene) drawContours(r *plane.Relief) {
	for k, level := range s.levels {
		var lines canvas.Path
		for _, chain := range joined(s.crossings(level)) {
			var piece []canvas.Point
			for i := 1; i < len(chain); i++ {
				if !s.visible(chain[i-1].lerp(chain[i], 0.5)) {
					lines.Polyline(piece)
					piece = nil
					continue
				}
				if piece == nil {
					piece = append(piece, s.view.project(chain[i-1]))
				}
				piece = append(piece, s.view.project(chain[i]))
			}
			lines.Polyline(piece)
		}
		stroke, _ := plane.OnColor(canvas.Mix(s.colors[k], s.colors[k+1], 0.5))
		s.page.Stroke(lines, r.ContourPen(r.Levels[k], stroke))
	}
}

// crossings returns the pieces on which the triangles have the height w, cell by
// cell.
func (s *scene) crossings(w float64) [][2]solid {
	var out [][2]solid
	for j := range len(s.heights.Y) - 1 {
		for i := range len(s.heights.X) - 1 {
			if !s.heights.CellOK(i, j) {
				continue
			}
			c := s.corners(i, j)
			for _, t := range [2][3]solid{{c[0], c[1], c[2]}, {c[0], c[2], c[3]}} {
				if a, b, ok := crossing(t, w); ok && a != b {
					out = append(out, [2]solid{a, b})
				}
			}
		}
	}
	return out
}

// crossing returns where a triangle has the height w. Every edge is cut from its
// lower to its higher end, so that the triangles on both sides get the same place
// to the bit.
func crossing(t [3]solid, w float64) (a, b solid, ok bool) {
	var ends []solid
	for i, p := range t {
		q := t[(i+1)%3]
		if p.w > q.w {
			p, q = q, p
		}
		if p.w < w && q.w >= w {
			ends = append(ends, p.lerp(q, (w-p.w)/(q.w-p.w)))
		}
	}
	if len(ends) != 2 {
		return a, b, false
	}
	return ends[0], ends[1], true
}

// joined puts pieces that share an end together to lines: open lines first, in the
// order of their first piece, then rings.
func joined(pieces [][2]solid) [][]solid {
	at := make(map[solid][]int, len(pieces))
	for i, q := range pieces {
		at[q[0]], at[q[1]] = append(at[q[0]], i), append(at[q[1]], i)
	}
	used := make([]bool, len(pieces))
	follow := func(from solid) []solid {
		out := []solid{from}
		for {
			next := -1
			for _, i := range at[from] {
				if !used[i] {
					next = i
					break
				}
			}
			if next < 0 {
				return out
			}
			used[next] = true
			q := pieces[next]
			if q[0] == from {
				from = q[1]
			} else {
				from = q[0]
			}
			out = append(out, from)
		}
	}
	var out [][]solid
	for _, rings := range []bool{false, true} {
		for i, q := range pieces {
			for _, end := range q {
				if !used[i] && (rings || len(at[end])%2 == 1) {
					out = append(out, follow(end))
				}
			}
		}
	}
	return out
}
