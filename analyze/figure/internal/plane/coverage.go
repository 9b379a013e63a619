package plane

import (
	"math"

	"sgdwalk/analyze/figure/internal/canvas"
)

// denseTrail is the number of iterates above which a path is drawn without the
// pieces that would only cover what is drawn already: late in a long run the path
// jumps to and fro in a spot, over and over.
const denseTrail = 4000

// coverage remembers which cells of a frame a path has passed, in up to eight inks.
type coverage struct {
	frame  canvas.Rect
	size   float64
	across int
	cells  []uint8
}

func newCoverage(frame canvas.Rect, size float64) *coverage {
	across := int(frame.W()/size) + 2
	return &coverage{frame: frame, size: size, across: across, cells: make([]uint8, across*(int(frame.H()/size)+2))}
}

// segment passes from a to b in an ink and reports whether that reached a cell
// which the ink had not been in.
func (c *coverage) segment(a, b canvas.Point, ink int) bool {
	a, b, ok := canvas.ClipSegment(a, b, c.frame)
	if !ok {
		return false
	}
	fresh := false
	n := int(math.Ceil(b.Sub(a).Norm()/(0.7*c.size))) + 1
	for k := range n + 1 {
		q := a.Lerp(b, float64(k)/float64(n))
		cell := &c.cells[int((q.Y-c.frame.Y0)/c.size)*c.across+int((q.X-c.frame.X0)/c.size)]
		fresh = fresh || *cell&(1<<ink) == 0
		*cell |= 1 << ink
	}
	return fresh
}

// visible returns the pieces of a polyline that reach a new cell of the given size,
// by ink: inkOf returns the ink of the piece that ends at point i.
func visible(pts []canvas.Point, frame canvas.Rect, size float64, inks int, inkOf func(i int) int) []canvas.Path {
	c, out := newCoverage(frame, size), make([]canvas.Path, inks)
	for i := 1; i < len(pts); i++ {
		ink := inkOf(i)
		if c.segment(pts[i-1], pts[i], ink) {
			a, b, _ := canvas.ClipSegment(pts[i-1], pts[i], frame)
			out[ink].Segment(a, b)
		}
	}
	return out
}

// drawDense draws only the visible part of a long path, the thin lines under the wide ones.
func drawDense(p *canvas.Page, f canvas.Frame, t *Trail, pts []canvas.Point, pens *Pens) {
	runs := visible(pts, f.Box, 0.4, pens.classes(), func(i int) int { return pens.Class(t.Points[i]) })
	for k := range runs {
		p.Stroke(runs[k], pens.Halo(k))
	}
	for k := len(runs) - 1; k >= 0; k-- {
		p.Stroke(runs[k], canvas.Pen{Width: pens.Width(k), Color: t.Ink})
	}
}

// Pieces returns what is visible of a polyline in a frame.
func Pieces(pts []canvas.Point, frame canvas.Rect) canvas.Path {
	if len(pts) > denseTrail {
		return visible(pts, frame, 0.4, 1, func(int) int { return 0 })[0]
	}
	var out canvas.Path
	for _, piece := range canvas.ClipPolyline(canvas.Decimate(pts, 0.3), frame) {
		out.Polyline(piece)
	}
	return out
}
