package landscape

import (
	"cmp"
	"math"
	"slices"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

const (
	// humpLimit is the relative height from which a hump or the depth of a basin counts: a
	// loss of 1 must fall to 0.99 on both sides. Rounding in float32 is far below it.
	humpLimit = 0.01
	// bendLimit is the relative size from which a negative second difference counts.
	bendLimit = 1e-5
)

// Humps describes straight lines on which the loss rises and falls again. A convex loss, or any
// loss whose sublevel sets are convex, has no humps, whatever the spacing of the points.
type Humps struct {
	Lines int `json:"lines"` // straight lines of at least three points
	// Humps counts the interior maxima of the lines from which the loss falls on both sides by
	// at least 1 % of the maximum.
	Humps       int             `json:"humps"`
	HumpedRatio record.Optional `json:"humped_ratio"` // share of lines with at least one hump
	// NoiseHumps is the expected number of interior maxima of independent losses: (n-2)/3 on a
	// line of n points. HumpDensity is Humps/NoiseHumps.
	NoiseHumps  float64         `json:"noise_humps"`
	HumpDensity record.Optional `json:"hump_density"`
	// Height describes (maximum - higher low beside it) / |maximum| of the humps.
	Height analyze.Distribution `json:"hump_height"`
}

// Ruggedness says how far the losses on a grid are from those of one valley. Its lines are the
// rows, columns and diagonals of the grid before refinement. A loss that is missing, NaN or
// infinite divides a line into two.
type Ruggedness struct {
	Humps
	// Basins is the number of minima from which every way to a lower loss goes up by at least
	// 1 % of its highest loss, and of cells without a lower loss. A way goes from a cell to any
	// of its 8 neighbours. A valley that is thinner than the spacing and oblique to the grid
	// breaks into several basins, and has no humps.
	Basins int `json:"basins"`
	// NonconvexRatio is the share of cells with a negative second difference along the row, the
	// column or a diagonal, among the cells with 8 neighbours. It is 0 for a convex loss.
	NonconvexRatio record.Optional `json:"nonconvex_ratio"`
}

// ruggedness measures the cells at multiples of stride. It returns nil when no line has three
// cells.
func (g *Grid) ruggedness(stride int) *Ruggedness {
	nx, ny := g.Dims()
	c := &coarse{nx: (nx-1)/stride + 1, ny: (ny-1)/stride + 1}
	for j := range c.ny {
		for i := range c.nx {
			v := g.Z(i*stride, j*stride)
			if math.IsInf(v, 0) {
				v = nan
			}
			c.loss = append(c.loss, v)
		}
	}
	h := humpsOf(c.lines)
	if h == nil {
		return nil
	}
	return &Ruggedness{*h, c.basins(), c.nonconvex()}
}

// humpsOf describes the lines of finite losses that lines passes to its argument. It returns
// nil when no line has three points.
func humpsOf(lines func(yield func(line []float64))) *Humps {
	h, humped, heights := new(Humps), 0, []float64{}
	lines(func(line []float64) {
		if len(line) < 3 {
			return
		}
		found := humps(line)
		h.Lines++
		h.NoiseHumps += float64(len(line)-2) / 3
		if len(found) > 0 {
			humped++
		}
		heights = append(heights, found...)
	})
	if h.Lines == 0 {
		return nil
	}
	h.Humps = len(heights)
	h.HumpedRatio = record.Some(float64(humped) / float64(h.Lines))
	h.HumpDensity = record.Some(float64(h.Humps) / h.NoiseHumps)
	h.Height = analyze.Describe(&record.Column{Floats: heights})
	return h
}

// humps returns the relative heights of the humps of a line of finite losses, in their order.
func humps(line []float64) []float64 {
	// Lows and peaks alternate. A low lies before and after every peak, except after a last
	// peak from which the line does not fall.
	lows, peaks, isRising := []float64{line[0]}, []float64{}, false
	for _, v := range line {
		low := &lows[len(lows)-1]
		if !isRising {
			if *low = min(*low, v); isHigher(v, *low) {
				peaks, isRising = append(peaks, v), true
			}
			continue
		}
		peak := &peaks[len(peaks)-1]
		if *peak = max(*peak, v); isHigher(*peak, v) {
			lows, isRising = append(lows, v), false
		}
	}
	heights := make([]float64, len(lows)-1)
	for i := range heights {
		heights[i] = (peaks[i] - max(lows[i], lows[i+1])) / math.Abs(peaks[i])
	}
	return heights
}

// isHigher reports whether a loss is so far above another loss that the difference counts.
func isHigher(peak, v float64) bool { return peak > v && peak-v >= humpLimit*math.Abs(peak) }

// coarse has the losses of a grid in rows. A missing or infinite loss is NaN.
type coarse struct {
	nx, ny int
	loss   []float64
}

// at returns the loss of a cell, and NaN beyond the grid.
func (c *coarse) at(i, j int) float64 {
	if i < 0 || j < 0 || i >= c.nx || j >= c.ny {
		return nan
	}
	return c.loss[j*c.nx+i]
}

// axes are the steps along a row, a column and the two diagonals.
var axes = [4][2]int{{1, 0}, {0, 1}, {1, 1}, {1, -1}}

// lines passes the straight lines of neighbouring cells. A NaN divides a line into two.
func (c *coarse) lines(yield func(line []float64)) {
	for _, step := range axes {
		for j := range c.ny {
			for i := range c.nx {
				if x, y := i-step[0], j-step[1]; x >= 0 && x < c.nx && y >= 0 && y < c.ny {
					continue // not the first cell of its line
				}
				var line []float64
				for x, y := i, j; x < c.nx && y >= 0 && y < c.ny; x, y = x+step[0], y+step[1] {
					line = append(line, c.at(x, y))
				}
				finiteParts(line, yield)
			}
		}
	}
}

// finiteParts passes the parts of a line between losses that are not finite.
func finiteParts(line []float64, yield func(line []float64)) {
	first := 0
	for k, v := range line {
		if v-v != 0 {
			yield(line[first:k])
			first = k + 1
		}
	}
	yield(line[first:])
}

// basins counts the components of the sublevel sets that exist over a range of losses that
// counts. The cells join from the lowest to the highest. When a cell joins two components,
// the one with the higher minimum ends.
func (c *coarse) basins() int {
	var order []int
	parent := make([]int, len(c.loss)) // -1 while the cell has not joined
	for k, v := range c.loss {
		if parent[k] = -1; !math.IsNaN(v) {
			order = append(order, k)
		}
	}
	// A root is the lowest cell of its component.
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(c.loss[a], c.loss[b]) })
	root := func(k int) int {
		for parent[k] != k {
			parent[k] = parent[parent[k]]
			k = parent[k]
		}
		return k
	}
	basins, open := 0, 0
	for _, k := range order {
		parent[k] = k
		open++
		for _, step := range axes {
			for _, sign := range [2]int{1, -1} {
				i, j := k%c.nx+sign*step[0], k/c.nx+sign*step[1]
				if math.IsNaN(c.at(i, j)) || parent[j*c.nx+i] < 0 {
					continue
				}
				a, b := root(k), root(j*c.nx+i)
				if a == b {
					continue
				}
				if c.loss[a] < c.loss[b] {
					a, b = b, a
				}
				if parent[a] = b; isHigher(c.loss[k], c.loss[a]) {
					basins++
				}
				open--
			}
		}
	}
	return basins + open
}

// nonconvex returns the share of cells at which the loss bends downwards along a line, among
// the cells with 8 finite neighbours.
func (c *coarse) nonconvex() record.Optional {
	cells, bent := 0, 0
	for j := range c.ny {
		for i := range c.nx {
			isWhole, isBent := true, false
			for _, step := range axes {
				v, a, b := c.at(i, j), c.at(i-step[0], j-step[1]), c.at(i+step[0], j+step[1])
				size := math.Abs(a) + math.Abs(b) + 2*math.Abs(v)
				isWhole = isWhole && !math.IsNaN(size)
				isBent = isBent || a-v+(b-v) < -bendLimit*size
			}
			if isWhole {
				cells++
				if isBent {
					bent++
				}
			}
		}
	}
	if cells == 0 {
		return record.Optional{}
	}
	return record.Some(float64(bent) / float64(cells))
}
