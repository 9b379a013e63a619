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
)

// pathOnPage returns the iterates in the frame, at most a point apart along the
// lines between them: what labels keep clear of.
func (l *Landscape) pathOnPage(f panel) []point {
	var out []point
	pts := l.pathPoints(f)
	for _, piece := range clipPolyline(decimate(pts, 1), f.frame) {
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
	for _, e := range l.ends(f) {
		for k := range 8 {
			out = append(out, e.add(point{5, 0}.rotate(float64(k)*math.Pi/4)))
		}
	}
	return out
}

func (l *Landscape) pathPoints(f panel) []point {
	out := make([]point, len(l.Path))
	for i, q := range l.Path {
		out[i] = f.at(q.A, q.B)
	}
	return out
}

func (l *Landscape) ends(f panel) []point {
	if len(l.Path) == 0 {
		return nil
	}
	a, b := l.Path[0], l.Path[len(l.Path)-1]
	return []point{f.at(a.A, a.B), f.at(b.A, b.B)}
}

// maxResidual returns the largest distance from the plane, 0 if none is known.
func (l *Landscape) maxResidual() float64 {
	m := 0.0
	for _, q := range l.Path {
		if q.Residual > m && !math.IsInf(q.Residual, 1) {
			m = q.Residual
		}
	}
	return m
}

func (l *Landscape) shade(k int) color.NRGBA {
	return mix(pathInk, pathPale, float64(k)/(pathShades-1))
}

// drawPath draws the halo, the line in shades of the distance from the plane, the
// arrows, the epochs and the ends.
func (l *Landscape) drawPath(p *page, f panel) {
	if len(l.Path) == 0 {
		return
	}
	pts := l.pathPoints(f)
	var halo path
	for _, piece := range clipPolyline(decimate(pts, 0.3), f.frame) {
		halo.polyline(piece)
	}
	thin := thinning(halo, f.frame)
	p.stroke(halo, pen{width: pathWidth*thin + (haloWidth-pathWidth)*thin*thin, color: withAlpha(pathHalo, 0.9*thin)})
	l.drawShaded(p, f, pts, pathWidth*thin)
	arrows := l.drawArrows(p, f, pts)
	l.drawEpochs(p, f, pts, arrows)
	if q := pts[0]; f.frame.contains(q) && len(pts) > 1 {
		p.startMark(q)
	}
	if q := pts[len(pts)-1]; f.frame.contains(q) {
		p.endMark(q)
	}
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
func (l *Landscape) drawShaded(p *page, f panel, pts []point, width float64) {
	top := l.maxResidual()
	shade := func(i int) int {
		r := l.Path[i].Residual
		if top == 0 || math.IsNaN(r) {
			return 0
		}
		return min(pathShades-1, int(math.Min(r/top, 1)*pathShades))
	}
	for from := 0; from < len(pts)-1; {
		k := shade(from + 1)
		to := from + 1
		for to < len(pts)-1 && shade(to+1) == k {
			to++
		}
		var run path
		for _, piece := range clipPolyline(decimate(pts[from:to+1], 0.3), f.frame) {
			run.polyline(piece)
		}
		p.stroke(run, pen{width: width, color: l.shade(k)})
		from = to
	}
}

// drawArrows puts a few small heads along the path, where it has a direction, and
// returns their places.
func (l *Landscape) drawArrows(p *page, f panel, pts []point) []point {
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
	ends := l.ends(f)
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
				p.arrowHead(at, b.sub(a))
				placed = append(placed, at)
				break
			}
		}
	}
	return placed
}

func (p *page) arrowHead(at, direction point) {
	u := direction.scale(1 / direction.norm())
	v := point{-u.Y, u.X}
	var head path
	head.polygon(at.add(u.scale(3.6)), at.add(v.scale(2.3)).sub(u.scale(2.4)), at.sub(u.scale(1.3)), at.sub(v.scale(2.3)).sub(u.scale(2.4)))
	p.stroke(head, pen{width: 1.3, color: pathHalo})
	p.fill(head, pathInk)
}

// drawEpochs marks the first iterate of each epoch, or of every 2nd, 5th, ... when
// there are many, and numbers those that have room.
func (l *Landscape) drawEpochs(p *page, f panel, pts []point, arrows []point) {
	starts := l.epochStarts()
	stride := 1
	for _, s := range []int{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000} {
		stride = s
		if len(starts) <= 10*s {
			break
		}
	}
	taken := append([]point(nil), arrows...)
	taken = append(taken, l.ends(f)...)
	var marked []int
	for _, i := range starts {
		if l.Path[i].Epoch%stride == 0 && f.frame.contains(pts[i]) {
			p.epochMark(pts[i])
			taken = append(taken, pts[i])
			marked = append(marked, i)
		}
	}
	for _, i := range marked {
		taken = l.numberEpoch(p, f, pts, i, taken)
	}
}

// numberEpoch writes the number of the epoch that begins at iterate i beside its
// mark, on the first of four sides where it covers none of the taken places, and
// returns these with its own.
func (l *Landscape) numberEpoch(p *page, f panel, pts []point, i int, taken []point) []point {
	word := label{text: fmt.Sprint(l.Path[i].Epoch), size: p.font * 0.78, color: pathInk, halo: 1.1, hc: pathHalo}
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

// epochStarts returns the indices where a new epoch begins, without the start of
// the path.
func (l *Landscape) epochStarts() []int {
	var out []int
	for i := 1; i < len(l.Path)-1; i++ {
		if l.Path[i].Epoch != l.Path[i-1].Epoch {
			out = append(out, i)
		}
	}
	return out
}

func (p *page) startMark(at point) {
	var c path
	c.circle(at, 3.1)
	p.stroke(c, pen{width: 2.6, color: pathHalo})
	p.fill(c, gray(255))
	p.stroke(c, pen{width: 1.2, color: pathInk})
}

func (p *page) endMark(at point) {
	var c path
	c.star(at, 5.2)
	p.stroke(c, pen{width: 2.8, color: pathHalo})
	p.fill(c, color.NRGBA{225, 60, 20, 255})
	p.stroke(c, pen{width: 0.7, color: pathInk})
}

func (p *page) epochMark(at point) {
	var c path
	c.circle(at, 1.6)
	p.fill(c, gray(255))
	p.stroke(c, pen{width: 0.8, color: pathInk})
}

func (l *Landscape) pathEntries(p *page) []entry {
	if len(l.Path) == 0 {
		return nil
	}
	first, last := l.Path[0], l.Path[len(l.Path)-1]
	var out []entry
	if len(l.Path) > 1 {
		out = append(out, markEntry(fmt.Sprintf("start (step %d)", first.Step), func(p *page, at point) { p.startMark(at) }))
	}
	out = append(out, markEntry(fmt.Sprintf("end (step %d)", last.Step), func(p *page, at point) { p.endMark(at) }))
	if len(l.epochStarts()) > 0 {
		out = append(out, markEntry("epoch", func(p *page, at point) { p.epochMark(at) }))
	}
	if top := l.maxResidual(); top > 0 {
		out = append(out, entry{"off the plane, 0 to " + short(top), 3, func(p *page, left point, width float64) {
			var under path
			under.segment(left, left.add(point{width, 0}))
			p.stroke(under, pen{width: haloWidth, color: pathHalo})
			for k := range pathShades {
				var s path
				a, b := left.add(point{width * float64(k) / pathShades, 0}), left.add(point{width * float64(k+1) / pathShades, 0})
				s.segment(a, b)
				p.stroke(s, pen{width: pathWidth * 1.3, color: l.shade(k)})
			}
		}})
	}
	return out
}
