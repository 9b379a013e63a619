package figure

import (
	"math"
)

// relief is the loss made ready for drawing.
type relief struct {
	field
	diverging bool // zero is in the middle of the colours
	reversed  bool // higher is darker
	infinite []bool // +Inf, per sample
	min, max float64
	log      bool
	levels   []float64
	// lo and hi are the ends of the colour bar: min and max, unless a few values
	// are so far off that the rest would have one colour.
	lo, hi            float64
	missing, infCount int
	below, above      int // finite values outside [lo, hi]
}

// displayRange cuts values off that would leave one colour to all others: on a
// logarithmic scale what is more than six decades under or four above the median
// (when there are more than eight in all), on a linear one what is more than
// twenty times the inner 80 % beyond them. sorted is not empty.
func displayRange(sorted []float64, log bool) (lo, hi float64) {
	q := func(p float64) float64 { return sorted[int(p*float64(len(sorted)-1)+0.5)] }
	lo, hi = sorted[0], sorted[len(sorted)-1]
	if log {
		if hi/lo > 1e8 {
			lo, hi = math.Max(lo, q(0.5)/1e6), math.Min(hi, q(0.5)*1e4)
		}
		return lo, hi
	}
	if inner := q(0.9) - q(0.1); inner > 0 {
		if lo < q(0.1)-20*inner {
			lo = q(0.1) - inner
		}
		if hi > q(0.9)+20*inner {
			hi = q(0.9) + inner
		}
	}
	return lo, hi
}

// along maps a value to [0, 1] along the colour bar.
func (s *relief) along(v float64) float64 { return axis{lo: s.lo, hi: s.hi, log: s.log}.pos(v) }

// value returns the value of the plane, bilinear between the samples, and NaN
// where there is none.
func (s *relief) value(x, y float64) float64 {
	i, u, ok := interval(s.x, x)
	j, v, ok2 := interval(s.y, y)
	if !ok || !ok2 || !s.cellOK(i, j) {
		return math.NaN()
	}
	k, nx := j*len(s.x)+i, len(s.x)
	return (1-v)*((1-u)*s.z[k]+u*s.z[k+1]) + v*((1-u)*s.z[k+nx]+u*s.z[k+nx+1])
}

// interval returns i with x[i] <= v <= x[i+1] and the share of the way.
func interval(x []float64, v float64) (i int, share float64, ok bool) {
	n := len(x)
	if !(v >= x[0] && v <= x[n-1]) {
		return 0, 0, false
	}
	lo, hi := 0, n-1
	for hi-lo > 1 {
		if m := (lo + hi) / 2; x[m] <= v {
			lo = m
		} else {
			hi = m
		}
	}
	return lo, (v - x[lo]) / (x[hi] - x[lo]), true
}
