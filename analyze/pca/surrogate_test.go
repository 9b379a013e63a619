package pca

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
)

// The Gram matrix of a surrogate is the one of the walk that is really made of
// the flipped and shuffled updates.
func TestWalkOf(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	const n, p = 9, 4
	x := make([][]float64, n)
	for i := range x {
		x[i] = gaussian(rng, p)
	}
	gram := func(x [][]float64) []float64 {
		g := make([]float64, n*n)
		for i := range n {
			for j := range n {
				for c := range p {
					g[i*n+j] += (x[i][c] - x[0][c]) * (x[j][c] - x[0][c])
				}
			}
		}
		return g
	}
	order, sign := rng.Perm(n-1), []float64{1, -1, -1, 1, -1, 1, 1, -1}
	y := [][]float64{x[0]}
	for i, from := range order {
		next := make([]float64, p)
		for c := range p {
			next[c] = y[i][c] + sign[i]*(x[from+1][c]-x[from][c])
		}
		y = append(y, next)
	}
	centred := gram(x)
	center(centred, n) // the updates do not depend on the center
	for _, g := range [][]float64{gram(x), centred} {
		got := walkOf(updateGram(g, n), order, sign)
		for i, want := range gram(y) {
			if math.Abs(got[i]-want) > 1e-12*n*n {
				t.Fatalf("entry %d is %g, want %g", i, got[i], want)
			}
		}
	}
}

// Sign flips of a straight walk are random walks, and its share of 1 stands out
// of them; its permutations are straight too, and it does not.
func TestSurrogatesOfADriftingWalk(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	const n, p = 60, 400
	x := make([][]float64, n)
	x[0] = make([]float64, p)
	for i := 1; i < n; i++ {
		x[i] = gaussian(rng, p)
		for c := range p {
			x[i][c] += x[i-1][c]
		}
		x[i][0] += 10
	}
	g := make([]float64, n*n)
	for i := range n {
		for j := range n {
			for c := range p {
				g[i*n+j] += x[i][c] * x[j][c]
			}
		}
	}
	for _, c := range []Center{Mean, Final, Init} {
		h := make([]float64, n*n)
		copy(h, g)
		share, err := sharesOf(h, n, 2, c)
		if err != nil {
			t.Fatal(err)
		}
		o := Options{Center: c, Surrogates: 30}.Effective()
		s, err := surrogates(context.Background(), &o, g, n, share, true)
		if err != nil {
			t.Fatal(err)
		}
		null := closedForm(n, c, 2)
		if b := s.SignFlips[0]; math.Abs(b.Mean-null.ratios[0]) > 0.1 || b.AtLeast > 1./31 || b.Low > b.Mean ||
			b.High < b.Mean || share[0] < b.High {
			t.Errorf("%s: share %.3f, sign flips %+v, a random walk %.3f", c, share[0], b, null.ratios[0])
		}
		if b := s.Permutations[0]; b.AtLeast < 0.02 || math.Abs(b.Mean-share[0]) > 0.05 {
			t.Errorf("%s: share %.3f, permutations %+v", c, share[0], b)
		}
	}
}

// The numeric null of unequally recorded rows is the closed form when the rows
// are equally spaced, and every second row weighs as two.
func TestNullOfUnequalSteps(t *testing.T) {
	const n = 40
	for _, c := range []Center{Mean, Final, Init} {
		times := make([]float64, n)
		for i := range times {
			times[i] = 3 * float64(i)
			if c == Final {
				times[i] = 3 * float64(n-1-i)
			}
		}
		got, err := computed(times, c, 3)
		if err != nil {
			t.Fatal(err)
		}
		want := closedForm(n, c, 3)
		for k := range want.ratios {
			if math.Abs(got.ratios[k]-want.ratios[k]) > 1e-12 {
				t.Errorf("%s: share %d is %g computed, %g in closed form", c, k+1, got.ratios[k], want.ratios[k])
			}
			if r := want.correlations(got.curves)[k]; math.Abs(r-1) > 1e-12 {
				t.Errorf("%s: curves %d correlate %g", c, k+1, r)
			}
		}
		if math.Abs(got.participation-want.participation) > 1e-9 {
			t.Errorf("%s: participation %g computed, %g in closed form", c, got.participation, want.participation)
		}
	}
	// Rows at steps 0, 1, 10, 100, simulated in many dimensions.
	rng := rand.New(rand.NewPCG(3, 3))
	steps := []int64{0, 1, 10, 100, 1000}
	g := make([]float64, 25)
	for range 20000 { // one dimension each
		var x [5]float64
		for i := 1; i < 5; i++ {
			x[i] = x[i-1] + math.Sqrt(float64(steps[i]-steps[i-1]))*rng.NormFloat64()
		}
		for i := range 5 {
			for j := range 5 {
				g[i*5+j] += x[i] * x[j]
			}
		}
	}
	for _, c := range []Center{Mean, Final, Init} {
		h := append([]float64{}, g...)
		share, err := sharesOf(h, 5, 2, c)
		if err != nil {
			t.Fatal(err)
		}
		null, err := randomWalk(steps, c, 2)
		if err != nil {
			t.Fatal(err)
		}
		for k := range share { // relative deviation of a variance of 20,000: 1 %
			if math.Abs(share[k]-null.ratios[k]) > 0.03*null.ratios[k] {
				t.Errorf("%s: simulated share %d is %g, null %g", c, k+1, share[k], null.ratios[k])
			}
		}
	}
}

// Both eigensolvers find the same, also where an eigenvalue occurs twice and
// where the matrix has a low rank.
func TestKrylovAgainstDense(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	const n, k = 90, 3
	for name, values := range map[string][]float64{
		"separated": {100, 50, 20, 10, 5, 2, 1, 0.5},
		"twice":     {100, 100, 20, 20, 20, 1, 1, 1, 0.1},
		"rank one":  {7},
		"slow":      nil, // 1, 1/2, 1/3, ...
	} {
		if values == nil {
			for i := range n {
				values = append(values, 1/float64(i+1))
			}
		}
		var vectors [][]float64
		for range values {
			v := gaussian(rng, n)
			if !orthonormalize(v, vectors) {
				t.Fatal("not independent")
			}
			vectors = append(vectors, v)
		}
		g := make([]float64, n*n)
		for c, v := range vectors {
			for i := range n {
				for j := range n {
					g[i*n+j] += values[c] * v[i] * v[j]
				}
			}
		}
		pairs, _, err := leadingKrylov(dense(g, n, 2), n, k, krylovTolerance)
		if err != nil {
			t.Fatal(err)
		}
		full, err := leadingDense(g, n)
		if err != nil {
			t.Fatal(err)
		}
		for c := range k {
			want := 0.0
			if c < len(values) {
				want = values[c]
			}
			if math.Abs(pairs[c].value-want) > 1e-9*values[0] || math.Abs(full[c].value-want) > 1e-9*values[0] {
				t.Errorf("%s: eigenvalue %d is %g by iteration, %g by decomposition; it is %g", name, c+1,
					pairs[c].value, full[c].value, want)
			}
		}
	}
}
