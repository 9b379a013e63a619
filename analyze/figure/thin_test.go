package figure

import (
	"bytes"
	"io"
	"math"
	"math/rand/v2"
	"testing"
)

func TestColumnsKeepExtremesAndGaps(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	const n = 200_000
	width := 400.0
	pts := make([]point, n)
	for i := range pts {
		pts[i] = point{width * float64(i) / n, rng.NormFloat64()}
	}
	pts[70_000].Y, pts[90_000].Y, pts[120_000].Y = 50, -50, math.NaN()
	got := columns(pts, columnWidth)
	if most := int(4*width/columnWidth) + 16; len(got) > most {
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
	sparse := []point{{0, 1}, {10, 2}, {20, math.NaN()}, {30, math.Inf(1)}, {40, 0}}
	if got := columns(sparse, columnWidth); len(got) != len(sparse) {
		t.Errorf("%d points of %d sparse ones are left", len(got), len(sparse))
	}
}

func TestPartsOfAPath(t *testing.T) {
	var p path
	long := make([]point, 1000)
	for i := range long {
		long[i] = point{float64(i), float64(i % 2)}
	}
	p.polyline(long)
	p.circle(point{1, 1}, 3)
	p.segment(point{0, 0}, point{1, 0})
	lines, curves, length := 0, 0, 0.0
	for _, piece := range p.parts(100) {
		if len(piece.path) > 101 {
			t.Errorf("a part has %d operations", len(piece.path))
		}
		if piece.begun > 0 && math.Abs(piece.begun-math.Sqrt2*piece.path[0].P.X) > 1e-9 {
			t.Errorf("a part at x = %v begins %v along the line, not %v", piece.path[0].P.X, piece.begun, math.Sqrt2*piece.path[0].P.X)
		}
		for i, o := range piece.path {
			switch o.kind {
			case opLine:
				lines++
				length += o.P.sub(piece.path[i-1].P).norm()
			case opCubic:
				curves++
			}
		}
	}
	if lines != 1000 || curves != 4 || math.Abs(length-(999*math.Sqrt2+1)) > 1e-6 {
		t.Errorf("the parts have %d lines of length %v and %d curves", lines, length, curves)
	}
}

// The size of a drawing must not grow with the number of values.
func TestLongSeriesAreThinned(t *testing.T) {
	n := 300_000
	if testing.Short() {
		n = 30_000
	}
	size := func(n int) int {
		rng := rand.New(rand.NewPCG(2, 2))
		s := Series{Name: "loss", X: make([]float64, n), Y: make([]float64, n), Points: true}
		for i := range s.X {
			s.X[i], s.Y[i] = float64(i), rng.Float64()
		}
		var b bytes.Buffer
		if err := Render(&b, &Curves{Series: []Series{s}}, SVG); err != nil {
			t.Fatal(err)
		}
		return b.Len()
	}
	if few, many := size(10_000), size(n); many > 2*few {
		t.Errorf("an SVG of %d values has %d bytes, one of 10,000 values %d", n, many, few)
	}
}

// BenchmarkLongSeries draws a million noisy values as PNG.
func BenchmarkLongSeries(b *testing.B) {
	rng := rand.New(rand.NewPCG(3, 3))
	s := Series{X: make([]float64, 1_000_000), Y: make([]float64, 1_000_000)}
	for i := range s.X {
		s.X[i], s.Y[i] = float64(i), rng.NormFloat64()
	}
	for b.Loop() {
		if err := Render(io.Discard, &Curves{Series: []Series{s}}, PNG); err != nil {
			b.Fatal(err)
		}
	}
}

// longPath jumps across a landscape, and its distance from the plane with it.
func longPath(n int) *Landscape {
	rng := rand.New(rand.NewPCG(4, 4))
	l := &Landscape{X: []float64{-1, 0, 1}, Y: []float64{-1, 0, 1}, Z: [][]float64{{2, 1, 2}, {1, 0, 1}, {2, 1, 2}}}
	for i := range n {
		t := float64(i) / float64(n)
		l.Path = append(l.Path, PathPoint{Step: i, A: 0.9*math.Exp(-5*t) + 0.05*rng.NormFloat64(), B: 0.9 - 1.5*t + 0.05*rng.NormFloat64(), Residual: rng.Float64()})
	}
	return l
}

// Late in a long run the path covers nothing new: what is drawn of it does not grow.
func TestLongPathsAreThinned(t *testing.T) {
	frame := rect{0, 0, 400, 300}
	drawn := func(n int) int {
		rng := rand.New(rand.NewPCG(5, 5))
		pts := make([]point, n)
		for i := range pts {
			pts[i] = point{200 + 10*rng.NormFloat64(), 150 + 10*rng.NormFloat64()}
		}
		total := 0
		for _, p := range visible(pts, frame, 0.4, pathShades, func(i int) int { return i % pathShades }) {
			total += len(p)
		}
		return total
	}
	if few, many := drawn(20_000), drawn(200_000); many > 3*few { // ten times as many iterates
		t.Errorf("%d operations of 20,000 iterates and %d of 200,000", few, many)
	}
	if n := drawn(100); n != 2*99 {
		t.Errorf("%d operations of 100 iterates; nothing hides any of their %d pieces", n, 99)
	}
}

// BenchmarkLongPath draws a path of a million iterates as PNG.
func BenchmarkLongPath(b *testing.B) {
	l := longPath(1_000_000)
	for b.Loop() {
		if err := Render(io.Discard, l, PNG); err != nil {
			b.Fatal(err)
		}
	}
}
