package line_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sgdwalk/analyze"
	"sgdwalk/analyze/line"
	"sgdwalk/record"
)

type fataler interface{ Fatal(...any) }

// counter is a loss that keeps the points at which it was evaluated.
type counter struct {
	f      func(theta []float32) float64
	points [][]float32
}

func (c *counter) Loss(_ context.Context, theta []float32) (float64, error) {
	c.points = append(c.points, slices.Clone(theta))
	v := c.f(theta)
	clear(theta) // the line must be robust to a loss that changes its argument
	return v, nil
}

func between(t fataler, a, b []float32, f func(theta []float32) float64, o line.Options) *line.Result {
	r, err := line.Between(context.Background(), a, b, &counter{f: f}, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Losses.Validate(); err != nil {
		t.Fatal(err)
	}
	return r
}

func near(a, b, tolerance float64) bool { return math.Abs(a-b) <= tolerance }

func first(f func(x float64) float64) func([]float32) float64 {
	return func(theta []float32) float64 { return f(float64(theta[0])) }
}

func grid(t fataler, text string) analyze.Range {
	r, err := analyze.ParseRange(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func codes(warnings []analyze.Warning) string {
	s := ""
	for _, w := range warnings {
		s += w.Code + " "
	}
	return s
}

// Oracle (iv): the double well from -1 to 1 has one barrier of height 1/4, by every
// reference, and equal ends.
func TestDoubleWellHasABarrierOfOneQuarter(t *testing.T) {
	well := first(func(x float64) float64 { return (x*x - 1) * (x*x - 1) / 4 })
	r := between(t, []float32{-1, 3}, []float32{1, 3}, well, line.Options{})
	s := &r.Summary
	for name, v := range map[string]record.Optional{
		"mean": s.BarrierHeight, "chord": s.BarrierOverChord,
		"ends": s.BarrierOverEnds, "rise": s.LargestRise,
	} {
		if !v.Valid || !near(v.Value, 0.25, 1e-15) {
			t.Errorf("barrier over %s is %v; want 1/4", name, v)
		}
	}
	if s.BarrierAlpha.Value != 0.5 || s.Monotone == nil || *s.Monotone || s.FallingRatio.Value != 0.5 {
		t.Errorf("barrier at %v, monotone %v, falling %v", s.BarrierAlpha, s.Monotone, s.FallingRatio)
	}
	// In alpha the curve is 4 (alpha - alpha^2)^2, its second derivative at 1/2 is -4.
	if !near(s.MinSecond.Value, -4, 0.05) {
		t.Errorf("the least second difference is %v; want about -4", s.MinSecond)
	}
	connectivity := between(t, []float32{-1, 3}, []float32{1, 3}, well, line.Options{Mode: line.Connectivity})
	if c := connectivity.Summary; c.Points != 30 || c.AlphaMin != 0 || c.AlphaMax != 1 ||
		!near(c.BarrierHeight.Value, 0.25, 1e-3) {
		t.Errorf("30 points: %+v", c)
	}
}

// A convex quadratic: all interior points below the chord, no barrier, exact floor
// and second differences, for any ends.
func TestQuadraticIsConvexAndBelowTheChord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.Float64Range(-1, 2).Draw(t, "minimum")
		c := rapid.Float64Range(0.1, 10).Draw(t, "curvature")
		// The coordinate runs from 0 to 1, so it is alpha up to float32.
		f := first(func(x float64) float64 { return 2 + c*(x-at)*(x-at)/2 })
		s := between(t, []float32{0}, []float32{1}, f, line.Options{Alphas: grid(t, "-2:3:161")}).Summary
		if s.BelowChordRatio.Value != 1 || s.ConvexRatio.Value != 1 || s.BarrierOverChord.Value != 0 ||
			s.BarrierOverEnds.Value != 0 {
			t.Fatalf("%+v", s)
		}
		if !near(s.MinSecond.Value, c, 1e-2*c) || !near(s.FloorPosition.Value, at, 1e-4) ||
			!near(s.FloorLoss.Value, 2, 1e-5) {
			t.Fatalf("second difference %v of %v, floor %v at %v of %v",
				s.MinSecond, c, s.FloorLoss, s.FloorPosition, at)
		}
		if !near(s.SlopeStart.Value, -c*at, 1e-2) || !near(s.SlopeEnd.Value, c*(1-at), 1e-2) {
			t.Fatalf("slopes %v, %v", s.SlopeStart, s.SlopeEnd)
		}
		// On a grid of 1/32 the loss falls all the way from half a distance before the
		// end on, where the last two values are equal.
		const last = 1 - 1.0/64
		if falls := at >= last; *s.Monotone != falls && !near(at, last, 1e-9) {
			t.Fatalf("monotone %v with the minimum at %v", *s.Monotone, at)
		}
	})
}

