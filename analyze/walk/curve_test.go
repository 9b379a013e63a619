package walk

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/analyze/internal/curve"
)

func sampled(phi func(float64) float64, r analyze.Range) (*grid, []float64) {
	alphas, zero, one := curve.Alphas(r)
	g := newGrid(alphas, zero, one, 0)
	losses := make([]float64, len(alphas))
	for i, a := range alphas {
		losses[i] = phi(a)
	}
	return g, losses
}

// Oracle (iii): any parabola opening upwards. Interior floor exactly where
// phi'(0) < 0 < phi'(1), the loss rises exactly where s* < 1/2, there is never a
// barrier, the parabola fits without residual, and Cockpit's alpha is 1/s*-1.
func TestQuadraticOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		curvature := rapid.Float64Range(0.01, 100).Draw(t, "curvature")
		star := rapid.Float64Range(-3, 4).Draw(t, "s*")
		base := rapid.Float64Range(-5, 5).Draw(t, "base")
		r := rapid.SampledFrom([]analyze.Range{{Min: 0, Max: 1, N: 11}, {Min: 0, Max: 1, N: 3}, {
			Min: -0.5, Max: 2,
			N: 26,
		}, {Min: 0.1, Max: 0.9, N: 5}}).Draw(t, "alphas")
		// Too near to the ends and to 1/2, rounding decides, not the parabola.
		for _, v := range []float64{0, 0.5, 1, r.Min, r.Max} {
			if math.Abs(star-v) < 1e-6 {
				t.Skip("too near to where rounding decides")
			}
		}
		g, losses := sampled(func(a float64) float64 { return base + curvature/2*(a-star)*(a-star) }, r)
		s := g.measure(losses)

		slope0, slope1 := -curvature*star, curvature*(1-star)
		// Rounding of the losses, 2^-53 of their size, through differences over the
		// spacing of the alphas (0.1 twice) and a few sums.
		size := math.Abs(base) + curvature/2*16
		tol := 1e-12 * size
		if got, want := s.floorInterior.Value, slope0 < 0 && slope1 > 0; got != want {
			t.Fatalf("interior floor is %v, want %v (s* %v)", got, want, star)
		}
		if got, want := s.rises.Value, star < 0.5; got != want {
			t.Fatalf("rises is %v, want %v", got, want)
		}
		if s.barrier.Value || s.barrierHeight.Valid || s.interiorMaxima != 0 {
			t.Fatalf("a convex parabola has a barrier: %+v", s)
		}
		low, high := g.alphas[0], g.alphas[len(g.alphas)-1]
		inside := star > low && star < high
		if s.floorAtEdge.Value == inside {
			t.Fatalf("floor at edge is %v for s* %v in [%v, %v]", s.floorAtEdge.Value, star, low, high)
		}
		if inside {
			near(t, "s*", s.floorPosition.Value, star, tol/curvature*100)
			near(t, "height at the start", s.heightStart.Value, curvature/2*star*star, tol)
			near(t, "height at the end", s.heightEnd.Value, curvature/2*(1-star)*(1-star), tol)
			near(t, "mean height", s.heightMean.Value, (s.heightStart.Value+s.heightEnd.Value)/2, tol)
		} else if s.floorPosition.Value != min(max(star, low), high) {
			t.Fatalf("the floor is at %v, want the end of [%v, %v]", s.floorPosition.Value, low, high)
		}
		near(t, "slope at the start", s.slopeStart.Value, slope0, 1e3*tol)
		near(t, "slope at the end", s.slopeEnd.Value, slope1, 1e3*tol)
		near(t, "curvature", s.curvature.Value, curvature, 1e3*tol)
		if len(losses) > 3 {
			near(t, "MAE of degree 2", s.mae[1].Value, 0, tol)
			near(t, "R^2", s.r2.Value, 1, 1e-9)
		} else if s.mae[1].Valid {
			t.Fatal("a parabola through three points has a residual")
		}
		near(t, "minimum of the parabola", s.parabolaPosition.Value, star, 1e3*tol/curvature)
		near(t, "Cockpit's alpha", s.cockpitAlpha.Value, 1/s.parabolaPosition.Value-1, 0)
	})
}

func near(t interface{ Fatalf(string, ...any) }, name string, got, want, tol float64) {
	if !(math.Abs(got-want) <= tol) {
		t.Fatalf("%s is %v, want %v within %v", name, got, want, tol)
	}
}

