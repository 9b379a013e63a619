package canvas

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func TestLevels(t *testing.T) {
	for _, c := range []struct {
		lo, hi float64
		log    bool
		want   []float64
	}{
		{0, 10, false, []float64{1, 2, 3, 4, 5, 6, 7, 8, 9}},
		{1.59, 2.61, false, []float64{1.6, 1.7, 1.8, 1.9, 2, 2.1, 2.2, 2.3, 2.4, 2.5, 2.6}},
		{-3, 3, false, []float64{-2, -1, 0, 1, 2}},
		{1e-3, 10, true, []float64{0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5}},
		{0.09, 2.4, true, []float64{0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2}},
		{1e-12, 1, true, []float64{1e-11, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1}},
		{2, 2.5, true, []float64{2.05, 2.1, 2.15, 2.2, 2.25, 2.3, 2.35, 2.4, 2.45}},
		{1, 1, false, nil},
		{0, 1, true, nil},
		{math.NaN(), 1, false, nil},
		{1, math.Inf(1), false, nil},
	} {
		got := Levels(c.lo, c.hi, c.log, 0)
		if d := cmp.Diff(c.want, got, cmpopts.EquateApprox(1e-12, 0)); d != "" {
			t.Errorf("levels from %v to %v, log %v (-want +got):\n%s", c.lo, c.hi, c.log, d)
		}
	}
}

func TestLevelsProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := rapid.Bool().Draw(t, "log")
		lo := rapid.Float64Range(1e-9, 1e3).Draw(t, "lo")
		hi := lo * rapid.Float64Range(1.001, 1e9).Draw(t, "ratio")
		got := Levels(lo, hi, log, 0)
		if len(got) < 4 || len(got) > 22 {
			t.Fatalf("%d levels from %v to %v: %v", len(got), lo, hi, got)
		}
		for i, v := range got {
			if !(v > lo && v < hi) || i > 0 && v <= got[i-1] {
				t.Fatalf("level %v of %v is outside or not after the one before", v, got)
			}
		}
	})
}

func TestTickLabels(t *testing.T) {
	labels := func(ticks []Tick) (out []string) {
		for _, v := range ticks {
			out = append(out, v.Label)
		}
		return out
	}
	for _, c := range []struct {
		lo, hi float64
		n      int
		whole  bool
		want   []string
		exp    int
	}{
		{-1.08, 1.08, 5, false, []string{"\u22121.0", "\u22120.5", "0.0", "0.5", "1.0"}, 0},
		{0, 50, 6, true, []string{"0", "10", "20", "30", "40", "50"}, 0},
		{0, 3, 9, true, []string{"0", "1", "2", "3"}, 0},
		{0, 3e-4, 4, false, []string{"0", "1", "2", "3"}, -4},
		{2e6, 2.2e6, 4, false, []string{"2.00", "2.05", "2.10", "2.15", "2.20"}, 6},
	} {
		got, exp := linearTicks(c.lo, c.hi, c.n, c.whole)
		if d := cmp.Diff(c.want, labels(got)); d != "" || exp != c.exp {
			t.Errorf("ticks from %v to %v: exponent %d, want %d (-want +got):\n%s", c.lo, c.hi, exp, c.exp, d)
		}
	}
	major, _ := logTicks(0.02, 30, 12)
	if d := cmp.Diff([]string{"0.02", "0.05", "0.1", "0.2", "0.5", "1", "2", "5", "10", "20"}, labels(major)); d != "" {
		t.Errorf("logarithmic ticks (-want +got):\n%s", d)
	}
	major, _ = logTicks(1e-9, 1, 5)
	if d := cmp.Diff([]string{"10^{\u22128}", "10^{\u22126}", "10^{\u22124}", "10^{\u22122}", "10^{0}"},
		labels(major)); d != "" {
		t.Errorf("logarithmic ticks (-want +got):\n%s", d)
	}
}

