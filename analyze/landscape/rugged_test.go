package landscape_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sgdwalk/analyze"
	"sgdwalk/analyze/landscape"
)

// ruggedness evaluates f on nx times ny points of the square from 0 to 1.
func ruggedness(t testing.TB, nx, ny, refine int, f func(x, y float64) float64) *landscape.Ruggedness {
	t.Helper()
	p := plane(t, []float32{0, 0}, []float32{1, 0}, []float32{0, 1})
	r := compute(t, p, func(_ context.Context, theta []float32) (float64, error) {
		return f(float64(theta[0]), float64(theta[1])), nil
	}, landscape.Options{
		X: analyze.Range{Min: 0, Max: 1, N: nx}, Y: analyze.Range{Min: 0, Max: 1, N: ny}, Refine: refine,
		Contours: func(low, high float64) []float64 { return []float64{(low + high) / 2} },
	})
	return r.Summary.Ruggedness
}

// A convex loss has no humps on any grid, also where its valley is thinner than the spacing
// and where some of its losses are infinite or not a number. A monotone function of a convex
// loss has no humps either.
func TestConvexLossHasNoHumps(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		number := func(name string, low, high float64) float64 { return rapid.Float64Range(low, high).Draw(rt, name) }
		x0, y0 := number("x0", -0.5, 1.5), number("y0", -0.5, 1.5)
		angle, stiff := number("angle", 0, math.Pi), math.Pow(10, number("stiffness", 0, 4))
		floor, slope := number("floor", 0, 2), number("slope", 0, 3)
		convex := func(x, y float64) float64 {
			u := (x-x0)*math.Cos(angle) + (y-y0)*math.Sin(angle)
			v := (y-y0)*math.Cos(angle) - (x-x0)*math.Sin(angle)
			return floor + stiff*u*u + v*v + max(0, slope*(u+v))
		}
		nx, ny := rapid.IntRange(3, 17).Draw(rt, "nx"), rapid.IntRange(3, 17).Draw(rt, "ny")
		r := ruggedness(t, nx, ny, 0, convex)
		if r.Humps.Humps != 0 || r.HumpedRatio.Value != 0 || r.HumpDensity.Value != 0 {
			rt.Errorf("a convex loss has humps: %+v", r)
		}
		if r.NonconvexRatio.Value != 0 || r.Basins < 1 {
			rt.Errorf("a convex loss bends downwards: %+v", r)
		}
		if lines := nx + ny + 2*(nx+ny-5); r.Lines != lines {
			rt.Errorf("%d lines; want %d", r.Lines, lines)
		}
		hole := rapid.SampledFrom([]float64{math.NaN(), math.Inf(1)}).Draw(rt, "hole")
		r = ruggedness(t, nx, ny, 0, func(x, y float64) float64 {
			if math.Hypot(x-0.4, y-0.6) < 0.2 {
				return hole
			}
			return math.Sqrt(convex(x, y)) // not convex, and with the same convex sublevel sets
		})
		if r != nil && r.Humps.Humps != 0 {
			rt.Errorf("a function of a convex loss has humps: %+v", r)
		}
	})
}

// A round bowl has one basin. A thin oblique valley breaks into basins, and has no humps.
func TestBasinsOfBowls(t *testing.T) {
	round := ruggedness(t, 21, 21, 0, func(x, y float64) float64 { return 1 + (x-0.4)*(x-0.4) + 2*(y-0.7)*(y-0.7) })
	if round.Basins != 1 || round.Humps.Humps != 0 {
		t.Errorf("a bowl has %d basins and %d humps", round.Basins, round.Humps.Humps)
	}
	even := ruggedness(t, 20, 20, 0, func(x, y float64) float64 { return 1 + (x-0.5)*(x-0.5) + (y-0.5)*(y-0.5) })
	if even.Basins != 1 {
		t.Errorf("a bowl with four equal lowest cells has %d basins", even.Basins)
	}
	thin := ruggedness(t, 21, 21, 0, func(x, y float64) float64 {
		u := 2.37*x - y - 0.6
		return 1e4*u*u + 0.01*(x+2.37*y-1)*(x+2.37*y-1)
	})
	if thin.Basins < 2 || thin.Humps.Humps != 0 {
		t.Errorf("a thin valley has %d basins and %d humps", thin.Basins, thin.Humps.Humps)
	}
}

// 3 + cos(2 pi m x) + cos(2 pi n y) has m n minima of 1 inside the square. The passes between
// them have the loss 3.
func TestCosinesHaveTheirBasins(t *testing.T) {
	for _, c := range [][2]int{{1, 1}, {2, 1}, {3, 2}, {4, 5}} {
		m, n := c[0], c[1]
		r := ruggedness(t, 8*m+1, 8*n+1, 0, func(x, y float64) float64 {
			return 3 + math.Cos(2*math.Pi*float64(m)*x) + math.Cos(2*math.Pi*float64(n)*y)
		})
		if r.Basins != m*n {
			t.Errorf("%d and %d periods have %d basins", m, n, r.Basins)
		}
	}
}