// Oracle (iv): 1/4 (x^2-1)^2 from -1 to 1 has one barrier of height 1/4 in the
// middle, and its floor is at the ends.
func TestDoubleWellOracle(t *testing.T) {
	for _, n := range []int{3, 11, 26, 101} {
		g, losses := sampled(func(a float64) float64 { x := 2*a - 1; return (x*x - 1) * (x*x - 1) / 4 },
			analyze.Range{Min: 0, Max: 1, N: n})
		s := g.measure(losses)
		// With an even number of points the top is missed by half a spacing h:
		// 1/4 (1-h^2)^2, h = 1/(n-1).
		height, alpha := 0.25, 0.5
		if n%2 == 0 {
			h := 1 / float64(n-1)
			height, alpha = (1-h*h)*(1-h*h)/4, 0.5-h/2
		}
		if !s.barrier.Value || s.interiorMaxima != 1 {
			t.Errorf("n=%d: barrier %v, %d maxima", n, s.barrier.Value, s.interiorMaxima)
		}
		near(fatal{t}, "barrier height", s.barrierHeight.Value, height, 1e-15)
		near(fatal{t}, "chord barrier height", s.chordBarrierHeight.Value, height, 1e-15)
		if n%2 == 1 {
			near(fatal{t}, "barrier alpha", s.barrierAlpha.Value, alpha, 0)
		}
		if s.rises.Value || !s.floorAtEdge.Value || s.floorInterior.Value || s.floorPosition.Value != 0 {
			t.Errorf("n=%d: %+v", n, s)
		}
		if s.parabolaPosition.Valid || s.cockpitAlpha.Value != -1 {
			t.Errorf("n=%d: a curve that is concave at large has the minimum %+v and alpha %+v", n, s.parabolaPosition,
				s.cockpitAlpha)
		}
		if n >= 11 {
			near(fatal{t}, "MAE of degree 4", s.mae[3].Value, 0, 1e-15)
			near(fatal{t}, "MAE of degree 3 is that of degree 2, the curve being even", s.mae[2].Value, s.mae[1].Value,
				1e-15)
			// Exact for degree 4: phi'(0) = 2 x (x^2-1) at x = -1 is 0.
			near(fatal{t}, "slope at the start", s.slopeStart.Value, 0, 1e-12)
			near(fatal{t}, "slope at the end", s.slopeEnd.Value, 0, 1e-12)
		}
	}
}

type fatal struct{ *testing.T }

// Two floors inside, one above the higher end: a barrier is measured from the
// higher end, not from the floor, and not from the start.
func TestBarrierReferences(t *testing.T) {
	alphas := []float64{0, 0.25, 0.5, 0.75, 1}
	g := newGrid(alphas, 0, 4, 0)
	for _, c := range []struct {
		losses        []float64
		barrier       bool
		height, chord float64
		maxima        int
	}{
		{[]float64{1, 0, 2, 0, 1.5}, true, 0.5, 0.75, 1},
		{[]float64{1, 0, 1.4, 0, 1.5}, false, 0, 0.15, 1}, // above the start only: no barrier
		{[]float64{1, 0, 1.5, 0, 1.5}, false, 0, 0.25, 1}, // equal is not above
		{[]float64{1, 2, 2, 2, 1}, true, 1, 1, 1},         // a plateau is one maximum
		{[]float64{1, 2, 0, 3, 1}, true, 2, 2, 2},
		{[]float64{1, 1, 1, 1, 1}, false, 0, 0, 0},
		{[]float64{0, 1, 2, 3, 4}, false, 0, 0, 0},
		{[]float64{4, 3, 2, 1, 0}, false, 0, 0, 0},
	} {
		s := g.measure(c.losses)
		if s.barrier.Value != c.barrier || s.barrierHeight.Valid != c.barrier || s.interiorMaxima != c.maxima {
			t.Errorf("%v: barrier %v, %d maxima", c.losses, s.barrier, s.interiorMaxima)
		}
		near(fatal{t}, "height", s.barrierHeight.Value, c.height, 0)
		near(fatal{t}, "chord height", s.chordBarrierHeight.Value, c.chord, 1e-15)
	}
	tolerant := newGrid(alphas, 0, 4, 0.5)
	if s := tolerant.measure([]float64{1, 0, 2, 0, 1.5}); s.barrier.Value {
		t.Error("a barrier of the height of the tolerance counts")
	}
	if s := tolerant.measure([]float64{1, 0, 2.1, 0, 1.5}); !s.barrier.Value ||
		math.Abs(s.barrierHeight.Value-0.6) > 1e-15 {
		t.Errorf("the tolerance is taken off the height: %+v", s.barrierHeight)
	}
}

