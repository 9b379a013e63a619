package curvature

import (
	"math"
	"math/rand/v2"
	"runtime"

	"golang.org/x/sync/errgroup"
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

// chunk is the number of elements of a partial sum. Partial sums are added in their
// order, so the bits do not depend on the number of goroutines.
const chunk = 1 << 14

// inChunks calls f for each chunk [from, to) of n elements, several at the same time.
func inChunks(n int, f func(index, from, to int)) {
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for index := range (n + chunk - 1) / chunk {
		call := func() error {
			f(index, index*chunk, min((index+1)*chunk, n))
			return nil
		}
		if n <= 4*chunk { // a goroutine costs more than it saves
			_ = call()
			continue
		}
		group.Go(call)
	}
	_ = group.Wait() // f returns no error
}

// innerProducts returns c[j][i], the inner product of x[i] and y[j].
func innerProducts(x [][]float32, y [][]float64) [][]float64 {
	n := len(y[0])
	parts := make([][]float64, (n+chunk-1)/chunk)
	inChunks(n, func(index, from, to int) {
		part := make([]float64, 0, len(y)*len(x))
		for _, v := range x {
			part = appendDots(part, v[from:to], y, from)
		}
		parts[index] = part
	})
	c := make([][]float64, len(y))
	for j := range y {
		c[j] = make([]float64, len(x))
		for i := range x {
			for _, part := range parts {
				c[j][i] += part[i*len(y)+j]
			}
		}
	}
	return c
}

// appendDots appends the inner products of x with the elements of each y that start at
// from. It computes four of them together, because one sum alone waits for itself.
func appendDots(to []float64, x []float32, y [][]float64, from int) []float64 {
	for ; len(y) >= 4; y = y[4:] {
		var s0, s1, s2, s3 float64
		y0, y1, y2, y3 := y[0][from:][:len(x)], y[1][from:][:len(x)], y[2][from:][:len(x)], y[3][from:][:len(x)]
		for i, v := range x {
			a := float64(v)
			s0 += float64(a * y0[i])
			s1 += float64(a * y1[i])
			s2 += float64(a * y2[i])
			s3 += float64(a * y3[i])
		}
		to = append(to, s0, s1, s2, s3)
	}
	for _, v := range y {
		to = append(to, dot(x, v[from:]))
	}
	return to
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
