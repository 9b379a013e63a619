package canvas

import "math"

// Point is a place on the page in points (1/72 inch), origin at the bottom left,
// y upwards.
type Point struct{ X, Y float64 }

func (p Point) Add(q Point) Point     { return Point{p.X + q.X, p.Y + q.Y} }
func (p Point) Sub(q Point) Point     { return Point{p.X - q.X, p.Y - q.Y} }
func (p Point) Scale(f float64) Point { return Point{p.X * f, p.Y * f} }
func (p Point) Norm() float64         { return math.Hypot(p.X, p.Y) }
func (p Point) Lerp(q Point, t float64) Point {
	return Point{p.X + t*(q.X-p.X), p.Y + t*(q.Y-p.Y)}
}

// Rotate turns p about the origin.
func (p Point) Rotate(rad float64) Point {
	s, c := math.Sincos(rad)
	return Point{p.X*c - p.Y*s, p.X*s + p.Y*c}
}

// Rect is an upright rectangle on the page.
type Rect struct{ X0, Y0, X1, Y1 float64 }

func (r Rect) W() float64            { return r.X1 - r.X0 }
func (r Rect) H() float64            { return r.Y1 - r.Y0 }
func (r Rect) Grow(d float64) Rect   { return Rect{r.X0 - d, r.Y0 - d, r.X1 + d, r.Y1 + d} }
func (r Rect) Contains(p Point) bool { return p.X >= r.X0 && p.X <= r.X1 && p.Y >= r.Y0 && p.Y <= r.Y1 }

func (r Rect) corners() [4]Point {
	return [4]Point{{r.X0, r.Y0}, {r.X1, r.Y0}, {r.X1, r.Y1}, {r.X0, r.Y1}}
}

// op is one element of a path; quadratic curves use C and P, cubic ones B, C and P.
type op struct {
	Kind    opKind
	B, C, P Point
}

type opKind uint8

const (
	OpMove opKind = iota
	OpLine
	opQuad
	opCubic
	OpClose
)

// Path is a sequence of subpaths. Regions are filled by the non-zero rule.
type Path []op

func (p *Path) Move(q Point)         { *p = append(*p, op{Kind: OpMove, P: q}) }
func (p *Path) Line(q Point)         { *p = append(*p, op{Kind: OpLine, P: q}) }
func (p *Path) quad(c, q Point)      { *p = append(*p, op{Kind: opQuad, C: c, P: q}) }
func (p *Path) cubic(b, c, q Point)  { *p = append(*p, op{Kind: opCubic, B: b, C: c, P: q}) }
func (p *Path) close()               { *p = append(*p, op{Kind: OpClose}) }
func (p *Path) Polyline(pts []Point) { p.Chain(pts, false) }
func (p *Path) Polygon(pts ...Point) { p.Chain(pts, true) }
func (p *Path) Box(r Rect)           { c := r.corners(); p.Chain(c[:], true) }
func (p *Path) Segment(a, b Point)   { p.Move(a); p.Line(b) }

func (p *Path) Chain(pts []Point, closed bool) {
	for i, q := range pts {
		if i == 0 {
			p.Move(q)
		} else {
			p.Line(q)
		}
	}
	if closed && len(pts) > 0 {
		p.close()
	}
}

// Circle appends a circle as four cubic arcs, whose error is 0.03 % of the radius.
func (p *Path) Circle(c Point, r float64) {
	const k = 0.5522847498
	at := func(x, y float64) Point { return Point{c.X + r*x, c.Y + r*y} }
	p.Move(at(1, 0))
	p.cubic(at(1, k), at(k, 1), at(0, 1))
	p.cubic(at(-k, 1), at(-1, k), at(-1, 0))
	p.cubic(at(-1, -k), at(-k, -1), at(0, -1))
	p.cubic(at(k, -1), at(1, -k), at(1, 0))
	p.close()
}

