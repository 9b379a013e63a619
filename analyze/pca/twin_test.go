//go:build !noasm && (amd64 || arm64)

package pca

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
)

// fma32 returns x*y+z, rounded once. The product is exact in float64. The sum is
// rounded to odd in float64, so that rounding it again to float32 gives the same as
// rounding once.
func fma32(x, y, z float32) float32 {
	p, q := float64(x)*float64(y), float64(z)
	s := p + q
	if math.IsNaN(s) || math.IsInf(s, 0) {
		return float32(s)
	}
	v := s - p
	rest := (p - (s - v)) + (q - v) // the exact rounding error of s
	if rest != 0 && math.Float64bits(s)&1 == 0 {
		s = math.Nextafter(s, math.Inf(int(math.Copysign(1, rest))))
	}
	return float32(s)
}

// numbers returns n float32 of very different magnitudes, sometimes with NaN and
// infinities.
func numbers(rng *rand.Rand, n int, special bool) []float32 {
	values := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 0, 0x1p-140, 1, -1}
	s := make([]float32, n)
	for i := range s {
		s[i] = float32(math.Ldexp(rng.Float64()-0.5, rng.IntN(24)-12))
		if special && rng.IntN(20) == 0 {
			s[i] = values[rng.IntN(len(values))]
		}
	}
	return s
}

// wide converts to float64, with random digits beyond those of float32.
func wide(rng *rand.Rand, s []float32) []float64 {
	w := make([]float64, len(s))
	for i, v := range s {
		w[i] = float64(v) * (1 + rng.Float64()*0x1p-24)
	}
	return w
}

// bits returns the bits of v. All NaNs are equal.
func bits(v float64) uint64 {
	if v != v {
		return 1
	}
	return math.Float64bits(v)
}

// TestAssemblyEqualsItsTwins compares each kernel with Go functions that have the
// same operations in the same order, bit for bit. The hash of finite results is
// equal on every processor.
func TestAssemblyEqualsItsTwins(t *testing.T) {
	if !hasAssembly {
		t.Skip("this processor has no instructions of the assembly")
	}
	rng := rand.New(rand.NewPCG(12, 34))
	hash := fnv.New64a()
	for round := range 60 {
		special := round%2 == 1
		compare := func(what string, got, want []float64) {
			t.Helper()
			for i := range want {
				if bits(got[i]) != bits(want[i]) {
					t.Fatalf("round %d: %s: element %d is %v; want %v", round, what, i, got[i], want[i])
				}
				if !special {
					hash.Write(strconv.AppendUint(nil, bits(got[i]), 16))
				}
			}
		}
		rows, columns := 1+rng.IntN(40), lanes*(1+rng.IntN(12))

		const stride = panelRows + 5
		a, b := numbers(rng, panelRows*rows, special), numbers(rng, panelRows*rows, special)
		got := wide(rng, numbers(rng, panelGroup*stride, special))
		want := append([]float64(nil), got...)
		panelProducts(got, stride, a[8:], b, rows)
		for r := range panelGroup {
			for k := range panelRows {
				var s float32
				for c := range rows {
					s = fma32(a[8+c*panelRows+r], b[c*panelRows+k], s)
				}
				want[r*stride+k] += float64(s)
			}
		}
		compare("panelProducts", got, want)

		x, y := numbers(rng, kernelA*(columns+3), special), numbers(rng, kernelB*(columns+5), special)
		var exact, exactTwin [kernelA * kernelB]float64
		kernelExact(&exact, x, columns+3, y, columns+5, columns)
		for i := range exactTwin {
			var s [4]float64
			for j := range columns {
				s[j%4] = math.FMA(float64(x[i/kernelB*(columns+3)+j]), float64(y[i%kernelB*(columns+5)+j]), s[j%4])
			}
			exactTwin[i] = (s[0] + s[1]) + (s[2] + s[3])
		}
		compare("kernelExact", exact[:], exactTwin[:])

		x, coefficients := numbers(rng, rows*11, special), wide(rng, numbers(rng, rows*combineSums, special))
		var sums, sumsTwin [combineSums * combineColumns]float64
		combine(&sums, x, 11, coefficients, rows)
		for i := range sumsTwin {
			for r := range rows {
				c, v := coefficients[r*combineSums+i/combineColumns], float64(x[r*11+i%combineColumns])
				sumsTwin[i] = math.FMA(c, v, sumsTwin[i])
			}
		}
		compare("combine", sums[:], sumsTwin[:])

		x = numbers(rng, columns, special)
		m, v0, v1 := wide(rng, numbers(rng, columns, special)), wide(rng, numbers(rng, columns, special)),
			wide(rng, numbers(rng, columns, special))
		u0, u1 := rng.Float64()-0.5, rng.Float64()-0.5
		var left, leftTwin restSums
		rest(&left, x, m, v0, v1, u0, u1, columns)
		var parts [4][8]float64
		for j, v := range x {
			c := float64(v) - m[j]
			r := math.FMA(-u1, v1[j], math.FMA(-u0, v0[j], c))
			for k, f := range [4][2]float64{{c, c}, {r, r}, {r, v0[j]}, {r, v1[j]}} {
				parts[k][j%8] = math.FMA(f[0], f[1], parts[k][j%8])
			}
		}
		for k, s := range parts {
			leftTwin[k] = ((s[0] + s[4]) + (s[1] + s[5])) + ((s[2] + s[6]) + (s[3] + s[7]))
		}
		compare("rest", left[:], leftTwin[:])
	}
	if got, want := hash.Sum64(), uint64(0x7aee7f31c6f25ca6); got != want {
		t.Errorf("hash %#x, want %#x", got, want)
	}
}
