package landscape

import (
	"math"

	"sgdwalk/analyze"
)

// refined returns the range with the given number of times as many intervals.
// Its points at multiples of times are those of the range, to the last bit,
// because times is a power of two.
func refined(r analyze.Range, times int) analyze.Range {
	r.N = (r.N-1)*times + 1
	return r
}

// around lists the cells to evaluate next: where a contour crosses one of the
// squares of side stride whose four corners are evaluated, or where it has corners
// with and without a finite loss, the middles of its sides and its own. Every
// cell comes once.
func (g *Grid) around(levels []float64, stride int) [][2]int {
	nx, ny := g.Dims()
	half := stride / 2
	taken := make(map[[2]int]bool)
	var cells [][2]int
	for j := 0; j+stride < ny; j += stride {
		for i := 0; i+stride < nx; i += stride {
			if !g.crossed(levels, i, j, stride) {
				continue
			}
			for _, c := range [][2]int{{i + half, j}, {i, j + half}, {i + half, j + half}, {i + stride, j + half}, {i + half, j + stride}} {
				if !taken[c] && !g.Valid[g.Cell(c[0], c[1])] {
					taken[c] = true
					cells = append(cells, c)
				}
			}
		}
	}
	return cells
}

// crossed reports whether the square needs to be refined.
func (g *Grid) crossed(levels []float64, i, j, side int) bool {
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

// levels returns the contour levels of the losses evaluated so far.
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

// contours returns ten levels strictly between low and high, evenly spaced, or by
// factors where the losses are positive and span one of 20.
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