// The maxima of 2 + cos(2 pi m x) are at multiples of 1/m. A row or a diagonal has a hump at
// each of them that is inside the line, and a column has none. All humps fall from 3 to 1,
// except those of diagonals that end too early.
func TestCosineHasItsHumps(t *testing.T) {
	const m, nx, ny = 3, 25, 9 // 8 points for a period
	r := ruggedness(t, nx, ny, 0, func(x, _ float64) float64 { return 2 + math.Cos(2*math.Pi*m*x) })
	inside := func(first, last int) (n int) {
		for k := range m + 1 {
			if first < 8*k && 8*k < last {
				n++
			}
		}
		return n
	}
	humps, humped, lines, noise := 0, 0, 0, 0.0
	line := func(first, last, points int) {
		if points < 3 {
			return
		}
		lines++
		noise += float64(points-2) / 3
		if h := inside(first, last); h > 0 {
			humps, humped = humps+h, humped+1
		}
	}
	for range ny {
		line(0, nx-1, nx)
	}
	for i := range nx {
		line(i, i, ny)
	}
	for start := -(ny - 1); start < nx; start++ { // the x at which a diagonal meets the first row
		first, last := max(0, start), min(nx-1, start+ny-1)
		line(first, last, last-first+1)
		line(first, last, last-first+1) // and its mirror image
	}
	if r.Humps.Humps != humps || r.Lines != lines || r.Lines == 0 {
		t.Errorf("%d humps on %d lines; want %d on %d", r.Humps.Humps, r.Lines, humps, lines)
	}
	near(t, "humped ratio", r.HumpedRatio.Value, float64(humped)/float64(lines), 1e-12)
	near(t, "noise humps", r.NoiseHumps, noise, 1e-9)
	near(t, "hump density", r.HumpDensity.Value, float64(humps)/noise, 1e-12)
	near(t, "highest hump", r.Height.Max.Value, 2./3, 1e-6)
	// The curve bends downwards where the cosine is positive: at 3 of 8 points.
	near(t, "nonconvex ratio", r.NonconvexRatio.Value, 8./23, 1e-12)
}

// Independent uniform losses: the humps are NoiseHumps, a ninth of the cells are minima, and a
// cell bends upwards in all four directions with the probability
// int_0^1 P(mean of two > c)^4 dc = 0.2879.
func TestNoiseIsRugged(t *testing.T) {
	const n = 81
	rng := rand.New(rand.NewPCG(1, 2))
	r := ruggedness(t, n, n, 0, func(_, _ float64) float64 { return rng.Float64() })
	near(t, "hump density", r.HumpDensity.Value, 1, 0.05) // 1 % of the fluctuations do not count
	near(t, "humped ratio", r.HumpedRatio.Value, 1, 0.02)
	near(t, "basins", float64(r.Basins), n*n/9., 60)
	near(t, "nonconvex ratio", r.NonconvexRatio.Value, 1-0.2879, 0.02)
}

// A fall of less than 1 % does not count, and the height of a hump is its fall to the higher
// side. Only a fall on both sides makes a hump.
func TestHumpsHaveALimit(t *testing.T) {
	for _, c := range []struct {
		loss   []float64
		humps  int
		height float64
	}{
		{[]float64{1, 1.009, 1, 1, 1}, 0, 0},
		{[]float64{1, 1.25, 1.1, 1.1, 1.3}, 1, 0.15 / 1.25},
		{[]float64{2, 1, 4, 3, 2}, 1, 0.5},
		{[]float64{1, 2, 1.999, 2, 1.5}, 1, 0.25},
		{[]float64{1, 2, 3, 4, 5}, 0, 0},
		{[]float64{5, 1, 2, 3, 3}, 0, 0},
		{[]float64{-2, -1, -3, -1, -2}, 2, 1},
	} {
		r := ruggedness(t, 5, 3, 0, func(x, _ float64) float64 { return c.loss[int(math.Round(4*x))] })
		// Three rows; the diagonals have three cells each.
		rows := 3 * c.humps
		if r.Humps.Humps < rows || c.humps == 0 && r.Humps.Humps > 0 {
			t.Errorf("%v has %d humps; want at least %d", c.loss, r.Humps.Humps, rows)
		}
		if c.humps > 0 {
			near(t, fmt.Sprintf("height of %v", c.loss), r.Height.Max.Value, c.height, 1e-6)
		}
	}
}