func TestWrapAndMarkup(t *testing.T) {
	if d := cmp.Diff([]span{{"a_b \u03b8", 0}, {"t+1", -1}, {" 10", 0}, {"\u22123", 1}},
		parseMarkup("a_b \u03b8_{t+1} 10^{\u22123}"), cmp.AllowUnexported(span{})); d != "" {
		t.Errorf("markup (-want +got):\n%s", d)
	}
	for _, s := range []string{"", "x^", "x_{", "^{}", "a_b^c"} {
		text := ""
		for _, p := range parseMarkup(s) {
			text += p.text
		}
		if want := map[string]string{"": "", "x^": "x^", "x_{": "x_{", "^{}": "", "a_b^c": "a_b^c"}[s]; text != want {
			t.Errorf("markup %q reads %q", s, text)
		}
	}
	lines := wrap("PC 2 (17.9 % of variance; random walk 15.2 %)", 8, 130)
	if len(lines) != 2 || lines[1][0] == '%' {
		t.Errorf("wrapped to %q", lines)
	}
}

// TestClipPolyline cuts a line that leaves and comes back, with a gap in it.
func TestClipPolyline(t *testing.T) {
	got := ClipPolyline([]Point{{-1, 0.5}, {0.5, 0.5}, {0.5, 2}, {0.8, 0.5}, {math.NaN(), 0}, {0.1, 0.1}, {0.2, 0.1}},
		Rect{0, 0, 1, 1})
	want := [][]Point{{{0, 0.5}, {0.5, 0.5}, {0.5, 1}}, {{0.7, 1}, {0.8, 0.5}}, {{0.1, 0.1}, {0.2, 0.1}}}
	if d := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-12)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestPartsOfAPath(t *testing.T) {
	var p Path
	long := make([]Point, 1000)
	for i := range long {
		long[i] = Point{float64(i), float64(i % 2)}
	}
	p.Polyline(long)
	p.Circle(Point{1, 1}, 3)
	p.Segment(Point{0, 0}, Point{1, 0})
	lines, curves, length := 0, 0, 0.0
	for _, piece := range p.parts(100) {
		if len(piece.path) > 101 {
			t.Errorf("a part has %d operations", len(piece.path))
		}
		if piece.begun > 0 && math.Abs(piece.begun-math.Sqrt2*piece.path[0].P.X) > 1e-9 {
			t.Errorf("a part at x = %v begins %v along the line, not %v", piece.path[0].P.X, piece.begun,
				math.Sqrt2*piece.path[0].P.X)
		}
		for i, o := range piece.path {
			switch o.Kind {
			case OpLine:
				lines++
				length += o.P.Sub(piece.path[i-1].P).Norm()
			case opCubic:
				curves++
			}
		}
	}
	if lines != 1000 || curves != 4 || math.Abs(length-(999*math.Sqrt2+1)) > 1e-6 {
		t.Errorf("the parts have %d lines of length %v and %d curves", lines, length, curves)
	}
}

func TestColumnsKeepExtremesAndGaps(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	const n = 200_000
	width := 400.0
	pts := make([]Point, n)
	for i := range pts {
		pts[i] = Point{width * float64(i) / n, rng.NormFloat64()}
	}
	pts[70_000].Y, pts[90_000].Y, pts[120_000].Y = 50, -50, math.NaN()
	got := Columns(pts, ColumnWidth)
	if most := int(4*width/ColumnWidth) + 16; len(got) > most {
		t.Errorf("%d points of %d are left; at most %d are needed", len(got), n, most)
	}
	low, high, gaps := math.Inf(1), math.Inf(-1), 0
	for i, q := range got {
		if q.Y != q.Y {
			gaps++
			continue
		}
		low, high = math.Min(low, q.Y), math.Max(high, q.Y)
		if i > 0 && got[i-1].Y == got[i-1].Y && q.X < got[i-1].X {
			t.Fatalf("point %d is left of the point before it", i)
		}
	}
	if low != -50 || high != 50 || gaps != 1 {
		t.Errorf("lowest %v, highest %v, %d gaps; want -50, 50 and 1", low, high, gaps)
	}
	if got[0] != pts[0] || got[len(got)-1] != pts[n-1] {
		t.Error("the ends are not those of the line")
	}
	// What is not dense stays as it is.
	sparse := []Point{{0, 1}, {10, 2}, {20, math.NaN()}, {30, math.Inf(1)}, {40, 0}}
	if got := Columns(sparse, ColumnWidth); len(got) != len(sparse) {
		t.Errorf("%d points of %d sparse ones are left", len(got), len(sparse))
	}
}
