package curve

import (
	"math"
	"slices"

	"sgdwalk/analyze"
)

// Alphas returns the points of a range in ascending order. The points include 0 and 1
// exactly, at the indices zero and one: they are the two ends of a segment, and the loss
// at an end must be the loss at the recorded iterate to the bit.
func Alphas(r analyze.Range) (alphas []float64, zero, one int) {
	alphas = include(include(r.Values(), 0), 1)
	return alphas, slices.Index(alphas, 0), slices.Index(alphas, 1)
}

// include returns the ascending alphas with v among them. A point that misses v by
// rounding only is moved to v, because two points so close to each other would make
// slopes meaningless.
func include(alphas []float64, v float64) []float64 {
	const rounding = 1e-9 // of the smallest distance between points
	gap := math.Inf(1)
	for i := 1; i < len(alphas); i++ {
		gap = min(gap, alphas[i]-alphas[i-1])
	}
	for i, a := range alphas {
		if math.Abs(a-v) <= rounding*gap {
			alphas[i] = v
			return alphas
		}
	}
	i, _ := slices.BinarySearch(alphas, v)
	return slices.Insert(alphas, i, v)
}
