package pca

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The sums are those of the definition, to the rounding of float64, for every
// length and with either code.
func TestRest(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for n := lanes; n <= 40*lanes; n += lanes {
		x := make([]float32, n)
		m, v0, v1 := gaussian(rng, n), gaussian(rng, n), gaussian(rng, n)
		for j := range x {
			x[j] = float32(rng.NormFloat64())
		}
		u0, u1 := rng.NormFloat64(), rng.NormFloat64()
		var want restSums
		for j := range x {
			c := float64(x[j]) - m[j]
			r := c - u0*v0[j] - u1*v1[j]
			for k, v := range []float64{c * c, r * r, r * v0[j], r * v1[j]} {
				want[k] += v
			}
		}
		var got restSums
		rest(&got, x, m, v0, v1, u0, u1, n)
		for k := range want {
			// n terms of some tens, each rounded to 2^-53.
			if math.Abs(got[k]-want[k]) > 1e-13*float64(n) {
				t.Errorf("%d columns: sum %d is %v; want %v", n, k, got[k], want[k])
			}
		}
	}
}