// Trap: a chord through the first and the second value instead of the first and the last.
func TestChordGoesToTheLastPoint(t *testing.T) {
	// Falls steeply first, then slowly: everything is below the chord to the last
	// point and above that through the first two.
	s := between(t, []float32{0}, []float32{1}, first(func(x float64) float64 { return math.Exp(-5 * x) }),
		line.Options{Alphas: grid(t, "0:1:25")}).Summary
	if s.BelowChordRatio.Value != 1 || !*s.Monotone || s.MonotonicityDelta.Value >= 0 || s.LargestRise.Value != 0 {
		t.Errorf("%+v", s)
	}
}

// Trap: ends that are left out (alpha 0 or 1) or computed by steps. The two ends are
// evaluated at the given points to the bit, for any range.
func TestEndsAreExact(t *testing.T) {
	a, b := []float32{0.1, -7, 1e-20}, []float32{0.3, 1e10, 5}
	for _, text := range []string{"0:1:11", "-0.5:1.5:7", "0.2:0.7:3", "0:0.9:10", "-1:0:5"} {
		c := &counter{f: func(theta []float32) float64 { return float64(theta[0]) }}
		r, err := line.Between(context.Background(), a, b, c, line.Options{Alphas: grid(t, text)})
		if err != nil {
			t.Fatal(err)
		}
		alphas := r.Losses.Column("alpha").Floats
		if !slices.IsSorted(alphas) || len(alphas) != len(c.points) {
			t.Errorf("%s: alphas %v, %d points", text, alphas, len(c.points))
		}
		for alpha, want := range map[float64][]float32{0: a, 1: b} {
			i := slices.Index(alphas, alpha)
			if i < 0 || !slices.Equal(c.points[i], want) {
				t.Errorf("%s: alpha %v is at %d of %v", text, alpha, i, alphas)
			}
		}
	}
}

// Trap: negative offsets that have no effect.
func TestSymmetricLossGivesASymmetricLine(t *testing.T) {
	r := between(t, []float32{0, 0}, []float32{3, 4}, func(x []float32) float64 {
		return float64(x[0])*float64(x[0]) + float64(x[1])*float64(x[1])
	}, line.Options{Alphas: grid(t, "-1:1:21")})
	losses, distances := r.Losses.Column("loss").Floats, r.Losses.Column("distance").Floats
	for i := range losses {
		if losses[i] != losses[len(losses)-1-i] {
			t.Errorf("loss %v at %v, %v on the other side", losses[i], distances[i], losses[len(losses)-1-i])
		}
	}
	if distances[0] != -5 || losses[0] != 25 || r.Summary.Distance != 5 {
		t.Errorf("alpha -1 is %v away, loss %v", distances[0], losses[0])
	}
}

// Trap: NaN losses that are replaced by a mean or count as unfinished.
func TestLossesThatAreNotFiniteAreKeptAndCounted(t *testing.T) {
	f := first(func(x float64) float64 {
		if x > 1.21 {
			return math.NaN()
		}
		return x
	})
	r := between(t, []float32{0}, []float32{1}, f, line.Options{})
	s := &r.Summary
	want := 0
	for i, v := range r.Losses.Column("loss").Floats {
		if alpha := r.Losses.Column("alpha").Floats[i]; alpha > 1.21 {
			want++
			if !math.IsNaN(v) {
				t.Errorf("the loss at %v is %v", alpha, v)
			}
		}
	}
	if s.NonfiniteLosses != want || s.FloorPosition.Valid || !s.BarrierHeight.Valid ||
		!strings.Contains(codes(r.Warnings), "nonfinite_losses") {
		t.Errorf("%d of %d counted; floor %v; inside %v", s.NonfiniteLosses, want, s.FloorPosition, s.BarrierHeight)
	}
	r = between(t, []float32{0}, []float32{2}, f, line.Options{})
	if s := &r.Summary; s.BarrierHeight.Valid || s.Monotone != nil || !s.LossEnd.Valid {
		t.Errorf("with NaN inside: %+v", s)
	}
}

