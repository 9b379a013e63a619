package audit

import "math"

// findFaster finds places where the walk becomes several times faster and stays so, as after a
// restart of the learning rate. The speed is the distance over the square root of the steps,
// the scaling of a random walk.
func (j *judge) findFaster(m *matrix) {
	rows := m.good()
	// faster returns the ratio of the speeds from places b to b+1 and a to a+1, the smaller one of a
	// random walk's and of a straight walk's, because a series of doubled steps has both.
	faster := func(a, b int) float64 {
		lag := func(k int) float64 { return float64(max(1, j.steps[rows[k+1]]-j.steps[rows[k]])) }
		d := math.Sqrt(m.squared(rows[b], rows[b+1]) / m.squared(rows[a], rows[a+1]))
		return min(d*math.Sqrt(lag(a)/lag(b)), d*lag(a)/lag(b))
	}
	const factor = 3
	for k := 2; k+2 < len(rows); k++ {
		ratio := min(faster(k-2, k), faster(k-1, k), faster(k-2, k+1), faster(k-1, k+1))
		if ratio > factor && !math.IsInf(ratio, 1) {
			j.add(Faster, Event, rows[k], nil, Finding{Value: some(ratio), Expected: some(1)},
				"from step %d on, the walk is %.3g times as fast as before: the learning rate started again, or a "+
					"warm-up began", j.steps[rows[k]], ratio)
			k += 2
		}
	}
}
