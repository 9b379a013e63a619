package audit

import (
	"math"
	"math/rand/v2"
	"testing"
)

// sketchOf returns the sketch of x, added in parts of the given length.
func sketchOf(x []float32, k int, key uint64, part int) *Sketch {
	s := newSketch(k, key)
	for len(x) > 0 {
		n := min(part, len(x))
		s.add(x[:n])
		x = x[n:]
	}
	return s
}

func normal(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// The mean of inner products of sketches over many keys is the inner product, and its variance
// stays below the stated bound.
func TestSketchKeepsInnerProducts(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const n, k, keys = 5000, 256, 400
	x, y := normal(r, n), normal(r, n)
	for i := range y { // correlated, and with most of the norm in few elements
		y[i] += 0.5 * x[i]
		if i%97 == 0 {
			x[i] *= 20
		}
	}
	dot := func(a, b []float64) float64 {
		sum := 0.0
		for i := range a {
			sum += a[i] * b[i]
		}
		return sum
	}
	wide := func(v []float32) []float64 {
		out := make([]float64, len(v))
		for i := range v {
			out[i] = float64(v[i])
		}
		return out
	}
	xy, xx, yy := dot(wide(x), wide(y)), dot(wide(x), wide(x)), dot(wide(y), wide(y))
	mean, square := 0.0, 0.0
	for key := range uint64(keys) {
		d := dot(sketchOf(x, k, mix(key), n).table, sketchOf(y, k, mix(key), n).table) - xy
		mean += d / keys
		square += d * d / keys
	}
	bound := (xx*yy + xy*xy) / k
	if math.Abs(mean) > 4*math.Sqrt(bound/keys) { // four standard errors
		t.Errorf("the mean error is %g, above %g", mean, 4*math.Sqrt(bound/keys))
	}
	if square > 1.3*bound { // the sample variance of 400 has an error of 7 %
		t.Errorf("the mean squared error is %g, above the bound %g", square, bound)
	}
	if square < bound/4 {
		t.Errorf("the mean squared error is %g, far below the bound %g: the keys are not independent", square, bound)
	}
}

// The sketch is linear, and parts of any length that is a multiple of 16 give the same bits.
func TestSketchIsLinear(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{1, 15, 16, 17, 31, 160, 1001, 70000} {
		x, y := normal(r, n), normal(r, n)
		sum := make([]float32, n)
		for i := range sum {
			x[i], y[i] = float32(math.Round(float64(x[i])*64))/64, float32(math.Round(float64(y[i])*64))/64
			sum[i] = x[i] + y[i] // exact, on a grid
		}
		a, b, c := sketchOf(x, 64, 9, n), sketchOf(y, 64, 9, n), sketchOf(sum, 64, 9, n)
		d := sketchOf(sum, 64, 9, 32)
		for i := range c.table {
			if a.table[i]+b.table[i] != c.table[i] {
				t.Fatalf("n = %d: element %d is %g + %g, but of the sum %g", n, i, a.table[i], b.table[i], c.table[i])
			}
			if math.Float64bits(d.table[i]) != math.Float64bits(c.table[i]) {
				t.Fatalf("n = %d: element %d differs when the vector is added in parts", n, i)
			}
		}
		if d.or != c.or || d.and != c.and {
			t.Errorf("n = %d: the facts about the bits differ when the vector is added in parts", n)
		}
	}
}

func TestSketchFactsAboutBits(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range []struct {
		name                   string
		x                      []float32
		finite, zero, constant bool
		precision              string
	}{
		{"zeros", []float32{0, 0, 0}, true, true, true, ""},
		{"ones", []float32{1, 1, 1, 1, 1}, true, false, true, ""},
		{"powers of two", []float32{1, -2, 0.25, 0}, true, false, false, ""},
		{"float32", []float32{1.1, 2, 3}, true, false, false, "float32"},
		{"float16", []float32{1 + 1.0/1024, 3}, true, false, false, "float16"},
		{"bfloat16", []float32{1 + 1.0/128, 3}, true, false, false, "bfloat16"},
		{"float8", []float32{1.5, 1.25, 7}, true, false, false, "float8"},
		{"infinite", []float32{1, inf}, false, false, false, ""},
		{"nan in the last block", append(make([]float32, 40), nan), false, false, false, ""},
		{"a last element that differs", append(make([]float32, 20), 1.1), true, false, false, "float32"},
	} {
		s := sketchOf(c.x, 32, 1, 1<<16)
		if s.isFinite() != c.finite || s.isZero() != c.zero || s.isConstant() != c.constant || s.precision() != c.precision {
			t.Errorf("%s: finite %v, zero %v, constant %v, precision %q", c.name, s.isFinite(), s.isZero(), s.isConstant(),
				s.precision())
		}
	}
}

func BenchmarkSketch(b *testing.B) {
	x := normal(rand.New(rand.NewPCG(1, 1)), partLen)
	s := newSketch(1024, 1)
	b.SetBytes(4 * partLen)
	for b.Loop() {
		s.add(x)
	}
}

// Assembly gives the bits of the Go code.
func TestAssemblyEqualsGo(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, k := range []int{16, 32, 48, 1024} {
		x := normal(r, 16*1000)
		x[77], x[500], x[9000] = float32(math.Inf(-1)), 0, float32(math.Copysign(0, -1))
		a, b := newSketch(k, 11), newSketch(k, 11)
		for at := 0; at < len(x); at += 1600 {
			a.addBlocks(x[at : at+1600])
			b.addBlocksGo(x[at : at+1600])
		}
		for i := range a.table {
			if math.Float64bits(a.table[i]) != math.Float64bits(b.table[i]) {
				t.Fatalf("k = %d: element %d is %g, by the Go code %g", k, i, a.table[i], b.table[i])
			}
		}
		if a.or != b.or || a.and != b.and || a.block != b.block {
			t.Errorf("k = %d: facts %x %x, by the Go code %x %x", k, a.or, a.and, b.or, b.and)
		}
	}
}
