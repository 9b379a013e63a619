package figure

import (
	"fmt"
	"image/color"
	"math"
)

// Widths of the path in points.
const (
	pathWidth = 1.15
	haloWidth = 3.0
)

// shades of the path, by distance from the plane.
const pathShades = 5

var (
	pathInk  = gray(15)
	pathPale = gray(150)
	pathHalo = gray(255)
	endRed   = color.NRGBA{225, 60, 20, 255}
)

func endsOf(pts []point) []point {
	if len(pts) == 0 {
		return nil
	}
	return []point{pts[0], pts[len(pts)-1]}
}

// drawTrail draws the halo, the line in shades of the distance from the plane, the
// arrows and the epochs.
func drawTrail(p *page, f panel, t *trail, top float64) {
	pts := t.onPage(f)
	if len(pts) > denseTrail {
		drawDense(p, f, t, pts, top)
		return
	}
	var halo path
	for _, piece := range clipPolyline(decimate(pts, 0.3), f.frame) {
		halo.polyline(piece)
	}
	thin := thinning(halo, f.frame)
	if t.whole != nil {
		all := trail{points: t.whole}
		var whole path
		for _, piece := range clipPolyline(decimate(all.onPage(f), 0.3), f.frame) {
			whole.polyline(piece)
		}
		thin = thinning(whole, f.frame)
	}
	p.stroke(halo, pen{width: pathWidth*thin + (haloWidth-pathWidth)*thin*thin, color: withAlpha(pathHalo, 0.9*thin)})
	drawShaded(p, f, t, pts, pathWidth*thin, top)
	var arrows []point
	if t.whole == nil {
		arrows = drawArrows(p, f, t, pts)
	}
	drawEpochs(p, f, t, pts, arrows)
}

// drawStarts marks the first iterates: once where all begin at one place, as runs
// of one initialization do.
func drawStarts(p *page, f panel, trails []trail) {
	var starts []point
	var inks []color.NRGBA
	for i := range trails {
		if pts := trails[i].onPage(f); (len(pts) > 1 || trails[i].whole != nil && len(pts) > 0) && f.frame.contains(pts[0]) {
			starts, inks = append(starts, pts[0]), append(inks, trails[i].ink)
		}
	}
	if together(starts) && len(starts) > 0 {
		startMark(p, starts[0], pathInk)
		return
	}
	for i, q := range starts {
		startMark(p, q, inks[i])
	}
}

func together(pts []point) bool {
	for _, q := range pts {
		if q.sub(pts[0]).norm() > 2 {
			return false
		}
	}
	return true
}

// thinning is the factor by which a path that fills much of the frame is drawn
// thinner, so that it stays a line.
func thinning(drawn path, frame rect) float64 {
	length := 0.0
	for i := 1; i < len(drawn); i++ {
		if drawn[i].kind == opLine {
			length += drawn[i].P.sub(drawn[i-1].P).norm()
		}
	}
	room := 0.03 * frame.w() * frame.h()
	return math.Max(0.5, math.Min(1, math.Sqrt(room/math.Max(length, 1))))
}

// drawShaded strokes runs of segments of one shade.
func drawShaded(p *page, f panel, t *trail, pts []point, width, top float64) {
	for from := 0; from < len(pts)-1; {
		k := t.shadeOf(from+1, top)
		to := from + 1
		for to < len(pts)-1 && t.shadeOf(to+1, top) == k {
			to++
		}
		var run path
		for _, piece := range clipPolyline(decimate(pts[from:to+1], 0.3), f.frame) {
			run.polyline(piece)
		}
		p.stroke(run, pen{width: width, color: t.shade(k), dash: t.dash})
		from = to
	}
}

// drawArrows puts a few small heads along the path, where it has a direction, and
// returns their places.
func drawArrows(p *page, f panel, t *trail, pts []point) []point {
	c := line{pts: decimate(pts, 0.3)}
	if len(c.pts) < 2 {
		return nil
	}
	arc := arcLengths(c)
	total := arc[len(arc)-1]
	if !(total > 30) || math.IsInf(total, 0) {
		return nil
	}
	n := int(math.Max(1, math.Min(6, total/75)))
	var placed []point
	ends := endsOf(pts)
	for k := range n {
		for _, shift := range []float64{0, 0.12, -0.12, 0.25, -0.25} {
			s := total * (float64(k) + 0.5 + shift) / float64(n)
			at := along(c, arc, s)
			a, b := along(c, arc, s-5), along(c, arc, s+3)
			ok := f.frame.grow(-3).contains(at) && b.sub(a).norm() > 6
			for _, q := range placed {
				ok = ok && q.sub(at).norm() > 22
			}
			for _, q := range ends {
				ok = ok && q.sub(at).norm() > 11
			}
			if ok {
				arrowHead(p, at, b.sub(a), t.ink)
				placed = append(placed, at)
				break
			}
		}
	}
	return placed
}

