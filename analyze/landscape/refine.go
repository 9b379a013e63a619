package landscape

import (
	"math"

	"sgdwalk/analyze"
)

// subdivide divides every interval of the range into the given number of intervals, a power
// of two. The points of the range stay the same to the last bit, because a division by a
// power of two is exact.
func subdivide(r analyze.Range, times int) analyze.Range {
	r.N = (r.N-1)*times + 1
	return r
}

// cellsToRefine lists the cells to evaluate next, each once. It considers the squares of side
// stride whose four corners are evaluated. If a contour crosses a square, or if only some of
// its corners have a finite loss, the cells are the middles of its sides and its center.
func (g *Grid) cellsToRefine(levels []float64, stride int) [][2]int {
	nx, ny := g.Dims()
	half := stride / 2
	taken := make(map[[2]int]bool)
	var cells [][2]int
	for j := 0; j+stride < ny; j += stride {
		for i := 0; i+stride < nx; i += stride {
			if !g.needsRefining(levels, i, j, stride) {
				continue
			}
			for _, c := range [][2]int{
				{i + half, j},
				{i, j + half},
				{i + half, j + half},
				{i + stride, j + half},
				{i + half, j + stride},
			} {
				if !taken[c] && !g.Valid[g.Cell(c[0], c[1])] {
					taken[c] = true
					cells = append(cells, c)
				}
			}
		}
	}
	return cells
}

// needsRefining reports whether a contour crosses the square, or whether only some of its
// four corners have a finite loss.
func (g *Grid) needsRefining(levels []float64, i, j, side int) bool {
	low, high := math.Inf(1), math.Inf(-1)
	finite := 0
	for _, c := range [4]int{g.Cell(i, j), g.Cell(i+side, j), g.Cell(i, j+side), g.Cell(i+side, j+side)} {
		if !g.Valid[c] {
			return false
		}
		if v := g.Loss[c]; v-v == 0 {
			low, high = min(low, v), max(high, v)
			finite++
		}
	}
	if finite < 4 {
		return finite > 0
	}
	for _, l := range levels {
		if low <= l && l <= high && low < high {
			return true
		}
	}
	return false
}

// levels returns the contour levels for the losses that were evaluated so far. It is empty
// when all finite losses are equal.
func (o *Options) levels(g *Grid) []float64 {
	var finite []float64
	for c, v := range g.Loss {
		if g.Valid[c] && v-v == 0 {
			finite = append(finite, v)
		}
	}
	low, high := extent(finite)
	if !(low < high) {
		return []float64{}
	}
	if o.Contours != nil {
		return append([]float64{}, o.Contours(low, high)...)
	}
	return contours(low, high)
}

// contours returns ten levels strictly between low and high. They are evenly spaced or, for
// positive losses with a ratio above 20, in equal factors.
func contours(low, high float64) []float64 {
	const n = 10
	levels := make([]float64, n)
	for k := range levels {
		share := float64(k+1) / (n + 1)
		if low > 0 && high/low > 20 {
			levels[k] = low * math.Pow(high/low, share)
		} else {
			levels[k] = low + (high-low)*share
		}
	}
	return levels
}
