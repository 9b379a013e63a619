package landscape

import (
	"fmt"
	"math"

	"sgdwalk/analyze"
	"sgdwalk/analyze/job"
	"sgdwalk/record"
)

var nan = math.NaN()

// Grid is the loss on a rectangle of a plane: nx points along a, and ny points along b. The
// cell (i, j) at a = X(i) and b = Y(j) is element j*nx + i. A grid has the methods of
// gonum's plotter.GridXYZ.
type Grid struct {
	A, B  []float64   // coordinates, of length nx and ny
	Loss  []float64   // of length nx*ny; 0 where Valid is false
	Valid []bool      // whether the cell was evaluated
	Names []string    // of the further measures
	Also  [][]float64 // values of each further measure, in the order of Loss
}

// newGrid returns a grid without evaluated cells.
func newGrid(x, y analyze.Range, names []string) *Grid {
	n := x.N * y.N
	g := &Grid{A: x.Values(), B: y.Values(), Loss: make([]float64, n), Valid: make([]bool, n), Names: names}
	for range names {
		g.Also = append(g.Also, make([]float64, n))
	}
	return g
}

// Dims returns nx and ny.
func (g *Grid) Dims() (nx, ny int) { return len(g.A), len(g.B) }

// X returns the coordinate a of column i.
func (g *Grid) X(i int) float64 { return g.A[i] }

// Y returns the coordinate b of row j.
func (g *Grid) Y(j int) float64 { return g.B[j] }

// Z returns the loss of the cell (i, j). It returns NaN for a cell that was not evaluated and
// for a NaN loss; Valid distinguishes the two.
func (g *Grid) Z(i, j int) float64 {
	if c := g.Cell(i, j); g.Valid[c] {
		return g.Loss[c]
	}
	return nan
}

// Cell returns the index of the cell (i, j) in Loss and Valid.
func (g *Grid) Cell(i, j int) int { return j*len(g.A) + i }

// Measured returns the values of the measure with the name; "loss" names the loss. It returns
// nil when the grid does not have the measure. The slice belongs to the grid.
func (g *Grid) Measured(name string) []float64 {
	if name == "loss" {
		return g.Loss
	}
	for i, n := range g.Names {
		if n == name {
			return g.Also[i]
		}
	}
	return nil
}

// unit returns the unit of the cell (i, j).
func (g *Grid) unit(i, j int) job.Unit {
	return job.Unit{Name: fmt.Sprintf("cell %d %d", i, j), Index: g.Cell(i, j)}
}

// at returns the coordinates of the cell with index c.
func (g *Grid) at(c int) (a, b float64) { return g.A[c%len(g.A)], g.B[c/len(g.A)] }

// set stores the values of the cell with index c, the loss first.
func (g *Grid) set(c int, values []float64) {
	g.Loss[c], g.Valid[c] = values[0], true
	for k := range g.Also {
		g.Also[k][c] = values[1+k]
	}
}

// Filled returns a copy of values, which are in the order of Loss. It interpolates the cells
// that were not evaluated, from coarse to fine: a cell between two neighbours gets their
// mean, and a cell between four neighbours gets the mean of the four. A figure of an
// unfinished or refined grid is then complete. ok marks the cells that have a value, and
// interpolated counts the interpolated cells.
func (g *Grid) Filled(values []float64) (filled []float64, ok []bool, interpolated int) {
	nx, ny := g.Dims()
	filled, ok = append([]float64{}, values...), append([]bool{}, g.Valid...)
	stride := 1
	for stride < max(nx, ny) {
		stride *= 2
	}
	for ; stride >= 1; stride /= 2 {
		// Pass 0 fills the points between two neighbours along an axis. Pass 1 fills the
		// points in the middle of four neighbours, which pass 0 has filled.
		for pass := range 2 {
			for j := 0; j < ny; j += stride {
				for i := 0; i < nx; i += stride {
					oddI, oddJ := i/stride%2 == 1, j/stride%2 == 1
					c := g.Cell(i, j)
					if ok[c] || !oddI && !oddJ || (oddI && oddJ) != (pass == 1) {
						continue
					}
					sum, n := 0.0, 0
					add := func(i, j int) {
						if i < nx && j < ny && ok[g.Cell(i, j)] {
							sum, n = sum+filled[g.Cell(i, j)], n+1
						}
					}
					if oddI {
						add(i-stride, j)
						add(i+stride, j)
					}
					if oddJ {
						add(i, j-stride)
						add(i, j+stride)
					}
					if n > 0 {
						filled[c], ok[c] = sum/float64(n), true
						interpolated++
					}
				}
			}
		}
	}
	return filled, ok, interpolated
}

// Scattered reports whether missing cells of the grid before refinement are scattered, as in
// a preview of some shards. After an interruption all cells from one cell on are missing, and
// Filled can interpolate. It cannot interpolate scattered cells.
func (r *Result) Scattered() bool {
	nx, _ := r.Grid.Dims()
	bx, by := r.Summary.Base[0], r.Summary.Base[1]
	stride := max(1, (nx-1)/max(1, bx-1))
	missing := false
	for _, c := range coarseToFine(bx, by) {
		if valid := r.Grid.Valid[r.Grid.Cell(stride*c[0], stride*c[1])]; !valid {
			missing = true
		} else if missing {
			return true
		}
	}
	return false
}

// coarseToFine lists the cells of a grid of nx times ny, each once. It lists the cells at
// multiples of a power of two, then the remaining cells at multiples of half of that power,
// and so on down to 1. So the first cells of the list always cover the whole grid.
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

// table returns Result.Table. It shares the values with the grid.
func (g *Grid) table() record.Table {
	n := len(g.Loss)
	i, j := make([]int64, n), make([]int64, n)
	a, b := make([]float64, n), make([]float64, n)
	for c := range n {
		i[c], j[c] = int64(c%len(g.A)), int64(c/len(g.A))
		a[c], b[c] = g.at(c)
	}
	t := record.Table{Columns: []record.Column{
		{Name: "i", Ints: i},
		{Name: "j", Ints: j},
		{Name: "a", Floats: a},
		{Name: "b", Floats: b},
		{Name: "loss", Floats: g.Loss, Valid: g.Valid},
	}}
	for k, name := range g.Names {
		t.Columns = append(t.Columns, record.Column{Name: name, Floats: g.Also[k], Valid: g.Valid})
	}
	t.Columns = append(t.Columns, record.Column{Name: "valid", Bools: g.Valid})
	return t
}

// GridFromTable returns the grid of a Result.Table.
func GridFromTable(t *record.Table) (*Grid, error) {
	i, j := t.Column("i").Ints, t.Column("j").Ints
	if len(i) == 0 {
		return nil, fmt.Errorf("landscape: the table of the grid has no rows")
	}
	nx, ny := int(i[len(i)-1])+1, int(j[len(j)-1])+1
	if nx < 1 || ny < 1 || nx*ny != len(i) {
		return nil, fmt.Errorf("landscape: the table of the grid has %d rows; a grid of %d times %d has %d", len(i), nx, ny, nx*ny)
	}
	g := &Grid{
		A: t.Column("a").Floats[:nx], B: make([]float64, ny),
		Loss: t.Column("loss").Floats, Valid: t.Column("valid").Bools,
	}
	for k := range g.B {
		g.B[k] = t.Column("b").Floats[k*nx]
	}
	for k := range t.Columns {
		switch c := &t.Columns[k]; c.Name {
		case "i", "j", "a", "b", "loss", "valid":
		default:
			g.Names, g.Also = append(g.Names, c.Name), append(g.Also, c.Floats)
		}
	}
	return g, nil
}