func arrowHead(p *page, at, direction point, ink color.NRGBA) {
	u := direction.scale(1 / direction.norm())
	v := point{-u.Y, u.X}
	var head path
	head.polygon(at.add(u.scale(3.6)), at.add(v.scale(2.3)).sub(u.scale(2.4)), at.sub(u.scale(1.3)), at.sub(v.scale(2.3)).sub(u.scale(2.4)))
	p.stroke(head, pen{width: 1.3, color: pathHalo})
	p.fill(head, ink)
}

// drawEpochs marks the first iterate of each epoch, or of every 2nd, 5th, ... when
// there are many. A path that is alone has the numbers of those that have room.
func drawEpochs(p *page, f panel, t *trail, pts []point, arrows []point) {
	taken := append([]point(nil), arrows...)
	taken = append(taken, endsOf(pts)...)
	var marked []int
	for _, i := range t.epochStarts() {
		if f.frame.contains(pts[i]) {
			epochMark(p, pts[i], t)
			taken = append(taken, pts[i])
			marked = append(marked, i)
		}
	}
	if !t.alone || t.whole != nil {
		return
	}
	for _, i := range marked {
		taken = numberEpoch(p, f, t, pts, i, taken)
	}
}

// numberEpoch writes the number of the epoch that begins at iterate i beside its
// mark, on the first of four sides where it covers none of the taken places, and
// returns these with its own.
func numberEpoch(p *page, f panel, t *trail, pts []point, i int, taken []point) []point {
	word := label{text: fmt.Sprint(t.points[i].Epoch), size: p.font * 0.78, color: pathInk, halo: 1.1, hc: pathHalo}
	a, b := pts[max(0, i-3)], pts[min(len(pts)-1, i+3)]
	side := point{-(b.Y - a.Y), b.X - a.X}
	if n := side.norm(); n > 0 {
		side = side.scale(1 / n)
	} else {
		side = point{0, 1}
	}
	for _, turn := range []float64{0, math.Pi, math.Pi / 2, -math.Pi / 2} {
		at := pts[i].add(side.rotate(turn).scale(2.5 + word.size*0.7))
		free := f.frame.grow(-word.size * 0.6).contains(at)
		for _, q := range taken {
			free = free && (q == pts[i] || q.sub(at).norm() > word.width()/2+word.size*0.5+1.5)
		}
		if free {
			word.draw(p, at, 0.5, 0.5)
			return append(taken, at)
		}
	}
	return taken
}

// drawPaths draws every path, and over all of them their ends. top is the largest
// residual of the whole paths, which sets the shades.
func drawPaths(p *page, f panel, trails []trail, top float64) {
	for i := range trails {
		if len(trails[i].points) > 0 {
			drawTrail(p, f, &trails[i], top)
		}
	}
	drawStarts(p, f, trails)
	for i := range trails {
		pts := trails[i].onPage(f)
		if n := len(pts); n > 0 && f.frame.contains(pts[n-1]) {
			endMark(p, pts[n-1], &trails[i])
		}
	}
}

// pathsOnPage returns the iterates in the frame, at most two points apart along
// the lines between them: what labels keep clear of.
func pathsOnPage(f panel, trails []trail) []point {
	var out []point
	for _, t := range trails {
		pts := t.onPage(f)
		pieces := clipPolyline(decimate(pts, 1), f.frame)
		if len(pts) > denseTrail {
			pieces = nil
			for _, o := range visible(pts, f.frame, 2, 1, func(int) int { return 0 })[0] {
				if o.kind == opMove {
					pieces = append(pieces, nil)
				}
				pieces[len(pieces)-1] = append(pieces[len(pieces)-1], o.P)
			}
		}
		for _, piece := range pieces {
			for i, q := range piece {
				if i > 0 {
					n := int(q.sub(piece[i-1]).norm() / 2)
					for k := 1; k < n; k++ {
						out = append(out, piece[i-1].lerp(q, float64(k)/float64(n)))
					}
				}
				out = append(out, q)
			}
		}
		// The marks at the ends are larger than the line.
		for _, e := range endsOf(pts) {
			for k := range 8 {
				out = append(out, e.add(point{5, 0}.rotate(float64(k)*math.Pi/4)))
			}
		}
	}
	return out
}
