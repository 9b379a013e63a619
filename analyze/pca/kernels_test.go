package pca

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The sums are those of the definition, to the rounding of float64, for every
// length and with either code.
func TestRest(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for n := lanes; n <= 40*lanes; n += lanes {
		x := make([]float32, n)
		m, v0, v1 := gaussian(rng, n), gaussian(rng, n), gaussian(rng, n)
		for j := range x {
			x[j] = float32(rng.NormFloat64())
		}
		u0, u1 := rng.NormFloat64(), rng.NormFloat64()
		var want restSums
		for j := range x {
			c := float64(x[j]) - m[j]
			r := c - u0*v0[j] - u1*v1[j]
			for k, v := range []float64{c * c, r * r, r * v0[j], r * v1[j]} {
				want[k] += v
			}
		}
		var got restSums
		rest(&got, x, m, v0, v1, u0, u1, n)
		for k := range want {
			// n terms of some tens, each rounded to 2^-53.
			if math.Abs(got[k]-want[k]) > 1e-13*float64(n) {
				t.Errorf("%d columns: sum %d is %v; want %v", n, k, got[k], want[k])
			}
		}
	}
}

// TestSubtract: every element is the difference, for every length and alignment,
// and a NaN or an infinity anywhere is reported.
func TestSubtract(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	for n := range 70 {
		a, b := make([]float32, n), make([]float32, n)
		for j := range a {
			a[j], b[j] = float32(rng.NormFloat64()), float32(rng.NormFloat64())
		}
		dst := make([]float32, n+3)
		dst[n], dst[n+2] = 9, 9
		if !subtract(dst, a, b, []span{{0, n}}) {
			t.Fatalf("%d elements: not finite", n)
		}
		for j := range a {
			if dst[j] != a[j]-b[j] {
				t.Fatalf("%d elements: element %d is %v; want %v", n, j, dst[j], a[j]-b[j])
			}
		}
		if dst[n] != 0 || dst[n+2] != 0 {
			t.Errorf("%d elements: what is beyond is not cleared", n)
		}
		for j := range a {
			for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
				kept := a[j]
				if a[j] = float32(v); subtract(dst, a, b, []span{{0, n}}) {
					t.Errorf("%d elements: %v at %d is not seen", n, v, j)
				}
				a[j] = kept
			}
		}
		if n > 9 {
			a[5] = float32(math.NaN()) // takes no part
			if !subtract(dst, a, b, []span{{0, 4}, {7, n}}) || dst[4] != a[7]-b[7] {
				t.Errorf("%d elements: parts", n)
			}
		}
	}
}

// TestTranspose: with the assembly and without.
func TestTranspose(t *testing.T) {
	const n, stride = 24, 29
	src := make([]float32, groupRows*stride)
	for i := range src {
		src[i] = float32(i)
	}
	dst := make([]float32, n*panelRows)
	transpose(dst[8:], src, stride, n)
	for j := range n {
		for r := range panelRows {
			want := float32(0)
			if r >= 8 && r < 8+groupRows {
				want = float32((r-8)*stride + j)
			}
			if dst[j*panelRows+r] != want {
				t.Fatalf("column %d, row %d is %v; want %v", j, r, dst[j*panelRows+r], want)
			}
		}
	}
}
