package figure_test

import (
	"bytes"
	"io"
	"math"
	"math/rand/v2"
	"testing"

	"sgdwalk/analyze/figure"
)

// The size of a drawing must not grow with the number of values.
func TestLongSeriesAreThinned(t *testing.T) {
	n := 300_000
	if testing.Short() {
		n = 30_000
	}
	size := func(n int) int {
		rng := rand.New(rand.NewPCG(2, 2))
		s := figure.Series{Name: "loss", X: make([]float64, n), Y: make([]float64, n), Points: true}
		for i := range s.X {
			s.X[i], s.Y[i] = float64(i), rng.Float64()
		}
		var b bytes.Buffer
		if err := figure.Render(&b, &figure.Curves{Series: []figure.Series{s}}, figure.SVG); err != nil {
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
	s := figure.Series{X: make([]float64, 1_000_000), Y: make([]float64, 1_000_000)}
	for i := range s.X {
		s.X[i], s.Y[i] = float64(i), rng.NormFloat64()
	}
	for b.Loop() {
		if err := figure.Render(io.Discard, &figure.Curves{Series: []figure.Series{s}}, figure.PNG); err != nil {
			b.Fatal(err)
		}
	}
}

// longPath jumps across a landscape, and its distance from the plane with it.
func longPath(n int) *figure.Landscape {
	rng := rand.New(rand.NewPCG(4, 4))
	l := &figure.Landscape{
		X: []float64{-1, 0, 1}, Y: []float64{-1, 0, 1},
		Z: [][]float64{{2, 1, 2}, {1, 0, 1}, {2, 1, 2}},
	}
	for i := range n {
		t := float64(i) / float64(n)
		l.Path = append(l.Path, figure.PathPoint{
			Step: i, A: 0.9*math.Exp(-5*t) + 0.05*rng.NormFloat64(),
			B: 0.9 - 1.5*t +
				0.05*rng.NormFloat64(), Residual: rng.Float64(),
		})
	}
	return l
}

// BenchmarkLongPath draws a path of a million iterates as PNG.
func BenchmarkLongPath(b *testing.B) {
	l := longPath(1_000_000)
	for b.Loop() {
		if err := figure.Render(io.Discard, l, figure.PNG); err != nil {
			b.Fatal(err)
		}
	}
}
