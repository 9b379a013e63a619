package landscape

import (
	"math"

	"sgdwalk/analyze"
)

// Grid is the loss on a rectangle of a plane: nx points along a, ny along b.
// Values are stored with a running fastest: the cell (i, j), at a = X(i) and
// b = Y(j), is element j*nx + i. It has the methods of gonum's plotter.GridXYZ.
type Grid struct {
	A, B  []float64 // coordinates, of length nx and ny
	Loss  []float64 // of length nx*ny; 0 where Valid is false
	Valid []bool    // whether the cell was evaluated
}

func newGrid(x, y analyze.Range) *Grid {
	n := x.N * y.N
	return &Grid{A: x.Values(), B: y.Values(), Loss: make([]float64, n), Valid: make([]bool, n)}
}

// Dims returns nx and ny.
func (g *Grid) Dims() (nx, ny int) { return len(g.A), len(g.B) }

// X returns the coordinate a of column i.
func (g *Grid) X(i int) float64 { return g.A[i] }

// Y returns the coordinate b of row j.
func (g *Grid) Y(j int) float64 { return g.B[j] }

// Z returns the loss of the cell (i, j), NaN when it was not evaluated. To tell
// a loss that is NaN from one that is not there, ask Valid.
func (g *Grid) Z(i, j int) float64 {
	if c := g.Cell(i, j); g.Valid[c] {
		return g.Loss[c]
	}
	return math.NaN()
}

// Cell returns the index of the cell (i, j) in Loss and Valid.
func (g *Grid) Cell(i, j int) int { return j*len(g.A) + i }

// coarseToFine lists the cells of a grid of nx times ny, each once, so that
// every beginning of the list is spread over the grid: all multiples of a power
// of two, then those of half of it, down to 1.
func coarseToFine(nx, ny int) [][2]int {
	stride := 1
	for stride < max(nx, ny) {
		stride *= 2
	}
	cells := make([][2]int, 0, nx*ny)
	for first := true; stride >= 1; stride, first = stride/2, false {
		for j := 0; j < ny; j += stride {
			for i := 0; i < nx; i += stride {
				if first || i%(2*stride) != 0 || j%(2*stride) != 0 {
					cells = append(cells, [2]int{i, j})
				}
			}
		}
	}
	return cells
}