// The ruggedness does not depend on a refinement, a missing cell is not a loss, and a grid
// without three cells in a line has none.
func TestRuggednessOfOtherGrids(t *testing.T) {
	f := func(x, y float64) float64 { return 3 + math.Cos(9*x) + math.Sin(7*y+x) }
	whole, refined := ruggedness(t, 9, 7, 0, f), ruggedness(t, 9, 7, 2, f)
	if fmt.Sprint(*whole) != fmt.Sprint(*refined) {
		t.Errorf("%+v with a refinement, %+v without", refined, whole)
	}
	if r := ruggedness(t, 2, 2, 0, f); r != nil {
		t.Errorf("a grid of four cells has the ruggedness %+v", r)
	}
	if r := ruggedness(t, 5, 5, 0, func(x, y float64) float64 { return math.NaN() }); r != nil {
		t.Errorf("a grid of NaN has the ruggedness %+v", r)
	}
	// A wall of NaN divides a bowl into two basins and makes no humps.
	r := ruggedness(t, 9, 9, 0, func(x, y float64) float64 {
		if x == 0.5 {
			return math.NaN()
		}
		return 1 + (x-0.5)*(x-0.5) + y
	})
	if r.Basins != 2 || r.Humps.Humps != 0 {
		t.Errorf("a divided bowl has %d basins and %d humps", r.Basins, r.Humps.Humps)
	}
}

// The double well (x^2 - 1)^2 has two basins of depth 1 and one hump on each row.
func TestDoubleWellHasTwoBasins(t *testing.T) {
	r := ruggedness(t, 31, 9, 0, func(x, y float64) float64 {
		x, y = 3*x-1.5, y-0.5
		return 0.1 + (x*x-1)*(x*x-1) + y*y
	})
	if r.Basins != 2 {
		t.Errorf("%d basins", r.Basins)
	}
	near(t, "highest hump", r.Height.Max.Value, 1/1.1, 1e-5)
}

// Along a parabola h a^2 / 2 the width is 2 sqrt(2/h), up to the linear interpolation between
// points. A line that ends before its loss has risen by 1 has no width.
func TestWidthsAndHumpsOfLines(t *testing.T) {
	var lines []analyze.Line
	for _, u := range [][]float32{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}} {
		l, err := analyze.NewLine([]float32{0, 0, 0}, u)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	loss := analyze.LossFunc(func(ctx context.Context, theta []float32) (float64, error) {
		v, err := bowl(8, 50, 1)(ctx, theta)
		return v + 0.25, err
	})
	r, err := landscape.ComputeLines(context.Background(), lines, loss,
		landscape.LineOptions{X: analyze.Range{Min: -1, Max: 1, N: 401}})
	if err != nil {
		t.Fatal(err)
	}
	w := r.Summary.Width
	if w.Count != 2 || w.Absent != 1 {
		t.Fatalf("widths %+v", w)
	}
	near(t, "larger width", w.Max.Value, 2*math.Sqrt(2./8), 1e-4)
	near(t, "smaller width", w.Min.Value, 2*math.Sqrt(2./50), 1e-3)
	if h := r.Summary.Ruggedness; h.Lines != 3 || h.Humps != 0 || h.NoiseHumps != 399 {
		t.Errorf("humps of parabolas: %+v", h)
	}
	wave := analyze.LossFunc(func(_ context.Context, theta []float32) (float64, error) {
		s := 0.0
		for _, v := range theta {
			s += float64(v)
		}
		if s > 0.9 {
			return math.Inf(1), nil
		}
		return 2 - math.Cos(4*math.Pi*s), nil
	})
	if r, err = landscape.ComputeLines(context.Background(), lines, wave,
		landscape.LineOptions{X: analyze.Range{Min: -1, Max: 1, N: 41}}); err != nil {
		t.Fatal(err)
	}
	if h := r.Summary.Ruggedness; h.Humps != 3*4 || h.HumpedRatio.Value != 1 {
		t.Errorf("humps of waves: %+v", h)
	}
	near(t, "width of a wave", r.Summary.Width.Mean.Value, 0.25, 1e-6) // 1 above the minimum at a quarter of the period 1/2
	if text := strings.Join(analyze.Texts(r.Summary.Findings()), "\n"); !strings.Contains(text, "on 100 % of the 3 lines") {
		t.Errorf("findings:\n%s", text)
	}
}

// The findings give the numbers and their null.
func TestFindingsOfRuggedness(t *testing.T) {
	p := plane(t, []float32{0, 0}, []float32{1, 0}, []float32{0, 1})
	r := compute(t, p, func(_ context.Context, theta []float32) (float64, error) {
		return 2 + math.Cos(7*float64(theta[0])), nil
	}, landscape.Options{X: analyze.Range{Min: -1, Max: 1, N: 11}, Y: analyze.Range{Min: -1, Max: 1, N: 11}})
	texts := analyze.Texts(r.Summary.Findings())
	for _, want := range []string{"rows, columns and diagonals (a convex loss: on none)", "the grid has 2 basins", "bends downwards at"} {
		if !slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(s, want) }) {
			t.Errorf("no finding has %q:\n%s", want, strings.Join(texts, "\n"))
		}
	}
}
