package figure

import "math"

// point is a place on the page in points (1/72 inch), origin at the bottom left,
// y upwards.
type point struct{ X, Y float64 }

func (p point) add(q point) point     { return point{p.X + q.X, p.Y + q.Y} }
func (p point) sub(q point) point     { return point{p.X - q.X, p.Y - q.Y} }
func (p point) scale(f float64) point { return point{p.X * f, p.Y * f} }
func (p point) norm() float64         { return math.Hypot(p.X, p.Y) }
func (p point) lerp(q point, t float64) point {
	return point{p.X + t*(q.X-p.X), p.Y + t*(q.Y-p.Y)}
}

// rotate turns p about the origin.
func (p point) rotate(rad float64) point {
	s, c := math.Sincos(rad)
	return point{p.X*c - p.Y*s, p.X*s + p.Y*c}
}

// rect is an upright rectangle on the page.
type rect struct{ X0, Y0, X1, Y1 float64 }

func (r rect) w() float64            { return r.X1 - r.X0 }
func (r rect) h() float64            { return r.Y1 - r.Y0 }
func (r rect) grow(d float64) rect   { return rect{r.X0 - d, r.Y0 - d, r.X1 + d, r.Y1 + d} }
func (r rect) contains(p point) bool { return p.X >= r.X0 && p.X <= r.X1 && p.Y >= r.Y0 && p.Y <= r.Y1 }

func (r rect) corners() [4]point {
	return [4]point{{r.X0, r.Y0}, {r.X1, r.Y0}, {r.X1, r.Y1}, {r.X0, r.Y1}}
}

// op is one element of a path; quadratic curves use C and P, cubic ones B, C and P.
type op struct {
	kind    opKind
	B, C, P point
}

type opKind uint8

const (
	opMove opKind = iota
	opLine
	opQuad
	opCubic
	opClose
)

// path is a sequence of subpaths. Regions are filled by the non-zero rule.
type path []op

func (p *path) move(q point)         { *p = append(*p, op{kind: opMove, P: q}) }
func (p *path) line(q point)         { *p = append(*p, op{kind: opLine, P: q}) }
func (p *path) quad(c, q point)      { *p = append(*p, op{kind: opQuad, C: c, P: q}) }
func (p *path) cubic(b, c, q point)  { *p = append(*p, op{kind: opCubic, B: b, C: c, P: q}) }
func (p *path) close()               { *p = append(*p, op{kind: opClose}) }
func (p *path) polyline(pts []point) { p.chain(pts, false) }
func (p *path) polygon(pts ...point) { p.chain(pts, true) }
func (p *path) box(r rect)           { c := r.corners(); p.chain(c[:], true) }
func (p *path) segment(a, b point)   { p.move(a); p.line(b) }

func (p *path) chain(pts []point, closed bool) {
	for i, q := range pts {
		if i == 0 {
			p.move(q)
		} else {
			p.line(q)
		}
	}
	if closed && len(pts) > 0 {
		p.close()
	}
}

// circle appends a circle as four cubic arcs, whose error is 0.03 % of the radius.
func (p *path) circle(c point, r float64) {
	const k = 0.5522847498
	at := func(x, y float64) point { return point{c.X + r*x, c.Y + r*y} }
	p.move(at(1, 0))
	p.cubic(at(1, k), at(k, 1), at(0, 1))
	p.cubic(at(-k, 1), at(-1, k), at(-1, 0))
	p.cubic(at(-1, -k), at(-k, -1), at(0, -1))
	p.cubic(at(k, -1), at(1, -k), at(1, 0))
	p.close()
}

// star appends a five-pointed star of outer radius r.
func (p *path) star(c point, r float64) {
	pts := make([]point, 10)
	for i := range pts {
		radius := r
		if i%2 == 1 {
			radius = 0.45 * r
		}
		pts[i] = c.add(point{0, radius}.rotate(float64(i) * math.Pi / 5))
	}
	p.polygon(pts...)
}