// A high sample beyond the step is not a barrier of the step.
func TestBarrierIsInsideTheStep(t *testing.T) {
	g, losses := sampled(func(a float64) float64 { return math.Abs(a) }, analyze.Range{Min: -2, Max: 3, N: 26})
	if s := g.measure(losses); s.barrier.Value || s.interiorMaxima != 0 || s.chordBarrierHeight.Value > 1e-15 {
		t.Errorf("%+v", s)
	}
}

// NaN is never compared, and a curve with a NaN is not measured without it either.
func TestNaNLossHasNoFloor(t *testing.T) {
	alphas := []float64{0, 0.25, 0.5, 0.75, 1}
	g := newGrid(alphas, 0, 4, 0)
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		losses []float64
		n      int
		rises  column.Truth
	}{
		{[]float64{1, nan, 0, 1, 2}, 1, column.Known(true)},
		{[]float64{nan, 1, 0, 1, 2}, 1, column.Truth{}},
		{[]float64{2, 1, 0, inf, inf}, 2, column.Truth{}},
		{[]float64{2, 1, math.Inf(-1), 1, 1}, 1, column.Known(false)},
	} {
		s := g.measure(c.losses)
		if s.nonfinite != c.n || s.rises != c.rises {
			t.Errorf("%v: %d not finite, rises %v", c.losses, s.nonfinite, s.rises)
		}
		if s.floorPosition.Valid || s.floorLoss.Valid || s.barrier.Valid || s.heightMean.Valid || s.slopeStart.Valid ||
			s.mae[0].Valid || s.cockpitAlpha.Valid {
			t.Errorf("%v was measured: %+v", c.losses, s)
		}
		if !s.start.Valid || !s.end.Valid {
			t.Errorf("%v: the ends are lost", c.losses)
		}
	}
}

func TestFlatCurve(t *testing.T) {
	g, losses := sampled(func(float64) float64 { return 0.7 }, analyze.Range{Min: 0, Max: 1, N: 11})
	s := g.measure(losses)
	if s.floorPosition.Value != 0 || s.floorInterior.Value || !s.floorAtEdge.Value || s.rises.Value ||
		s.heightMean.Value != 0 {
		t.Errorf("%+v", s)
	}
	if s.parabolaPosition.Valid || s.cockpitAlpha.Valid || s.r2.Valid {
		t.Errorf("a flat curve has a minimum: %+v", s)
	}
}

func TestStraightCurveHasNoMinimum(t *testing.T) {
	g, losses := sampled(func(a float64) float64 { return 3 - a/7 }, analyze.Range{Min: 0, Max: 1, N: 11})
	s := g.measure(losses)
	if s.parabolaPosition.Valid || s.cockpitAlpha.Value != -1 || !s.floorAtEdge.Value || s.floorPosition.Value != 1 {
		t.Errorf("%+v", s)
	}
	near(fatal{t}, "slope", s.slopeEnd.Value, -1.0/7, 1e-13)
}

// Slopes are exact for polynomials of degree 4, wherever the alphas are.
func TestSlopesOfPolynomials(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SliceOfN(rapid.Float64Range(-3, 3), 5, 5).Draw(t, "coefficients")
		r := rapid.SampledFrom([]analyze.Range{{Min: 0, Max: 1, N: 5}, {Min: 0, Max: 1, N: 11}, {
			Min: -0.5, Max: 2,
			N: 26,
		}, {Min: -0.3, Max: 1.3, N: 9}}).Draw(t, "alphas")
		g, losses := sampled(func(a float64) float64 { return c[0] + a*(c[1]+a*(c[2]+a*(c[3]+a*c[4]))) }, r)
		s := g.measure(losses)
		// Weights of up to 1e3 (at uneven alphas) on losses rounded to 2^-53 of 15.
		near(t, "slope at the start", s.slopeStart.Value, c[1], 1e-10)
		near(t, "slope at the end", s.slopeEnd.Value, c[1]+2*c[2]+3*c[3]+4*c[4], 1e-10)
		if len(losses) >= 6 {
			near(t, "MAE of degree 4", s.mae[3].Value, 0, 1e-12)
		}
		for d := 1; d < 4; d++ {
			// More freedom fits no worse in least squares; in the mean absolute
			// residual by at most sqrt(n).
			if s.mae[d].Valid && s.mae[d].Value > s.mae[d-1].Value*math.Sqrt(float64(len(losses)))+1e-12 {
				t.Fatalf("degree %d fits worse than %d: %v and %v", d+1, d, s.mae[d].Value, s.mae[d-1].Value)
			}
		}
	})
}

