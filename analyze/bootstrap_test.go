package analyze_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"sgdwalk/analyze"
)

// The interval covers the true mean in about 95 % of the cases, for independent
// values and, which a bootstrap of single values would not, nearly so for
// correlated ones.
func TestMeanIntervalCovers(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct{ rho, low, high float64 }{{0, 0.89, 0.99}, {0.6, 0.80, 0.97}} {
		const trials = 300
		covered := 0
		for range trials {
			x, values := rng.NormFloat64(), make([]float64, 200)
			for i := range values {
				x = c.rho*x + math.Sqrt(1-c.rho*c.rho)*rng.NormFloat64()
				values[i] = 3 + x
			}
			iv := analyze.MeanInterval(values, rng)
			if iv.Low.Value <= 3 && 3 <= iv.High.Value {
				covered++
			}
		}
		if share := float64(covered) / trials; share < c.low || share > c.high {
			t.Errorf("correlation %v: %v of the intervals cover the mean", c.rho, share)
		}
	}
}

func TestMeanIntervalOfFewOrEqualValues(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	if iv := analyze.MeanInterval([]float64{1, 2, 3}, rng); iv.Low.Valid || iv.High.Valid {
		t.Errorf("three values have the interval %+v", iv)
	}
	iv := analyze.MeanInterval([]float64{2, 2, 2, 2, 2, 2, 2, 2, 2}, rng)
	if iv.Low.Value != 2 || iv.High.Value != 2 || !iv.Low.Valid {
		t.Errorf("equal values have the interval %+v", iv)
	}
}
