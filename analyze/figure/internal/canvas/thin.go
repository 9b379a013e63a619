package canvas

import "math"

// ColumnWidth is the width of a pixel column in points, at 200 dots per inch.
const ColumnWidth = 0.36

// Columns thins a polyline to what can be seen of it: of consecutive points in one
// pixel column it keeps the first, the lowest, the highest and the last, in their
// order. The lowest and the highest value of a column survive, so no spike is lost,
// and a line across a frame has at most four points per column however many values
// it has. A point with a NaN coordinate is a gap and stays.
func Columns(pts []Point, width float64) []Point {
	out := make([]Point, 0, min(len(pts), 8192))
	for from := 0; from < len(pts); {
		at := math.Floor(pts[from].X / width)
		low, high, to := from, from, from+1
		for ; to < len(pts) && math.Floor(pts[to].X/width) == at && pts[to].Y == pts[to].Y &&
			pts[from].Y == pts[from].Y; to++ {
			if pts[to].Y < pts[low].Y {
				low = to
			}
			if pts[to].Y > pts[high].Y {
				high = to
			}
		}
		last := -1
		for _, i := range [4]int{from, min(low, high), max(low, high), to - 1} {
			if i > last {
				out, last = append(out, pts[i]), i
			}
		}
		from = to
	}
	return out
}

// cells remembers the cells of a square grid that have a mark, so that marks on top
// of each other are drawn once.
type cells struct {
	size  float64
	taken map[[2]int32]bool
}

func newCells(size float64) *cells { return &cells{size, make(map[[2]int32]bool)} }

// take reports whether the cell of a point on the page was free, and takes it.
func (c *cells) take(q Point) bool {
	at := [2]int32{int32(math.Floor(q.X / c.size)), int32(math.Floor(q.Y / c.size))}
	if c.taken[at] {
		return false
	}
	c.taken[at] = true
	return true
}

// part is a piece of a path. begun is how far along its subpath a piece begins that
// is not the first of its subpath: where the pattern of a dashed line continues.
type part struct {
	path  Path
	begun float64
}

// parts splits a path into pieces of about most operations that look the same when
// they are stroked one after the other. Closed subpaths and curves stay whole.
func (p Path) parts(most int) []part {
	if len(p) <= most {
		return []part{{path: p}}
	}
	var out []part
	var gathered Path // whole subpaths
	flush := func() {
		if len(gathered) > 0 {
			out = append(out, part{path: gathered})
		}
		gathered = nil
	}
	for from := 0; from < len(p); {
		to, lines := from+1, true
		for ; to < len(p) && p[to].Kind != OpMove; to++ {
			lines = lines && p[to].Kind == OpLine
		}
		if sub := p[from:to]; !lines || len(sub) <= most {
			if len(gathered)+len(sub) > most {
				flush()
			}
			gathered = append(gathered, sub...)
		} else {
			flush()
			out = append(out, sub.split(most)...)
		}
		from = to
	}
	flush()
	return out
}

// split cuts one long polyline.
func (p Path) split(most int) []part {
	var out []part
	at := 0.0
	for from := 0; from < len(p)-1; from += most {
		to := min(from+most, len(p)-1)
		piece := part{begun: at}
		piece.path.Move(p[from].P)
		for _, o := range p[from+1 : to+1] {
			at += o.P.Sub(piece.path[len(piece.path)-1].P).Norm()
			piece.path.Line(o.P)
		}
		out = append(out, piece)
	}
	return out
}