// Shifting the loss does not change positions and heights. Scaling the loss scales heights.
// Scaling by a power of two is exact as long as nothing on the way is subnormal:
// losses of 1e-156 have squares that are, so losses are multiples of 2^-30, whose
// differences are 0 or at least 2^-30, and are exact also after a shift by 1. Equal
// values and zeros are still frequent.
func TestMeasureUnderShiftAndScale(t *testing.T) {
	multiple := rapid.Map(rapid.OneOf(rapid.IntRange(0, 3), rapid.IntRange(0, 1<<30)),
		func(n int) float64 { return math.Ldexp(float64(n), -30) })
	rapid.Check(t, func(t *rapid.T) {
		losses := rapid.SliceOfN(multiple, 11, 11).Draw(t, "losses")
		alphas, zero, one := curve.Alphas(analyze.Range{Min: 0, Max: 1, N: 11})
		g := newGrid(alphas, zero, one, 0)
		a := g.measure(losses)
		scaled := make([]float64, len(losses))
		for i, v := range losses {
			scaled[i] = 4 * v // exact
		}
		b := g.measure(scaled)
		if a.floorPosition != b.floorPosition || 4*a.heightEnd.Value != b.heightEnd.Value ||
			4*a.barrierHeight.Value != b.barrierHeight.Value || 4*a.mae[2].Value != b.mae[2].Value {
			t.Fatalf("%+v\n%+v", a, b)
		}
		shifted := make([]float64, len(losses))
		for i, v := range losses {
			shifted[i] = 1 + v // exact
		}
		c := g.measure(shifted)
		if a.floorPosition != c.floorPosition || a.rises != c.rises || a.barrier != c.barrier ||
			a.barrierHeight != c.barrierHeight || a.interiorMaxima != c.interiorMaxima {
			t.Fatalf("%+v\n%+v", a, c)
		}
		// the floor is rounded, at a size of 2 at most
		near(t, "height at the end", c.heightEnd.Value, a.heightEnd.Value, 1e-15)
		low := slices.Min(losses)
		if a.floorLoss.Value > low {
			t.Fatalf("the floor %v is above the lowest sample %v", a.floorLoss.Value, low)
		}
		if a.floorPosition.Value < 0 || a.floorPosition.Value > 1 {
			t.Fatalf("the floor is at %v", a.floorPosition.Value)
		}
	})
}

func TestPointsAlwaysHaveTheEnds(t *testing.T) {
	for _, c := range []struct {
		r         analyze.Range
		n         int
		zero, one int
	}{
		{analyze.Range{Min: 0, Max: 1, N: 11}, 11, 0, 10},
		{analyze.Range{Min: -0.5, Max: 2, N: 26}, 26, 5, 15},
		{analyze.Range{Min: 0.2, Max: 0.8, N: 4}, 6, 0, 5},
		{analyze.Range{Min: 2, Max: 3, N: 2}, 4, 0, 1},
		{analyze.Range{Min: -2, Max: -1, N: 2}, 4, 2, 3},
		{analyze.Range{Min: -1, Max: 2, N: 3}, 5, 1, 3}, // -1 0 0.5 1 2
		{analyze.Range{Min: -0.3, Max: 1.2, N: 16}, 16, 3, 13},
		{analyze.Range{Min: -0.1, Max: 1.1, N: 13}, 13, 1, 11},
	} {
		alphas, zero, one := curve.Alphas(c.r)
		if len(alphas) != c.n || zero != c.zero || one != c.one || alphas[zero] != 0 || alphas[one] != 1 {
			t.Errorf("%v: %v, 0 at %d and 1 at %d", c.r, alphas, zero, one)
		}
		for i := 1; i < len(alphas); i++ {
			if alphas[i-1] >= alphas[i] {
				t.Errorf("%v: %v is not in order", c.r, alphas)
			}
		}
	}
}
