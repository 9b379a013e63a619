package align

import (
	"fmt"
	"math"
)

// Assign solves the linear assignment problem: it returns for every row of the n x n matrix
// cost (row by row, finite) its column, each column once, so that the sum of the costs is the
// smallest possible. The result is exact for the given numbers, up to the rounding of sums in
// float64. Of several solutions it always returns the same one.
//
// It is the method of shortest augmenting paths (Jonker and Volgenant 1987, in the form of
// Crouse 2016), of cost n^3. It panics when cost does not have n^2 elements.
func Assign(cost []float64, n int) []int {
	columns, _, _ := assign(cost, n)
	return columns
}

// assign also returns the solution of the dual problem, which proves the result: u[i] + v[j]
// is at most cost[i, j], and equal to it where row i has column j.
func assign(cost []float64, n int) (columns []int, u, v []float64) {
	if len(cost) != n*n {
		panic(fmt.Sprintf("align: Assign got %d costs for %d rows and columns", len(cost), n))
	}
	a := &assignment{
		cost: cost, n: n, u: make([]float64, n), v: make([]float64, n),
		columnOf: make([]int, n), rowOf: make([]int, n),
		shortest: make([]float64, n), from: make([]int, n), remaining: make([]int, n),
	}
	a.reduceColumns()
	for i, j := range a.columnOf {
		if j < 0 {
			a.augment(i)
		}
	}
	return a.columnOf, a.u, a.v
}

// assignment is a partial assignment with its dual variables, which are always feasible.
type assignment struct {
	cost            []float64
	n               int
	u, v            []float64
	columnOf, rowOf []int // -1 without a partner

	shortest  []float64 // length of the shortest path to every column
	from      []int     // the row before it on this path
	remaining []int     // columns that no shortest path is known to yet
}

// reduceColumns sets v to the smallest cost of every column and gives the column to the row
// of this cost, if the row is free. It is quick and assigns more than half of the rows.
func (a *assignment) reduceColumns() {
	for i := range a.n {
		a.columnOf[i], a.rowOf[i] = -1, -1
	}
	copy(a.v, a.cost)
	best := make([]int, a.n)
	for i := 1; i < a.n; i++ {
		for j, c := range a.cost[i*a.n : (i+1)*a.n] {
			if c < a.v[j] {
				a.v[j], best[j] = c, i
			}
		}
	}
	for j, i := range best {
		if a.columnOf[i] < 0 {
			a.columnOf[i], a.rowOf[j] = j, i
		}
	}
}

// augment gives the free row a column: it finds the shortest path from the row to a free
// column in the graph of reduced costs (Dijkstra) and exchanges the pairs along it.
func (a *assignment) augment(row int) {
	for j := range a.n {
		a.shortest[j], a.remaining[j] = math.Inf(1), j
	}
	left, length, sink := a.n, 0.0, -1
	for i := row; sink < 0; {
		costs, lowest, at := a.cost[i*a.n:(i+1)*a.n], math.Inf(1), -1
		base := length - a.u[i]
		for k, j := range a.remaining[:left] {
			if d := base + costs[j] - a.v[j]; d < a.shortest[j] {
				a.shortest[j], a.from[j] = d, i
			}
			// Of equally near columns a free one ends the search.
			if s := a.shortest[j]; s < lowest || s == lowest && a.rowOf[j] < 0 && a.rowOf[a.remaining[at]] >= 0 {
				lowest, at = s, k
			}
		}
		j := a.remaining[at]
		left--
		a.remaining[at], a.remaining[left] = a.remaining[left], j
		if length, i = lowest, a.rowOf[j]; i < 0 {
			sink = j
		}
	}
	a.u[row] += length
	for _, j := range a.remaining[left:] { // the columns with a known path
		if i := a.rowOf[j]; i >= 0 {
			a.u[i] += length - a.shortest[j]
		}
		a.v[j] -= length - a.shortest[j]
	}
	for j := sink; j >= 0; {
		i := a.from[j]
		a.rowOf[j] = i
		j, a.columnOf[i] = a.columnOf[i], j
		if i == row {
			break
		}
	}
}
