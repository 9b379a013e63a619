package curvature

import (
	"math"
	"math/rand/v2"
)

// Sums are made in float64 in the order of the elements; the conversions keep a
// compiler from fusing product and sum, so the bits are the same everywhere.

// dot returns the inner product of x and y.
func dot(x []float32, y []float64) float64 {
	s := 0.0
	y = y[:len(x)]
	for i, v := range x {
		s += float64(float64(v) * y[i])
	}
	return s
}

// dot32 returns the inner product of x and y.
func dot32(x, y []float32) float64 {
	s := 0.0
	y = y[:len(x)]
	for i, v := range x {
		s += float64(float64(v) * float64(y[i]))
	}
	return s
}

func norm(x []float64) float64 {
	s := 0.0
	for _, v := range x {
		s += float64(v * v)
	}
	return math.Sqrt(s)
}

func norm32(x []float32) float64 { return math.Sqrt(dot32(x, x)) }

// addScaled adds scale*x to y.
func addScaled(y []float64, scale float64, x []float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] += float64(scale * float64(x[i]))
	}
}

// rounded returns scale*x as float32.
func rounded(x []float64, scale float64) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(scale * v)
	}
	return y
}

// widened returns x as float64.
func widened(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// rademacher returns n independent signs, scaled to unit length. The numbers of
// the stream say what the vector is for, so that none depends on the others.
func rademacher(n int, seed, stream uint64) []float32 {
	rng := rand.New(rand.NewPCG(seed, stream))
	v := make([]float32, n)
	one := float32(1 / math.Sqrt(float64(n)))
	for i := 0; i < n; {
		for bits, b := rng.Uint64(), 0; b < 64 && i < n; b++ {
			v[i] = one
			if bits>>b&1 != 0 {
				v[i] = -one
			}
			i++
		}
	}
	return v
}

// gaussian returns n independent normal numbers.
func gaussian(n int, seed, stream uint64) []float32 {
	rng := rand.New(rand.NewPCG(seed, stream))
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(rng.NormFloat64())
	}
	return v
}

// Streams of random numbers, by use; a sample adds its index.
const (
	streamProbe   = 1
	streamStart   = 3 << 32
	streamTrace   = 1 << 32
	streamDensity = 2 << 32
)
