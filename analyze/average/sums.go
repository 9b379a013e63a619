package average

import (
	"runtime"

	"sgdwalk/analyze/internal/parallel"
)

// piece is the sum of the members lo to hi of a stream, and their first moment
// sum (j - lo) theta_j.
type piece struct {
	lo     int
	sum    []float64 // theta, then the running statistics
	moment []float64 // theta only; nil without the null
}

// tower has the pieces of a stream that open windows are made of, from the oldest to the
// newest. A piece begins where a window begins, so a window is the sum of the newest pieces.
type tower struct {
	pieces []piece
	uses   map[int]int // windows that begin at a member and have not ended
	from   int         // first member that this process needs
}

// pool has the memory of pieces.
type pool struct {
	sum, moment int // lengths; moment is 0 without the null
	free        []piece
}

func (p *pool) piece(lo int) piece {
	n := len(p.free)
	if n == 0 {
		q := piece{lo: lo, sum: make([]float64, p.sum)}
		if p.moment > 0 {
			q.moment = make([]float64, p.moment)
		}
		return q
	}
	q := p.free[n-1]
	p.free = p.free[:n-1]
	q.lo = lo
	clear(q.sum)
	clear(q.moment)
	return q
}

// begin starts a piece at member m if a window begins there. It reports whether the member
// belongs to an open window.
func (t *tower) begin(m int, memory *pool) bool {
	if m >= t.from && t.uses[m] > 0 {
		t.pieces = append(t.pieces, memory.piece(m))
	}
	return len(t.pieces) > 0
}

// end ends a window that begins at member lo.
func (t *tower) end(lo int) {
	if t.uses[lo]--; t.uses[lo] == 0 {
		delete(t.uses, lo)
	}
}

// prune joins each piece at whose start no open window begins to the piece before it, and
// drops pieces that are older than all open windows.
func (t *tower) prune(memory *pool) {
	kept := t.pieces[:0]
	for _, q := range t.pieces {
		switch n := len(kept); {
		case t.uses[q.lo] > 0:
			kept = append(kept, q)
			continue
		case n > 0:
			kept[n-1].join(&q)
		}
		memory.free = append(memory.free, q)
	}
	t.pieces = kept
}

// join adds a newer piece.
func (p *piece) join(q *piece) {
	offset := float64(q.lo - p.lo)
	columns(len(p.sum), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			if i < len(p.moment) {
				p.moment[i] += q.moment[i] + float64(offset*q.sum[i])
			}
			p.sum[i] += q.sum[i]
		}
	})
}

// blockColumns is the number of elements that are worked on together: the sums of a block
// stay in the processor's cache while several iterates are added, and the pages of an
// iterate are read in order.
const blockColumns = 1 << 14

// columns calls f for the ranges of n elements, in parallel. The ranges do not depend on the
// number of cores.
func columns(n int, f func(lo, hi int)) {
	blocks := (n + blockColumns - 1) / blockColumns
	parallel.Each(runtime.GOMAXPROCS(0), blocks, func(b int) { f(b*blockColumns, min(n, (b+1)*blockColumns)) })
}

// target is a sum that receives rows of a tile.
type target struct {
	sum, moment []float64
	decay       float64           // of an exponential average, which receives every row; 0 for a sum
	ages        [tileRows]float64 // weights of the rows in the moment; -1 for rows of other streams
}

// newTarget returns a target that receives no row yet.
func newTarget(sum, moment []float64) target {
	t := target{sum: sum, moment: moment}
	for i := range t.ages {
		t.ages[i] = -1
	}
	return t
}

// add adds a block of theta of a row, elements lo and following.
func (t *target) add(row int, x []float32, lo int) {
	sum := t.sum[lo : lo+len(x)]
	switch {
	case t.decay > 0:
		decayInto(sum, x, t.decay)
	case t.ages[row] < 0:
	case t.moment != nil:
		addMoment(sum, t.moment[lo:lo+len(x)], x, t.ages[row])
	default:
		addTo(sum, x)
	}
}

// addState adds the running statistics of a row.
func (t *target) addState(row int, state []float32, parameters int) {
	switch {
	case t.decay > 0:
		decayInto(t.sum[parameters:], state, t.decay)
	case t.ages[row] >= 0:
		addTo(t.sum[parameters:], state)
	}
}

// addTo adds x to sum.
func addTo(sum []float64, x []float32) {
	x = x[:len(sum)]
	for i := range sum {
		sum[i] += float64(x[i])
	}
}

// addMoment adds x to sum, and age x to moment. The product is exact: age is a whole number
// below 2^29.
func addMoment(sum, moment []float64, x []float32, age float64) {
	x, moment = x[:len(sum)], moment[:len(sum)]
	for i := range sum {
		v := float64(x[i])
		sum[i] += v
		moment[i] += float64(age * v)
	}
}

// decayInto sets e to decay e + (1 - decay) x.
func decayInto(e []float64, x []float32, decay float64) {
	x = x[:len(e)]
	rest := 1 - decay
	for i := range e {
		e[i] = float64(decay*e[i]) + float64(rest*float64(x[i]))
	}
}

// dot returns the inner product of g and x over the elements of g. Its bits do not depend on
// the number of cores.
func dot[T float32 | float64](g []float32, x []T) float64 {
	parts := make([]float64, (len(g)+blockColumns-1)/blockColumns)
	columns(len(g), func(lo, hi int) {
		s, x := 0.0, x[lo:hi]
		for i, v := range g[lo:hi] {
			s += float64(float64(v) * float64(x[i]))
		}
		parts[lo/blockColumns] = s
	})
	s := 0.0
	for _, v := range parts {
		s += v
	}
	return s
}
