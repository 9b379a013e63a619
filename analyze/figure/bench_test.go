package figure_test

import (
	"io"
	"math"
	"testing"

	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/figure/surface"
)

// BenchmarkLandscape51 draws the figure of a landscape of 51 by 51 points with a
// path of 1,000 iterates, from its data to the file, at the default size.
func BenchmarkLandscape51(b *testing.B) {
	x := evenly(-1, 1, 51)
	l := &figure.Landscape{
		X: x, Y: evenly(-0.8, 1.1, 51), Title: "lenet on mnist, sgd \u03b7 = 0.1, batch 50",
		XLabel: "PC1: 62.1 % of variance (random walk 60.8 %)", YLabel: "PC2: 15.3 % of variance (random walk 15.2 %)",
	}
	for _, v := range l.Y {
		row := make([]float64, len(x))
		for i, u := range x {
			row[i] = 0.02 + u*u + 4*(v-u*u)*(v-u*u) + 0.05*math.Sin(9*u)*math.Cos(7*v)
		}
		l.Z = append(l.Z, row)
	}
	for k := range 1000 {
		t := float64(k) / 999
		l.Path = append(l.Path, figure.PathPoint{
			A: 0.9 - 0.9*t, B: 0.9*math.Exp(-3*t) + 0.02*math.Sin(float64(k)),
			Residual: 0.1 * t, Loss: 1 - t, Step: k, Epoch: 1 + k/200,
		})
	}
	for _, f := range []figure.Figure{l, &surface.Figure{Landscape: l}} {
		name := map[bool]string{true: "map", false: "surface"}[f == figure.Figure(l)]
		for _, format := range []figure.Format{figure.SVG, figure.PNG, figure.PDF} {
			b.Run(name+"/"+string(format), func(b *testing.B) {
				for b.Loop() {
					if err := figure.Render(io.Discard, f, format); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// evenly returns n values from lo to hi at equal distances.
func evenly(lo, hi float64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = lo + (hi-lo)*float64(i)/float64(n-1)
	}
	return out
}
