package plane

import (
	"image/color"

	"sgdwalk/analyze/figure/internal/canvas"
)

// DrawTiles paints every grid point as the rectangle of the places nearest to it.
func (s *Relief) DrawTiles(p *canvas.Page, f canvas.Frame) {
	s.DrawTilesBetween(p, f, edgesBetween(s.X), edgesBetween(s.Y))
}

// DrawTilesBetween paints grid point (i, j) as the rectangle from x[i] to x[i+1] and
// from y[j] to y[j+1].
func (s *Relief) DrawTilesBetween(p *canvas.Page, f canvas.Frame, x, y []float64) {
	colors := s.BandColors()
	nx := len(s.X)
	// Each band is painted over the ones below it, so that no hairline shows between two of
	// them.
	p.Fill(tiles(f, x, y, func(i, j int) bool { return s.OK[j*nx+i] }), colors[0])
	for k, level := range s.Levels {
		p.Fill(tiles(f, x, y, func(i, j int) bool { return s.OK[j*nx+i] && s.Z[j*nx+i] >= level }), colors[k+1])
	}
	var missing, infinite []canvas.Rect
	for j := range s.Y {
		for i := range s.X {
			a, b := f.At(x[i], y[j]), f.At(x[i+1], y[j+1])
			switch k := j*nx + i; {
			case s.Infinite != nil && s.Infinite[k]:
				infinite = append(infinite, canvas.Box(a.X, a.Y, b.X, b.Y))
			case !s.OK[k]:
				missing = append(missing, canvas.Box(a.X, a.Y, b.X, b.Y))
			}
		}
	}
	HatchMissing(p, missing)
	HatchInfinite(p, infinite, colors[len(colors)-1])
}

// FillTiles fills the tiles for which isIn returns true, as DrawTilesBetween places them.
func FillTiles(p *canvas.Page, f canvas.Frame, x, y []float64, isIn func(i, j int) bool, c color.NRGBA) {
	p.Fill(tiles(f, x, y, isIn), c)
}

// edgesBetween returns the middles between coordinates, and the ends.
func edgesBetween(v []float64) []float64 {
	out := []float64{v[0]}
	for i := 1; i < len(v); i++ {
		out = append(out, v[i-1]/2+v[i]/2)
	}
	return append(out, v[len(v)-1])
}

// The directions of an edge of a tile, as bits and as steps between corners.
const (
	right = 1 << iota
	up
	left
	down
)

// tiles returns the outline of the tiles for which isIn returns true. Neighbours have no
// edge between them, so a large area is a short path and has no hairlines. The area is on
// the left of every edge.
func tiles(f canvas.Frame, x, y []float64, isIn func(i, j int) bool) canvas.Path {
	nx, ny := len(x)-1, len(y)-1
	in := func(i, j int) bool { return i >= 0 && j >= 0 && i < nx && j < ny && isIn(i, j) }
	edges := make([]uint8, (nx+1)*(ny+1)) // that begin at a corner
	for j := range ny {
		for i := range nx {
			if !in(i, j) {
				continue
			}
			at := j*(nx+1) + i
			if !in(i, j-1) {
				edges[at] |= right
			}
			if !in(i+1, j) {
				edges[at+1] |= up
			}
			if !in(i, j+1) {
				edges[at+nx+2] |= left
			}
			if !in(i-1, j) {
				edges[at+nx+1] |= down
			}
		}
	}
	by := map[uint8]int{right: 1, up: nx + 1, left: -1, down: -nx - 1}
	var out canvas.Path
	for start := range edges {
		var corners []canvas.Point
		last := uint8(0)
		for at := start; edges[at] != 0; at += by[last] {
			next := edges[at] & -edges[at] // the lowest bit
			edges[at] &^= next
			if next != last {
				corners = append(corners, f.At(x[at%(nx+1)], y[at/(nx+1)]))
			}
			last = next
		}
		if len(corners) > 0 {
			out.Polygon(corners...)
		}
	}
	return out
}
