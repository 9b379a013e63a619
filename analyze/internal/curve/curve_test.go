package curve_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"sgdwalk/analyze/internal/curve"
)

// A polynomial of degree d has no residual from degree d on, and the stencil gives
// its slope exactly up to degree 4, on grids that need not be even.
func TestPolynomialsAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		degree := rapid.IntRange(1, 4).Draw(t, "degree")
		c := rapid.SliceOfN(rapid.Float64Range(-2, 2), degree+1, degree+1).Draw(t, "coefficients")
		alphas := []float64{-1}
		for range rapid.IntRange(6, 12).Draw(t, "points") {
			alphas = append(alphas, alphas[len(alphas)-1]+rapid.Float64Range(0.1, 0.5).Draw(t, "gap"))
		}
		value := func(x float64) (f, slope float64) {
			for i := degree; i >= 0; i-- {
				f, slope = f*x+c[i], slope*x+f
			}
			return f, slope
		}
		losses := make([]float64, len(alphas))
		for i, a := range alphas {
			losses[i], _ = value(a)
		}
		mae, _ := curve.NewFits(alphas).Errors(losses)
		for d := degree; d <= 4; d++ {
			if !mae[d-1].Valid || mae[d-1].Value > 1e-9*math.Pow(4, 4) {
				t.Fatalf("degree %d of a polynomial of degree %d: %v", d, degree, mae[d-1])
			}
		}
		for i, a := range alphas {
			_, want := value(a)
			if got := curve.NewStencil(alphas, i).Apply(losses); math.Abs(got-want) > 1e-6 {
				t.Fatalf("slope at %v is %v; want %v", a, got, want)
			}
		}
	})
}

func TestFloorOfAParabola(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.Float64Range(-0.9, 0.9).Draw(t, "at")
		alphas := []float64{-1, -0.7, -0.2, 0.1, 0.5, 1}
		losses := make([]float64, len(alphas))
		for i, a := range alphas {
			losses[i] = 3 + 2*(a-at)*(a-at)
		}
		position, loss, edge := curve.Floor(alphas, losses)
		if edge || math.Abs(position-at) > 1e-9 || math.Abs(loss-3) > 1e-9 {
			t.Fatalf("floor %v at %v, edge %v; want 3 at %v", loss, position, edge, at)
		}
	})
}

func TestMaximaCountsPlateausOnce(t *testing.T) {
	for want, f := range map[int][]float64{0: {3, 2, 1, 2, 3}, 1: {0, 1, 1, 0}, 2: {0, 2, 1, 1, 3, 3, 0, 1}} {
		if got := curve.Maxima(f); got != want {
			t.Errorf("%v has %d maxima; want %d", f, got, want)
		}
	}
}

// The ends are the given points to the bit, even where they are not finite.
func TestBetweenKeepsTheEnds(t *testing.T) {
	a := []float32{0.1, float32(math.Inf(1)), 1e30, 7}
	b := []float32{0.3, 2, -1e-30, float32(math.NaN())}
	dst := make([]float32, 4)
	for alpha, want := range map[float64][]float32{0: a, 1: b} {
		curve.Between(dst, a, b, alpha)
		for i := range want {
			if math.Float32bits(dst[i]) != math.Float32bits(want[i]) {
				t.Errorf("alpha %v: element %d is %v; want %v", alpha, i, dst[i], want[i])
			}
		}
	}
}
