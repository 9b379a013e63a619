package plane

import (
	"testing"

	"pgregory.net/rapid"

	"sgdwalk/analyze/figure/internal/canvas"
)

// winding returns how often the outline goes around a point, by the crossings of a ray to the
// right.
func winding(p canvas.Path, at canvas.Point) int {
	n := 0
	var start, last canvas.Point
	edge := func(a, b canvas.Point) {
		if (a.Y > at.Y) != (b.Y > at.Y) && a.X > at.X { // edges are upright
			if b.Y > a.Y {
				n++
			} else {
				n--
			}
		}
	}
	for _, o := range p {
		switch o.Kind {
		case canvas.OpMove:
			start, last = o.P, o.P
		case canvas.OpLine:
			edge(last, o.P)
			last = o.P
		case canvas.OpClose:
			edge(last, start)
		}
	}
	return n
}

// TestTiles: the outline goes once around every tile in it, and around no other: holes, tiles
// that touch at a corner, and the border of the grid included.
func TestTiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nx, ny := rapid.IntRange(1, 6).Draw(t, "nx"), rapid.IntRange(1, 6).Draw(t, "ny")
		in := rapid.SliceOfN(rapid.Bool(), nx*ny, nx*ny).Draw(t, "in")
		edges := []float64{0, 1, 2.5, 3, 5, 6, 7}
		f := canvas.Frame{
			Box: canvas.Box(10, 20, 80, 90), X: canvas.Axis{Lo: 0, Hi: 7}, Y: canvas.Axis{Lo: 0, Hi: 7},
		}
		outline := tiles(f, edges[:nx+1], edges[:ny+1], func(i, j int) bool { return in[j*nx+i] })
		for j := range ny {
			for i := range nx {
				want := 0
				if in[j*nx+i] {
					want = 1
				}
				at := f.At((edges[i]+edges[i+1])/2, (edges[j]+edges[j+1])/2)
				if got := winding(outline, at); got != want {
					t.Fatalf("the outline goes %d times around tile %d %d, want %d", got, i, j, want)
				}
			}
		}
	})
}

// TestTilesOfBlock: a block is a single rectangle, however many tiles it has.
func TestTilesOfBlock(t *testing.T) {
	edges := make([]float64, 101)
	for i := range edges {
		edges[i] = float64(i)
	}
	f := canvas.Frame{Box: canvas.Box(0, 0, 1, 1), X: canvas.Axis{Lo: 0, Hi: 100}, Y: canvas.Axis{Lo: 0, Hi: 100}}
	if p := tiles(f, edges, edges, func(i, _ int) bool { return i < 50 }); len(p) != 5 {
		t.Errorf("a block of 5000 tiles has a path of %d operations, want 5", len(p))
	}
}
