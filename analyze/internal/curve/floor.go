package curve

import (
	"math"
	"sort"
)

// Floor returns the position and the loss of the valley floor: the lowest
// sample (the first of equals), refined by the parabola through it and its two
// neighbours. When the lowest sample is the first or the last, the parabola
// through the three outermost samples decides: its minimum counts if it is
// between the two outermost, so that a floor shortly before the end is found;
// otherwise the floor is the end of the range and atEdge is true. All losses are
// finite and there are at least two.
func Floor(alphas, losses []float64) (position, loss float64, atEdge bool) {
	lowest := 0
	for i, v := range losses {
		if v < losses[lowest] {
			lowest = i
		}
	}
	last := len(alphas) - 1
	edge := lowest == 0 || lowest == last
	position, loss = alphas[lowest], losses[lowest]
	if last < 2 {
		return position, loss, edge
	}
	middle := min(max(lowest, 1), last-1)
	v, ok := vertex(alphas[middle-1:middle+2], losses[middle-1:middle+2], alphas[lowest], losses[lowest])
	if !ok || v.position <= alphas[max(lowest-1, 0)] || v.position >= alphas[min(lowest+1, last)] {
		return position, loss, edge
	}
	return v.position, v.value, false
}

type extremum struct{ position, value, curvature float64 }

// vertex returns the minimum of the parabola through three points, written
// around the point (x, f), which is one of them: that keeps the digits of a
// shallow valley. ok is false when the parabola has no minimum or rounding cannot
// tell.
func vertex(xs, fs []float64, x, f float64) (extremum, bool) {
	d01 := (fs[1] - fs[0]) / (xs[1] - xs[0])
	d12 := (fs[2] - fs[1]) / (xs[2] - xs[1])
	c := (d12 - d01) / (xs[2] - xs[0])
	if !(c > 0) || math.IsInf(c, 0) {
		return extremum{curvature: c}, false
	}
	// The slope at x, from the slope between the first two points.
	slope := d01 + c*((x-xs[0])+(x-xs[1]))
	e := extremum{position: x - slope/(2*c), value: f - slope*slope/(4*c), curvature: 2 * c}
	return e, e.position-e.position == 0 && e.value-e.value == 0
}

// Maxima counts the local maxima strictly inside; a plateau is one.
func Maxima(f []float64) int {
	n, rising := 0, false
	for i := 1; i < len(f); i++ {
		switch {
		case f[i] > f[i-1]:
			rising = true
		case f[i] < f[i-1]:
			if rising {
				n++
			}
			rising = false
		}
	}
	return n
}

// Linear returns the value at x of the broken line through the samples; ok is
// false when x is outside them. The alphas are in ascending order.
func Linear(alphas, values []float64, x float64) (v float64, ok bool) {
	last := len(alphas) - 1
	if !(x >= alphas[0] && x <= alphas[last]) {
		return 0, false
	}
	i := min(sort.SearchFloat64s(alphas, x), last)
	if alphas[i] == x {
		return values[i], true
	}
	s := (x - alphas[i-1]) / (alphas[i] - alphas[i-1])
	return values[i-1] + s*(values[i]-values[i-1]), true
}
