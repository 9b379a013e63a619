package figure

import "slices"

// field is a sampled function on a rectangular grid, in grid order: sample (i, j)
// is at (x[i], y[j]) and stands in z[j*len(x)+i]. A cell with a corner that is
// not ok has no contours.
type field struct {
	x, y, z []float64
	ok      []bool
}

func (f *field) cellOK(i, j int) bool {
	nx := len(f.x)
	if i < 0 || j < 0 || i >= nx-1 || j >= len(f.y)-1 {
		return false
	}
	k := j*nx + i
	return f.ok[k] && f.ok[k+1] && f.ok[k+nx] && f.ok[k+nx+1]
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
func (f *field) links(level float64) []link {
	var out []link
	nx := len(f.x)
	for j := range len(f.y) - 1 {
		for i := range nx - 1 {
			if f.cellOK(i, j) {
				out = f.cellLinks(out, level, i, j)
			}
		}
	}
	return out
}

func (f *field) cellLinks(out []link, level float64, i, j int) []link {
	nx := len(f.x)
	n := nx * len(f.y)
	k := j*nx + i
	corner := [4]int{k, k + 1, k + nx + 1, k + nx}                      // counterclockwise from the lower left
	edge := [4]int{2 * k, 2*(k+1) + 1, 2 * (k + nx), 2*k + 1}           // horizontal edges even, vertical ones odd
	beyond := [4][2]int{{i, j - 1}, {i + 1, j}, {i, j + 1}, {i - 1, j}} // the cell behind each edge
	var above [4]bool
	count, sum := 0, 0.0
	for c, s := range corner {
		above[c] = f.z[s] >= level
		sum += f.z[s]
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
		if !a && !b || f.cellOK(beyond[e][0], beyond[e][1]) {
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
func (f *field) place(v node, level float64) point {
	nx := len(f.x)
	n := nx * len(f.y)
	if int(v) >= 2*n {
		s := int(v) - 2*n
		return point{f.x[s%nx], f.y[s/nx]}
	}
	a := int(v) / 2
	b := a + 1
	if v%2 == 1 {
		b = a + nx
	}
	t := (level - f.z[a]) / (f.z[b] - f.z[a])
	p, q := point{f.x[a%nx], f.y[a/nx]}, point{f.x[b%nx], f.y[b/nx]}
	return p.lerp(q, t)
}

// line is a connected contour or the border of a region.
type line struct {
	pts    []point
	closed bool
}

// contours returns the lines on which the function has the value level, the
// higher side on the left, open ones first, each group in grid order. links are
// those of that level.
func (f *field) contours(links []link, level float64) []line {
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
func (f *field) region(links []link, level float64) []line { return f.chain(links, level) }

// chain puts links together to lines. It looks links up in maps but walks over
// them in their own order, so the result has one order.
func (f *field) chain(links []link, level float64) []line {
	next := make(map[node][]int, len(links))
	entered := make(map[node]bool, len(links))
	for i, l := range links {
		next[l.from] = append(next[l.from], i)
		entered[l.to] = true
	}
	used := make([]bool, len(links))
	follow := func(i int) line {
		var out line
		start := links[i].from
		add := func(v node) {
			p := f.place(v, level)
			if len(out.pts) == 0 || out.pts[len(out.pts)-1] != p {
				out.pts = append(out.pts, p)
			}
		}
		add(start)
		for {
			used[i] = true
			to := links[i].to
			if to == start {
				out.closed = true
				if len(out.pts) > 1 && out.pts[0] == out.pts[len(out.pts)-1] {
					out.pts = out.pts[:len(out.pts)-1]
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
	var out []line
	for _, loops := range []bool{false, true} {
		for i, l := range links {
			if used[i] || !loops && entered[l.from] {
				continue
			}
			if c := follow(i); len(c.pts) > 1 {
				out = append(out, c)
			}
		}
	}
	return out
}
