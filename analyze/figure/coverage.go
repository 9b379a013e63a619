package figure

import "math"

// denseTrail is the number of iterates above which a path is drawn without the
// pieces that would only cover what is drawn already: late in a long run the path
// jumps to and fro in a spot, over and over.
const denseTrail = 4000

// coverage remembers which cells of a frame a path has passed, in up to eight inks.
type coverage struct {
	frame  rect
	size   float64
	across int
	cells  []uint8
}

func newCoverage(frame rect, size float64) *coverage {
	across := int(frame.w()/size) + 2
	return &coverage{frame: frame, size: size, across: across, cells: make([]uint8, across*(int(frame.h()/size)+2))}
}

// segment passes from a to b in an ink and reports whether that reached a cell
// which the ink had not been in.
func (c *coverage) segment(a, b point, ink int) bool {
	a, b, ok := clipSegment(a, b, c.frame)
	if !ok {
		return false
	}
	fresh := false
	n := int(math.Ceil(b.sub(a).norm()/(0.7*c.size))) + 1
	for k := range n + 1 {
		q := a.lerp(b, float64(k)/float64(n))
		cell := &c.cells[int((q.Y-c.frame.Y0)/c.size)*c.across+int((q.X-c.frame.X0)/c.size)]
		fresh = fresh || *cell&(1<<ink) == 0
		*cell |= 1 << ink
	}
	return fresh
}

// visible returns the pieces of a polyline that reach a new cell of the given size,
// by the ink of each: inkOf says the ink of the piece that ends at a point.
func visible(pts []point, frame rect, size float64, inks int, inkOf func(i int) int) []path {
	c, out := newCoverage(frame, size), make([]path, inks)
	for i := 1; i < len(pts); i++ {
		ink := inkOf(i)
		if c.segment(pts[i-1], pts[i], ink) {
			a, b, _ := clipSegment(pts[i-1], pts[i], frame)
			out[ink].segment(a, b)
		}
	}
	return out
}

// drawDense draws a long path as drawTrail does, but only what is visible of it, the
// shades from the palest to the darkest.
func drawDense(p *page, f panel, t *trail, pts []point, top float64) {
	shades := visible(pts, f.frame, 0.4, pathShades, func(i int) int { return t.shadeOf(i, top) })
	var halo path
	for _, s := range shades {
		halo = append(halo, s...)
	}
	thin := thinning(halo, f.frame)
	p.stroke(halo, pen{width: pathWidth*thin + (haloWidth-pathWidth)*thin*thin, color: withAlpha(pathHalo, 0.9*thin)})
	for k := pathShades - 1; k >= 0; k-- {
		p.stroke(shades[k], pen{width: pathWidth * thin, color: t.shade(k)})
	}
	drawEpochs(p, f, t, pts, nil)
}
