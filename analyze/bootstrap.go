package analyze

import (
	"math"
	"math/rand/v2"
	"slices"

	"sgdwalk/record"
)

// Interval is a 95 % confidence interval. Both ends are absent when there are too few
// values.
type Interval struct {
	Low  record.Optional `json:"low"`
	High record.Optional `json:"high"`
}

const (
	bootstrapResamples = 1000
	bootstrapValues    = 8 // smallest number of values with an interval
)

// MeanInterval returns the bootstrap interval of the mean of values that follow each other
// in time. Its ends are the 2.5 % and 97.5 % quantiles of the means of 1000 resamples. A
// resample consists of blocks of ceil(n^(1/3)) neighbours (Kuensch 1989; circular, Politis
// and Romano 1992), because neighbouring steps of a walk are not independent and single
// values would give too narrow an interval. With fewer than 8 values the interval is
// absent. All values must be finite. The same state of rng gives the same bits.
func MeanInterval(values []float64, rng *rand.Rand) Interval {
	n := len(values)
	if n < bootstrapValues {
		return Interval{}
	}
	block := int(math.Ceil(math.Cbrt(float64(n))))
	means := make([]float64, bootstrapResamples)
	for r := range means {
		sum := 0.0
		for taken := 0; taken < n; {
			start := rng.IntN(n)
			for i := range min(block, n-taken) {
				sum += values[(start+i)%n]
			}
			taken += min(block, n-taken)
		}
		means[r] = sum / float64(n)
	}
	slices.Sort(means)
	at := func(q float64) record.Optional {
		return record.Some(means[int(math.Round(q*float64(len(means)-1)))])
	}
	return Interval{Low: at(0.025), High: at(0.975)}
}
