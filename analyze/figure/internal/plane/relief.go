package plane

import (
	"math"

	"sgdwalk/analyze/figure/internal/canvas"
)

// Relief is the loss made ready for drawing.
type Relief struct {
	Field
	Diverging bool   // zero is in the middle of the colours
	Reversed  bool   // higher is darker
	Infinite  []bool // +Inf, per sample
	Min, Max  float64
	Log       bool
	Levels    []float64
	Marked    []float64 // values with a label at the colour bar; nil labels the levels
	// lo and hi are the ends of the colour bar: min and max, unless a few values
	// are so far off that the rest would have one colour.
	Lo, Hi            float64
	Missing, InfCount int
	Below, Above      int  // finite values outside [lo, hi]
	Bare              bool // contours have no labels: a map that is too small for them
}

// Cut returns the part of the relief between two coordinates on each axis, on a grid of its
// own, with the levels and the colours of the whole.
func (s *Relief) Cut(x0, x1, y0, y1 float64) Relief {
	const n, finer = 61, 8
	fine := Relief{Field: s.Refine(finer)}
	out := *s
	out.Field = Field{X: make([]float64, n), Y: make([]float64, n), Z: make([]float64, n*n), OK: make([]bool, n*n)}
	out.Infinite = make([]bool, n*n)
	for k := range n {
		t := float64(k) / (n - 1)
		out.X[k], out.Y[k] = x0+t*(x1-x0), y0+t*(y1-y0)
	}
	for j, y := range out.Y {
		for i, x := range out.X {
			k := j*n + i
			out.Z[k] = fine.At(x, y)
			if out.OK[k] = !math.IsNaN(out.Z[k]); !out.OK[k] {
				out.Infinite[k] = s.isInfiniteAt(x, y)
			}
		}
	}
	return out
}

// isInfiniteAt reports whether the cell of a place lacks a value because of an infinite one.
func (s *Relief) isInfiniteAt(x, y float64) bool {
	i, _, okX := Interval(s.X, x)
	j, _, okY := Interval(s.Y, y)
	if !okX || !okY || s.Infinite == nil {
		return false
	}
	nx := len(s.X)
	for _, k := range [4]int{j*nx + i, j*nx + i + 1, (j+1)*nx + i, (j+1)*nx + i + 1} {
		if !s.OK[k] && !s.Infinite[k] {
			return false
		}
	}
	return true
}

// DisplayRange cuts values off that would leave one colour to all others: on a
// logarithmic scale what is more than six decades under or four above the median
// (when there are more than eight in all), on a linear one what is more than
// twenty times the inner 80 % beyond them. sorted is not empty.
func DisplayRange(sorted []float64, log bool) (lo, hi float64) {
	q := func(p float64) float64 { return sorted[int(p*float64(len(sorted)-1)+0.5)] }
	lo, hi = sorted[0], sorted[len(sorted)-1]
	if log {
		if hi/lo > 1e8 {
			lo, hi = math.Max(lo, q(0.5)/1e6), math.Min(hi, q(0.5)*1e4)
		}
		return lo, hi
	}
	if inner := q(0.9) - q(0.1); inner > 0 {
		if lo < q(0.1)-20*inner {
			lo = q(0.1) - inner
		}
		if hi > q(0.9)+20*inner {
			hi = q(0.9) + inner
		}
	}
	return lo, hi
}

// along maps a value to [0, 1] along the colour bar.
func (s *Relief) along(v float64) float64 { return canvas.Axis{Lo: s.Lo, Hi: s.Hi, Log: s.Log}.Pos(v) }

// At returns the value of the plane, bilinear between the samples, and NaN
// where there is none.
func (s *Relief) At(x, y float64) float64 {
	i, u, ok := Interval(s.X, x)
	j, v, ok2 := Interval(s.Y, y)
	if !ok || !ok2 || !s.CellOK(i, j) {
		return math.NaN()
	}
	k, nx := j*len(s.X)+i, len(s.X)
	return (1-v)*((1-u)*s.Z[k]+u*s.Z[k+1]) + v*((1-u)*s.Z[k+nx]+u*s.Z[k+nx+1])
}

// Interval returns i with x[i] <= v <= x[i+1] and the share of the way.
func Interval(x []float64, v float64) (i int, share float64, ok bool) {
	n := len(x)
	if !(v >= x[0] && v <= x[n-1]) {
		return 0, 0, false
	}
	lo, hi := 0, n-1
	for hi-lo > 1 {
		if m := (lo + hi) / 2; x[m] <= v {
			lo = m
		} else {
			hi = m
		}
	}
	return lo, (v - x[lo]) / (x[hi] - x[lo]), true
}
