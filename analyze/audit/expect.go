package audit

import "math"

// clock predicts distances between checkpoints of one track from the good ones. It adds the
// squared distances of consecutive checkpoints, as in a random walk, and corrects the sum by
// the series' own scaling with the lag.
type clock struct {
	at    []float64 // sum of squared distances from the first checkpoint to each one
	rows  []float64 // number of good intervals from the first checkpoint to each one
	power float64   // squared distance over m intervals is m^power times the sum: 0 for a random walk, 1 for a straight line, -1 for noise around a point
}

// newClock makes the clock of a track. It needs at least three good checkpoints; ok reports
// whether it has them.
func (j *judge) newClock(t int) (c clock, ok bool) {
	good := j.goodRows(t)
	if len(good) < 3 {
		return c, false
	}
	n, tr := len(j.steps), j.tracks[t]
	c.at, c.rows = make([]float64, n), make([]float64, n)
	var ratios []float64
	rate := make([]float64, len(good)-1) // squared distance of each interval
	for k := range rate {
		rate[k] = tr.squaredDistance(good[k], good[k+1])
		if k > 0 && rate[k]+rate[k-1] > 0 {
			ratios = append(ratios, tr.squaredDistance(good[k-1], good[k+1])/(rate[k]+rate[k-1]))
		}
	}
	if len(ratios) > 0 {
		c.power = math.Log2(max(median(ratios), 0.25))
	}
	lag := func(a, b int) float64 { return float64(max(1, j.steps[b]-j.steps[a])) }
	sum, k := 0.0, 0 // the interval that has i, or the nearest one, and the sum before it
	for i := range n {
		for k < len(rate)-1 && good[k+1] <= i {
			sum += rate[k]
			k++
		}
		share := 0.0
		switch whole := lag(good[k], good[k+1]); {
		case i > good[k]:
			share = lag(good[k], i) / whole
		case i < good[k]:
			share = -lag(i, good[k]) / whole
		}
		c.at[i], c.rows[i] = sum+share*rate[k], float64(k)+share
	}
	return c, true
}

// squaredDistance predicts the squared distance between checkpoints a and b.
func (c *clock) squaredDistance(a, b int) float64 {
	return math.Abs(c.at[a]-c.at[b]) * math.Pow(max(1, math.Abs(c.rows[a]-c.rows[b])), c.power)
}

// misfit says how badly content i of a track fits as checkpoint m. distance is the mean logarithm
// of its distances to the two good neighbours of m, and misfit the mean absolute logarithm of
// these distances over the predicted ones. NaN means that no neighbour can be compared.
func (j *judge) misfit(t int, c *clock, i, m int) (distance, misfit float64) {
	n := 0.0
	for _, at := range []int{j.left(t, m), j.right(t, m)} {
		if at < 0 {
			continue
		}
		if want := c.squaredDistance(at, m); want > 0 {
			have := math.Log(max(j.tracks[t].squaredDistance(i, at), 1e-30))
			distance += have / 2
			misfit += math.Abs(have-math.Log(want)) / 2
			n++
		}
	}
	return distance / n, misfit / n
}