// clipSegment returns the part of a-b inside r (Liang and Barsky).
func clipSegment(a, b point, r rect) (point, point, bool) {
	t0, t1 := 0.0, 1.0
	d := b.sub(a)
	for _, e := range [4][2]float64{{-d.X, a.X - r.X0}, {d.X, r.X1 - a.X}, {-d.Y, a.Y - r.Y0}, {d.Y, r.Y1 - a.Y}} {
		switch {
		case e[0] == 0:
			if e[1] < 0 {
				return a, b, false
			}
		case e[0] < 0:
			t0 = max(t0, e[1]/e[0])
		default:
			t1 = min(t1, e[1]/e[0])
		}
	}
	if !(t0 <= t1) {
		return a, b, false
	}
	return a.lerp(b, t0), a.lerp(b, t1), true
}

// clipPolyline returns the pieces of a polyline inside r. A point with a NaN
// coordinate interrupts the line.
func clipPolyline(pts []point, r rect) [][]point {
	var out [][]point
	var cur []point
	flush := func() {
		if len(cur) > 1 {
			out = append(out, cur)
		}
		cur = nil
	}
	for i := 1; i < len(pts); i++ {
		a, b, ok := clipSegment(pts[i-1], pts[i], r)
		if !ok {
			flush()
			continue
		}
		if len(cur) == 0 || cur[len(cur)-1] != a {
			flush()
			cur = append(cur, a)
		}
		cur = append(cur, b)
		if b != pts[i] {
			flush()
		}
	}
	flush()
	return out
}

// decimate drops points closer than d to the last one kept; the ends stay. NaN
// points stay too, for they are gaps.
func decimate(pts []point, d float64) []point {
	if len(pts) < 3 {
		return pts
	}
	out := pts[:1:1]
	for i := 1; i < len(pts); i++ {
		if i < len(pts)-1 && pts[i].sub(out[len(out)-1]).norm() < d {
			continue
		}
		out = append(out, pts[i])
	}
	return out
}

// hatchLines appends the pieces inside r of the lines y = slope*x + k*spacing.
func hatchLines(p *path, r rect, slope, spacing float64) {
	lo, hi := 0.0, 0.0
	for i, c := range r.corners() {
		v := c.Y - slope*c.X
		if i == 0 {
			lo, hi = v, v
		}
		lo, hi = math.Min(lo, v), math.Max(hi, v)
	}
	for k := math.Ceil(lo / spacing); k*spacing <= hi; k++ {
		y := func(x float64) float64 { return slope*x + k*spacing }
		if a, b, ok := clipSegment(point{r.X0, y(r.X0)}, point{r.X1, y(r.X1)}, r); ok && a != b {
			p.segment(a, b)
		}
	}
}

func (c *path) regular(at point, r float64, n int, turn float64) {
	pts := make([]point, n)
	for i := range pts {
		pts[i] = at.add(point{0, r}.rotate(turn + 2*math.Pi*float64(i)/float64(n)))
	}
	c.polygon(pts...)
}

func (c *path) square(at point, r float64)       { c.regular(at, r*1.12, 4, math.Pi/4) }

func (c *path) diamond(at point, r float64)      { c.regular(at, r*1.2, 4, 0) }

func (c *path) triangle(at point, r float64)     { c.regular(at, r*1.2, 3, 0) }

func (c *path) downTriangle(at point, r float64) { c.regular(at, r*1.2, 3, math.Pi) }

func (c *path) pentagon(at point, r float64)     { c.regular(at, r*1.08, 5, 0) }

// plus appends a cross with upright arms.
func (c *path) plus(at point, r float64) {
	w := 0.36 * r
	var pts []point
	for k := range 4 {
		for _, q := range [3]point{{w, w}, {w, r * 1.1}, {-w, r * 1.1}} {
			pts = append(pts, at.add(q.rotate(float64(k)*math.Pi/2)))
		}
	}
	c.polygon(pts...)
}

func emptyRect() rect {
	return rect{math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)}
}

func (r rect) including(q point) rect {
	return rect{math.Min(r.X0, q.X), math.Min(r.Y0, q.Y), math.Max(r.X1, q.X), math.Max(r.Y1, q.Y)}
}

// finite reports whether v is neither NaN nor infinite.
func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