// Trap: a stored value at or below zero that counts as unfinished. A store must not change
// a bit of the result.
func TestStoredPointsAreNotEvaluatedAgain(t *testing.T) {
	f := first(func(x float64) float64 { return math.Min(x-0.5, 0) })
	store := memo{}
	full := between(t, []float32{0}, []float32{1}, f, line.Options{Store: store})
	for unit := range store {
		if strings.HasSuffix(unit, "5") {
			delete(store, unit)
		}
	}
	missing := full.Summary.Points - len(store)
	c := &counter{f: f}
	r, err := line.Between(context.Background(), []float32{0}, []float32{1}, c, line.Options{Store: store})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.points) != missing || missing == 0 || r.Evaluated != missing {
		t.Errorf("%d points evaluated, %d were missing", len(c.points), missing)
	}
	r.Evaluated = full.Evaluated
	if d := cmp.Diff(full, r); d != "" {
		t.Error(d)
	}
}

type memo map[string][]float64

func (m memo) Lookup(unit string) ([]float64, bool) { v, ok := m[unit]; return v, ok }

func (m memo) Save(unit string, values []float64) error {
	m[unit] = slices.Clone(values)
	return nil
}

// Trap: an evaluation that changes its point, or a second evaluation with other bits.
func TestEvaluatingChangesNothing(t *testing.T) {
	a, b := []float32{1, 2, 3}, []float32{3, 2, 1}
	f := func(x []float32) float64 { return float64(x[0]) * float64(x[1]) * float64(x[2]) }
	also := []line.Measure{{
		Name: "accuracy",
		Loss: &counter{f: func(x []float32) float64 { return float64(x[2]) / 4 }},
	}}
	one := between(t, a, b, f, line.Options{Also: also})
	two := between(t, a, b, f, line.Options{Also: also})
	if d := cmp.Diff(one, two); d != "" {
		t.Error(d)
	}
	if !slices.Equal(a, []float32{1, 2, 3}) || !slices.Equal(b, []float32{3, 2, 1}) {
		t.Errorf("the points are now %v and %v", a, b)
	}
	want := line.MeasureSummary{
		Name: "accuracy", Start: record.Some(0.75), End: record.Some(0.25), Min: record.Some(0.25),
		Max:          record.Some(0.75),
		BarrierAbove: record.Some(0.25), BarrierBelow: record.Some(0.25),
	}
	if d := cmp.Diff([]line.MeasureSummary{want}, one.Summary.Also); d != "" {
		t.Error(d)
	}
}

// Trap: a range that is rejected because a bound is zero.
func TestRangesWithZeroAndNegativeBounds(t *testing.T) {
	for _, text := range []string{"0:1:3", "-1:0:3", "-2:-1:3", "0:0.5:2"} {
		r := between(t, []float32{0}, []float32{1}, first(func(x float64) float64 { return x }),
			line.Options{Alphas: grid(t, text)})
		if r.Losses.Column("alpha").Floats == nil || r.Summary.LossStart.Value != 0 || r.Summary.LossEnd.Value != 1 {
			t.Errorf("%s: %+v", text, r.Summary)
		}
	}
}

func TestUnequalEndsWarn(t *testing.T) {
	r := between(t, []float32{0}, []float32{1}, first(func(x float64) float64 { return 1 - x }),
		line.Options{Mode: line.Connectivity})
	s := &r.Summary
	if !near(s.BarrierHeight.Value, 0.5, 1e-12) || s.BarrierOverEnds.Value != 0 || s.BarrierOverChord.Value > 1e-7 {
		t.Errorf("%+v", s)
	}
	if !strings.Contains(codes(r.Warnings), "barrier_of_unequal_ends") {
		t.Errorf("warnings: %v", r.Warnings)
	}
}

func TestBadInputIsNamed(t *testing.T) {
	good := analyze.LossFunc(func(context.Context, []float32) (float64, error) { return 0, nil })
	ok := []float32{1, 2}
	for _, c := range []struct {
		want string
		a, b []float32
		o    line.Options
	}{
		{"no elements", nil, nil, line.Options{}},
		{"2 and 1 elements", ok, ok[:1], line.Options{}},
		{"are equal", ok, ok, line.Options{}},
		{"must be finite", ok, []float32{1, float32(math.NaN())}, line.Options{}},
		{`mode is "x"`, ok, ok, line.Options{Mode: "x"}},
		{"tolerance is -1", ok, ok, line.Options{Tolerance: -1}},
		{"alphas: range", ok, ok, line.Options{Alphas: analyze.Range{Min: 1, Max: 0, N: 3}}},
		{`measure "loss"`, ok, ok, line.Options{Also: []line.Measure{{Name: "loss", Loss: good}}}},
		{`measure "error": it must have either`, ok, ok, line.Options{Also: []line.Measure{{Name: "error"}}}},
	} {
		_, err := line.Between(context.Background(), c.a, c.b, good, c.o)
		if err == nil || !strings.HasPrefix(err.Error(), "line: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.want, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := line.Between(ctx, ok, []float32{3, 4}, good, line.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
