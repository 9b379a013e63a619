package plane

import (
	"slices"

	"sgdwalk/analyze/figure/internal/canvas"
)

// Field is a sampled function on a rectangular grid, in grid order: sample (i, j)
// is at (x[i], y[j]) and stands in z[j*len(x)+i]. A cell with a corner that is
// not ok has no contours.
type Field struct {
	X, Y, Z []float64
	OK      []bool
}

func (f *Field) CellOK(i, j int) bool {
	nx := len(f.X)
	if i < 0 || j < 0 || i >= nx-1 || j >= len(f.Y)-1 {
		return false
	}
	k := j*nx + i
	return f.OK[k] && f.OK[k+1] && f.OK[k+nx] && f.OK[k+nx+1]
}

// node names a place on the grid without rounding: a sample or the one crossing
// of a level with a grid edge. Equal nodes of neighbouring cells are the same
// integer, so that chains close exactly.
type node int

// link is a directed piece of the border of {z >= level}, with the higher side on
// its left. Cuts are pieces of a contour; the others run along the edge of the
// data and only serve to close a region.
type link struct {
	from, to node
	cut      bool
}

// links returns the border of {z >= level}, cell by cell in grid order (marching
// squares; the two ambiguous cases are decided by the mean of the corners).
func (f *Field) links(level float64) []link {
	var out []link
	nx := len(f.X)
	for j := range len(f.Y) - 1 {
		for i := range nx - 1 {
			if f.CellOK(i, j) {
				out = f.cellLinks(out, level, i, j)
			}
		}
	}
	return out
}

func (f *Field) cellLinks(out []link, level float64, i, j int) []link {
	nx := len(f.X)
	n := nx * len(f.Y)
	k := j*nx + i
	corner := [4]int{k, k + 1, k + nx + 1, k + nx}                      // counterclockwise from the lower left
	edge := [4]int{2 * k, 2*(k+1) + 1, 2 * (k + nx), 2*k + 1}           // horizontal edges even, vertical ones odd
	beyond := [4][2]int{{i, j - 1}, {i + 1, j}, {i, j + 1}, {i - 1, j}} // the cell behind each edge
	var above [4]bool
	count, sum := 0, 0.0
	for c, s := range corner {
		above[c] = f.Z[s] >= level
		sum += f.Z[s]
		if above[c] {
			count++
		}
	}
	if count == 0 {
		return out
	}
	sample := func(c int) node { return node(2*n + corner[c%4]) }
	// Along the edge of the data.
	for e := range 4 {
		a, b := above[e], above[(e+1)%4]
		if !a && !b || f.CellOK(beyond[e][0], beyond[e][1]) {
			continue
		}
		from, to := sample(e), sample(e+1)
		if !a {
			from = node(edge[e])
		}
		if !b {
			to = node(edge[e])
		}
		out = append(out, link{from: from, to: to})
	}
	if count == 4 {
		return out
	}
	// Across the cell: from each exit of the high side to the entry that bounds
	// the same piece of it.
	joined := sum/4 >= level
	for e := range 4 {
		if !above[e] || above[(e+1)%4] {
			continue
		}
		step := 3 // backwards: the entry before this exit
		if joined {
			step = 1
		}
		for d := step; ; d += step {
			g := (e + d) % 4
			if !above[g] && above[(g+1)%4] {
				out = append(out, link{node(edge[e]), node(edge[g]), true})
				break
			}
		}
	}
	return out
}

// place returns where a node is, in the units of x and y. Along an edge the
// function is taken to be linear.
func (f *Field) place(v node, level float64) canvas.Point {
	nx := len(f.X)
	n := nx * len(f.Y)
	if int(v) >= 2*n {
		s := int(v) - 2*n
		return canvas.Pt(f.X[s%nx], f.Y[s/nx])
	}
	a := int(v) / 2
	b := a + 1
	if v%2 == 1 {
		b = a + nx
	}
	t := (level - f.Z[a]) / (f.Z[b] - f.Z[a])
	p, q := canvas.Pt(f.X[a%nx], f.Y[a/nx]), canvas.Pt(f.X[b%nx], f.Y[b/nx])
	return p.Lerp(q, t)
}

// Line is a connected contour or the border of a region.
type Line struct {
	Pts    []canvas.Point
	closed bool
}

// contours returns the lines on which the function has the value level, the
// higher side on the left, open ones first, each group in grid order. links are the
// links of that level.
func (f *Field) contours(links []link, level float64) []Line {
	var cuts []link
	for _, l := range links {
		if l.cut {
			cuts = append(cuts, l)
		}
	}
	return f.chain(cuts, level)
}

// region returns the border of the part of the data with z >= level as closed
// lines: outer borders counterclockwise, holes clockwise.
func (f *Field) region(links []link, level float64) []Line { return f.chain(links, level) }

// chain joins links to lines. It finds links in maps but iterates over them in their
// own order, so that the result does not depend on the order of a map.
func (f *Field) chain(links []link, level float64) []Line {
	next := make(map[node][]int, len(links))
	entered := make(map[node]bool, len(links))
	for i, l := range links {
		next[l.from] = append(next[l.from], i)
		entered[l.to] = true
	}
	used := make([]bool, len(links))
	follow := func(i int) Line {
		var out Line
		start := links[i].from
		add := func(v node) {
			p := f.place(v, level)
			if len(out.Pts) == 0 || out.Pts[len(out.Pts)-1] != p {
				out.Pts = append(out.Pts, p)
			}
		}
		add(start)
		for {
			used[i] = true
			to := links[i].to
			if to == start {
				out.closed = true
				if len(out.Pts) > 1 && out.Pts[0] == out.Pts[len(out.Pts)-1] {
					out.Pts = out.Pts[:len(out.Pts)-1]
				}
				return out
			}
			add(to)
			k := slices.IndexFunc(next[to], func(c int) bool { return !used[c] })
			if k < 0 {
				return out
			}
			i = next[to][k]
		}
	}
	var out []Line
	for _, loops := range []bool{false, true} {
		for i, l := range links {
			if used[i] || !loops && entered[l.from] {
				continue
			}
			if c := follow(i); len(c.Pts) > 1 {
				out = append(out, c)
			}
		}
	}
	return out
}