// Star appends a five-pointed star of outer radius r.
func (p *Path) Star(c Point, r float64) {
	pts := make([]Point, 10)
	for i := range pts {
		radius := r
		if i%2 == 1 {
			radius = 0.45 * r
		}
		pts[i] = c.Add(Point{0, radius}.Rotate(float64(i) * math.Pi / 5))
	}
	p.Polygon(pts...)
}

// ClipSegment returns the part of a-b inside r (Liang and Barsky).
func ClipSegment(a, b Point, r Rect) (Point, Point, bool) {
	t0, t1 := 0.0, 1.0
	d := b.Sub(a)
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
	return a.Lerp(b, t0), a.Lerp(b, t1), true
}

// ClipPolyline returns the pieces of a polyline inside r. A point with a NaN
// coordinate interrupts the line.
func ClipPolyline(pts []Point, r Rect) [][]Point {
	var out [][]Point
	var cur []Point
	flush := func() {
		if len(cur) > 1 {
			out = append(out, cur)
		}
		cur = nil
	}
	for i := 1; i < len(pts); i++ {
		a, b, ok := ClipSegment(pts[i-1], pts[i], r)
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

// Decimate drops points closer than d to the last one kept; the ends stay. NaN
// points stay too, for they are gaps.
func Decimate(pts []Point, d float64) []Point {
	if len(pts) < 3 {
		return pts
	}
	out := pts[:1:1]
	for i := 1; i < len(pts); i++ {
		if i < len(pts)-1 && pts[i].Sub(out[len(out)-1]).Norm() < d {
			continue
		}
		out = append(out, pts[i])
	}
	return out
}

// hatchLines appends the pieces inside r of the lines y = slope*x + k*spacing.
func hatchLines(p *Path, r Rect, slope, spacing float64) {
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
		if a, b, ok := ClipSegment(Point{r.X0, y(r.X0)}, Point{r.X1, y(r.X1)}, r); ok && a != b {
			p.Segment(a, b)
		}
	}
}

func (c *Path) regular(at Point, r float64, n int, turn float64) {
	pts := make([]Point, n)
	for i := range pts {
		pts[i] = at.Add(Point{0, r}.Rotate(turn + 2*math.Pi*float64(i)/float64(n)))
	}
	c.Polygon(pts...)
}

func (c *Path) Square(at Point, r float64) { c.regular(at, r*1.12, 4, math.Pi/4) }

func (c *Path) Diamond(at Point, r float64) { c.regular(at, r*1.2, 4, 0) }

func (c *Path) Triangle(at Point, r float64) { c.regular(at, r*1.2, 3, 0) }

func (c *Path) DownTriangle(at Point, r float64) { c.regular(at, r*1.2, 3, math.Pi) }

func (c *Path) Pentagon(at Point, r float64) { c.regular(at, r*1.08, 5, 0) }

// Plus appends a cross with upright arms.
func (c *Path) Plus(at Point, r float64) {
	w := 0.36 * r
	var pts []Point
	for k := range 4 {
		for _, q := range [3]Point{{w, w}, {w, r * 1.1}, {-w, r * 1.1}} {
			pts = append(pts, at.Add(q.Rotate(float64(k)*math.Pi/2)))
		}
	}
	c.Polygon(pts...)
}

func EmptyRect() Rect {
	return Rect{math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)}
}

func (r Rect) Including(q Point) Rect {
	return Rect{math.Min(r.X0, q.X), math.Min(r.Y0, q.Y), math.Max(r.X1, q.X), math.Max(r.Y1, q.Y)}
}

// Finite reports whether v is neither NaN nor infinite.
func Finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// Pt returns the point (x, y).
func Pt(x, y float64) Point { return Point{X: x, Y: y} }

// Box returns the rectangle from (x0, y0) to (x1, y1).
func Box(x0, y0, x1, y1 float64) Rect { return Rect{X0: x0, Y0: y0, X1: x1, Y1: y1} }
