package optim

import (
	"math"
	"testing"
)

// TestLion compares with explicit sums over all past gradients.
func TestLion(t *testing.T) {
	for _, c := range []struct{ b1, b2, w float64 }{{0.9, 0.99, 0}, {0.5, 0.8, 0.1}, {0, 0.9, 0.1}} {
		o := build(t, "lion", hyper{"beta1": c.b1, "beta2": c.b2, "weight_decay": c.w}, flat(4))
		want := gaussian(9, 4, 1)
		theta := narrow(want)
		var past [4][]float64
		for k := 1; k <= 60; k++ {
			rate := 0.01 * (1 + float64(k%3))
			raw := gaussian(uint64(300+k), 4, 1)
			step(t, o, theta, narrow(raw), rate, nil)
			for i, g := range raw {
				direction := c.b1*explicit(past[i], c.b2, 1-c.b2) + (1-c.b1)*g
				want[i] = (1-rate*c.w)*want[i] - math.Copysign(rate, direction)
				past[i] = append(past[i], g)
			}
			near(t, k, theta, want)
		}
	}
}

// TestLionOfZeroAndNaN: a coordinate that has had no gradient does not move, and a gradient
// that is not a number shows in theta.
func TestLionOfZeroAndNaN(t *testing.T) {
	theta := []float32{1, 1, 1}
	step(t, build(t, "lion", nil, flat(3)), theta, []float32{0, float32(math.NaN()), float32(math.Inf(1))}, 0.5, nil)
	if theta[0] != 1 || theta[1] == theta[1] || theta[2] != 0.5 { //nolint:gocritic // NaN
		t.Errorf("theta is %v", theta)
	}
}
