package record_test

import (
	"math"
	"slices"
	"testing"

	"sgdwalk/record"
)

// A point is computed in float64 and rounded once, in any pieces. A base without terms
// keeps its bits, and a vector with the coefficient 0 is not read.
func TestSpanPoint(t *testing.T) {
	nan := float32(math.NaN())
	const n = 1100
	vector := func(f func(i int) float32) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = f(i)
		}
		return v
	}
	s := record.Span{
		Points: [][]float32{
			vector(func(i int) float32 { return 0.1 * float32(i) }),
			vector(func(i int) float32 { return float32(math.Sin(float64(i))) }),
			vector(func(int) float32 { return nan }),
		},
		Directions: [][]float32{vector(func(i int) float32 { return 1 / float32(1+i) })},
	}
	dst := make([]float32, n)
	at := record.Coordinates{Along: []float64{0, 0.3, 0, -2}}
	s.Point(&at, 0, dst)
	for i, v := range dst {
		a, b, u := float64(s.Points[0][i]), float64(s.Points[1][i]), float64(s.Directions[0][i])
		if want := float32(a + 0.3*(b-a) - 2*u); v != want {
			t.Fatalf("element %d is %v; want %v", i, v, want)
		}
	}
	piece := make([]float32, 700)
	if s.Point(&at, 400, piece); !slices.Equal(piece, dst[400:]) {
		t.Error("a piece of the point differs from the whole")
	}
	at = record.Coordinates{Base: 2}
	s.Point(&at, 0, dst)
	for i, v := range dst {
		if math.Float32bits(v) != math.Float32bits(nan) {
			t.Fatalf("element %d of a base is %v; want NaN", i, v)
		}
	}
	var k []int
	at.Along = []float64{0, math.NaN(), 0, -1}
	at.Terms(func(vector int, _ float64) { k = append(k, vector) })
	if !slices.Equal(k, []int{1, 3}) || s.Len() != 4 || &s.Vector(3)[0] != &s.Directions[0][0] {
		t.Errorf("the terms are %v, of %d vectors", k, s.Len())
	}
}
