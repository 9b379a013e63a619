package analyze

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func gaussian(rng *rand.Rand, n int, scale float64) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(scale * rng.NormFloat64())
	}
	return x
}

// Other tools divide by the length of a direction, or treat oblique directions as
// orthogonal; then the projection of Point(a, b) is not (a, b).
func TestPlaneProjectsObliqueAndNonUnitDirections(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		n := rapid.IntRange(3, 300).Draw(rt, "n")
		origin := gaussian(rng, n, 1)
		u := gaussian(rng, n, math.Exp(rapid.Float64Range(-5, 5).Draw(rt, "scale u")))
		v := gaussian(rng, n, 1)
		slant := rapid.Float64Range(-3, 3).Draw(rt, "slant")
		for i := range v { // oblique on purpose
			v[i] += float32(slant * float64(u[i]))
		}
		p, err := NewPlane(origin, u, v)
		if err != nil {
			rt.Skip("parallel by chance")
		}
		a := rapid.Float64Range(-3, 3).Draw(rt, "a")
		b := rapid.Float64Range(-3, 3).Draw(rt, "b")
		theta := make([]float32, n)
		p.Point(a, b, theta)
		ga, gb, residual := p.Project(theta)

		// Each element of theta is rounded to float32 once: an error of at most
		// 2^-24 of its size. So the distance from the plane is at most 2^-24 |theta|,
		// and a coordinate moves by at most this distance divided by the length of
		// the part of its direction that is orthogonal to the other direction.
		var size float64
		for _, x := range theta {
			size += float64(x) * float64(x)
		}
		rounding := math.Sqrt(size)*0x1p-24 + 1e-12
		sine := math.Sqrt(1 - p.Cosine()*p.Cosine())
		nu, nv := p.Norms()
		if residual > rounding {
			rt.Fatalf("residual %g of a point of the plane, rounding explains %g", residual, rounding)
		}
		if math.Abs(ga-a) > 2*rounding/(nu*sine) || math.Abs(gb-b) > 2*rounding/(nv*sine) {
			rt.Fatalf("projected to %g %g; want %g %g (cosine %g)", ga, gb, a, b, p.Cosine())
		}
	})
}

// The residual of a point off the plane is orthogonal to it and of the right size.
func TestPlaneResidual(t *testing.T) {
	p, err := NewPlane([]float32{1, 1, 1}, []float32{5, 0, 0}, []float32{3, 2, 0})
	if err != nil {
		t.Fatal(err)
	}
	// (1,1,1) + 0.7 u + 2 v + (0,0,4)
	a, b, r := p.Project([]float32{1 + 3.5 + 6, 1 + 4, 5})
	if math.Abs(a-0.7) > 1e-6 || math.Abs(b-2) > 1e-6 || math.Abs(r-4) > 1e-6 {
		t.Fatalf("got %g %g residual %g; want 0.7 2 4", a, b, r)
	}
}

// A path that lies a hair off the plane keeps the digits of its distance.
func TestPlaneResidualIsNotTakenFromNorms(t *testing.T) {
	p, _ := NewPlane(make([]float32, 3), []float32{1, 0, 0}, []float32{0, 1, 0})
	_, _, r := p.Project([]float32{1000, -1000, 1e-6})
	if math.Abs(r-1e-6) > 1e-12 {
		t.Fatalf("residual %g; want 1e-6", r)
	}
}

// A peer's in-place additions drift along the grid, and its path back is off
// by one cell: here the order of the visits must not matter.
func TestPlanePointDoesNotAccumulate(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	p, err := NewPlane(gaussian(rng, 50, 1), gaussian(rng, 50, 1), gaussian(rng, 50, 1))
	if err != nil {
		t.Fatal(err)
	}
	first, again := make([]float32, 50), make([]float32, 50)
	p.Point(0.3, -0.2, first)
	for i := range 1000 {
		p.Point(float64(i), -float64(i), again)
	}
	p.Point(0.3, -0.2, again)
	for i := range first {
		if first[i] != again[i] {
			t.Fatalf("element %d: %v, then %v", i, first[i], again[i])
		}
	}
	p.Point(0, 0, again)
	for i := range again {
		if again[i] != p.Origin[i] {
			t.Fatalf("element %d of point 0,0 is %v, of the origin %v", i, again[i], p.Origin[i])
		}
	}
}

func TestNewPlaneRefuses(t *testing.T) {
	nan := float32(math.NaN())
	one := []float32{1, 0, 0}
	for _, c := range []struct {
		origin, u, v []float32
		want         string
	}{
		{nil, one, one, "origin has no elements"},
		{make([]float32, 3), one, []float32{0, 1}, "second direction has 2 elements, the origin has 3"},
		{make([]float32, 3), []float32{0, 0, 0}, one, "first direction is zero"},
		{make([]float32, 3), one, []float32{0, nan, 0}, "element 1 of the second direction is NaN"},
		{[]float32{0, 0, nan}, one, one, "element 2 of the origin is NaN"},
		{make([]float32, 3), one, []float32{-2, 0, 0}, "parallel (cosine -1)"},
		{make([]float32, 3), one, []float32{1, 1e-6, 0}, "parallel"},
	} {
		_, err := NewPlane(c.origin, c.u, c.v)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v; want a line with %q", err, c.want)
		}
	}
}

func TestLine(t *testing.T) {
	l, err := NewLine([]float32{1, 2}, []float32{0, 5})
	if err != nil {
		t.Fatal(err)
	}
	got := make([]float32, 2)
	l.Point(-0.4, got)
	if got[0] != 1 || got[1] != 0 {
		t.Fatalf("point at -0.4 is %v; want [1 0]", got)
	}
	// The coordinate is a multiple of the direction, not a distance.
	a, r := l.Project([]float32{4, 5.5})
	if math.Abs(a-0.7) > 1e-12 || math.Abs(r-3) > 1e-12 {
		t.Fatalf("projected to %g, residual %g; want 0.7, 3", a, r)
	}
	if _, err := NewLine([]float32{1, 2}, []float32{0, 0}); err == nil {
		t.Fatal("a zero direction was accepted")
	}
}

// The three points are where their coordinates say, up to the rounding of the
// differences, and points on a line make no plane.
func TestPlaneThrough(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	points := [3][]float32{gaussian(rng, 40, 1), gaussian(rng, 40, 10), gaussian(rng, 40, 0.1)}
	p, err := PlaneThrough(points[0], points[1], points[2])
	if err != nil {
		t.Fatal(err)
	}
	got := make([]float32, 40)
	for i, at := range [][2]float64{{0, 0}, {1, 0}, {0, 1}} {
		p.Point(at[0], at[1], got)
		for j, v := range got {
			if math.Abs(float64(v-points[i][j])) > 4e-6 { // 2^-24 of the largest coordinate, 30
				t.Fatalf("point %d, element %d is %v, want %v", i+1, j, v, points[i][j])
			}
		}
	}
	middle := make([]float32, 40)
	for j := range middle {
		middle[j] = (points[0][j] + points[1][j]) / 2
	}
	if _, err := PlaneThrough(points[0], points[1], middle); err == nil || !strings.Contains(err.Error(), "parallel") {
		t.Errorf("three points on a line: %v", err)
	}
	if _, err := PlaneThrough(points[0], points[1], middle[1:]); err == nil ||
		!strings.Contains(err.Error(), "point 3 has 39 elements") {
		t.Errorf("points of different lengths: %v", err)
	}
	if _, err := PlaneThrough(points[0], points[0], middle); err == nil ||
		!strings.Contains(err.Error(), "first direction is zero") {
		t.Errorf("a point twice: %v", err)
	}
}
