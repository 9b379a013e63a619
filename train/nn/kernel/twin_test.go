package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// The twins are Go functions that define what assembly computes: the operations,
// their order and their rounding. They are slow, because they do fused multiply-add
// in software.

// fma returns x*y+z, rounded once. The product is exact in float64, so only the
// sum must not be rounded twice. It is therefore rounded to odd first: if it is
// not exact, the last bit of the float64 is set. math.FMA on float64 alone would
// give another result when its rounded sum is halfway between two float32.
func fma(x, y, z float32) float32 {
	p, q := float64(x)*float64(y), float64(z)
	s := p + q
	if math.IsNaN(s) || math.IsInf(s, 0) {
		return float32(s)
	}
	v := s - p
	rest := (p - (s - v)) + (q - v) // the exact rounding error of s
	if bits := math.Float64bits(s); rest != 0 && bits&1 == 0 {
		s = math.Nextafter(s, math.Inf(int(math.Copysign(1, rest))))
	}
	return float32(s)
}

// multiply returns x*y, rounded on its own on every processor.
func multiply(x, y float32) float32 { return float32(x * y) }

// TestFMA compares with sums whose exact value is known.
func TestFMA(t *testing.T) {
	const ulp = 0x1p-23
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range []struct{ x, y, z, want float32 }{
		{2, 3, 4, 10},
		{1 + ulp, 1 + ulp, -1, 2*ulp + ulp*ulp}, // the product is not rounded
		// The product is 1 + 2^-11 + 2^-24, halfway between two float32. So is its
		// float64 sum with a tiny number, which decides the direction.
		{1 + 0x1p-12, 1 + 0x1p-12, 0x1p-60, 1 + 0x1p-11 + ulp},
		{1 + 0x1p-12, 1 + 0x1p-12, -0x1p-60, 1 + 0x1p-11},
		{-(1 + 0x1p-12), 1 + 0x1p-12, -0x1p-60, -1 - 0x1p-11 - ulp}, // the same with negative sums
		{-(1 + 0x1p-12), 1 + 0x1p-12, 0x1p-60, -1 - 0x1p-11},
		{0x1p-75, 0x1p-75, 0, 0},                  // half of the smallest number, to even
		{0x1p-75, 0x1.000002p-75, 0, 0x1p-149},    // a little more
		{0x1p-100, -0x1p-100, 0x1p-149, 0x1p-149}, // subnormal
		{0x1p64, 0x1p64, -0x1p127, 0x1p127},       // the product alone overflows
		{0x1p64, 0x1p64, 0, inf},                  // overflow
		{inf, 0, 1, nan},
		{inf, 1, -inf, nan},
		{nan, 1, 1, nan},
		{1, 1, -inf, -inf},
		{-1, 0, 0, 0},
		{-1, 0, float32(math.Copysign(0, -1)), float32(math.Copysign(0, -1))},
	} {
		sameBits(t, fmt.Sprintf("fma(%g, %g, %g)", c.x, c.y, c.z), []float32{fma(c.x, c.y, c.z)}, []float32{c.want})
	}
}

// contractionTwin computes s.
func contractionTwin(s contraction[float32]) {
	for y := range s.rows {
		for p := range s.pixels {
			for j := range s.width {
				var v float32
				if s.bias != nil {
					v = s.bias[j]
				}
				for o := range s.outer {
					for m := range max(1, s.middle) {
						for i := range s.inner {
							a := y*s.aRow + p*s.aPixel + o*s.aOuter + m*s.aMiddle + i*s.aInner
							b := y*s.bRow + s.bColumn(j) + o*s.bOuter + m*s.bMiddle + i*s.bInner
							v = fma(s.a[a], s.b[b], v)
						}
					}
				}
				c := y*s.cRow + p*s.cPixel + j
				if s.res != nil {
					v += s.res[c]
				}
				s.c[c] = atLeast(s.low, v)
			}
		}
	}
	if s.stats != nil {
		n := s.stats.channels()
		streamTwin(stream[float32]{
			op: opStats, t: [6][]float32{s.c}, row: [6]int{s.cRow}, param: [4][]float32{s.stats.Pivot},
			sum: [2][]float32{s.stats.part[:n], s.stats.part[n:]}, rows: s.rows, pixels: s.pixels, pixel: s.cPixel,
			channel: s.width,
		})
	}
}

// streamTwin computes s: row by row, and within a row channel by channel, with
// separate sums of the even and of the odd pixels.
func streamTwin(s stream[float32]) {
	for y := range s.rows {
		for c := range s.channel {
			var sums [2][2]float32 // of the even pixels, and of the odd ones
			for i, sum := range s.sum {
				if sum != nil {
					sums[0][i] = sum[c]
				}
			}
			for p := range s.pixels {
				elementTwin(&s, y, p, c, &sums[p%2])
			}
			for i, sum := range s.sum {
				if sum != nil {
					sum[c] = sums[0][i] + sums[1][i]
				}
			}
		}
	}
}

// elementTwin computes channel c of a pixel and adds to its sums.
func elementTwin(s *stream[float32], y, p, c int, sums *[2]float32) {
	// at is element c of the pixel in tensor i, next that of the pixel after it.
	at := func(i int) *float32 {
		step := 1
		if s.doubled(i) {
			step = 2
		}
		return &s.t[i][y*s.row[i]+step*p*s.pixel+c]
	}
	next := func(i int) *float32 { return &s.t[i][y*s.row[i]+(2*p+1)*s.pixel+c] }
	param := func(i int) float32 { return s.param[i][c] }
	masked := func(dy, y int) float32 { return maskedGradient(*at(dy), *at(y)) }
	norm := func() float32 { return fma(*at(0)-param(0), param(1), param(2)) }
	addGradient := func(g, x float32) {
		sums[0] += g
		sums[1] = fma(g, x-param(0), sums[1])
	}
	input := func(g, x float32) float32 { return fma(param(0), g, fma(x-param(3), param(1), param(2))) }
	switch s.op {
	case opStats:
		d := *at(0) - param(0)
		sums[0] += d
		sums[1] = fma(d, d, sums[1])
	case opNorm:
		*at(1) = atLeast(s.scalar[0], norm())
	case opNormAdd:
		*at(2) = atLeast(s.scalar[0], norm()+*at(1))
	case opNormSums:
		addGradient(*at(0), *at(1))
	case opNormSumsReLU:
		addGradient(masked(0, 1), *at(2))
	case opNormSumsKeep:
		*at(3) = masked(0, 1)
		addGradient(*at(3), *at(2))
	case opNormInput:
		*at(2) = input(*at(0), *at(1))
	case opNormInputReLU:
		*at(3) = input(masked(0, 1), *at(2))
	case opReLU:
		*at(2) = masked(0, 1)
	case opReLUSum:
		*at(2) = masked(0, 1)
		sums[0] += *at(2)
	case opScaleAdd:
		*at(2) = fma(*at(0), s.scalar[0], multiply(*at(1), s.scalar[1]))
	case opDot:
		sums[0] = fma(*at(0), *at(1), sums[0])
	case opPool, opPoolInput, opPoolInputReLU, opPoolTangent, opPoolTangentReLU:
		x := [4]*float32{at(0), next(0), at(1), next(1)}
		if s.op == opPool {
			largest := *x[0]
			for _, v := range x[1:] {
				if *v > largest || *v != *v {
					largest = *v
				}
			}
			*at(2) = largest
			return
		}
		other := [4]*float32{at(4), next(4), at(5), next(5)}
		largest, chosen := *at(2), -1
		for i, v := range x {
			if chosen < 0 && (*v == largest || *v != *v || largest != largest) {
				chosen = i
			}
		}
		var tangent float32
		for i, v := range other {
			switch {
			case s.op == opPoolInput || s.op == opPoolInputReLU:
				*v = 0
				if i == chosen {
					*v = *at(3)
					if s.op == opPoolInputReLU {
						*v = masked(3, 2)
					}
				}
			case i == chosen && s.op == opPoolTangent:
				tangent = *v
			case i == chosen:
				tangent = maskedGradient(*v, largest)
			}
		}
		if s.op >= opPoolTangent {
			*at(3) = tangent
		}
	default:
		panic("no such kernel")
	}
}

// harsh sets s to numbers of very different magnitudes, and to some NaN, infinities,
// zeros of both signs, subnormal numbers and ties.
func harsh(r *rand.Rand, s []float32, special bool) []float32 {
	values := []float32{
		float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 0, float32(math.Copysign(0, -1)),
		1, 1, -1, 0x1p-149, 0x1p-130, math.MaxFloat32,
	}
	for i := range s {
		s[i] = float32(math.Ldexp(r.NormFloat64(), r.IntN(24)-12))
		if special && r.IntN(8) == 0 {
			s[i] = values[r.IntN(len(values))]
		}
	}
	return s
}

// TestEveryTileEqualsItsTwin: every register shape has the bits of its twin for every
// number of pixels.
func TestEveryTileEqualsItsTwin(t *testing.T) {
	const inner = 5
	for _, set := range assembly(t, 1) {
		t.Run(set.String(), func(t *testing.T) {
			use(t, set)
			r := rand.New(rand.NewPCG(1, 2))
			for _, width := range []int{half, panel, 2 * panel} {
				for pixels := 1; pixels <= panel; pixels++ {
					s := contraction[float32]{
						a: harsh(r, make([]float32, pixels*inner), false), b: harsh(r, make([]float32, 2*inner*panel), false),
						c: make([]float32, pixels*width), bias: harsh(r, make([]float32, width), false), low: -1,
						rows: 1, pixels: pixels, aPixel: inner, cPixel: width, outer: 1, inner: inner, aInner: 1,
						bInner: panel, width: width, bPanel: inner * panel,
					}
					twin := s
					twin.c = make([]float32, len(s.c))
					contractionTwin(twin)
					s.run()
					sameBits(t, fmt.Sprintf("%d pixels by %d columns", pixels, width), s.c, twin.c)
				}
			}
		})
	}
}

// TestTilesEqualTheirTwins: tiles of any strides, with and without bias, residual,
// bound and statistics, have the bits of their twins.
func TestTilesEqualTheirTwins(t *testing.T) {
	for _, set := range assembly(t, 1) {
		t.Run(set.String(), func(t *testing.T) {
			use(t, set)
			rapid.Check(t, func(t *rapid.T) {
				r := generator(t)
				draw := func(name string, low, high int) int { return rapid.IntRange(low, high).Draw(t, name) }
				special := rapid.Bool().Draw(t, "special")
				s := contraction[float32]{
					rows: draw("rows", 1, 3), pixels: draw("pixels", 1, 34), width: half * draw("width", 1, 7),
					outer: draw("outer", 0, 3), middle: draw("middle", 0, 3), inner: draw("inner", 0, 9),
					aInner: draw("aInner", 0, 3), bInner: panel + draw("bInner", 0, 3),
					low: lowest[float32](rapid.Bool().Draw(t, "relu")),
				}
				s.aPixel, s.aMiddle, s.aOuter, s.aRow = draw("aPixel", 0, 5), draw("aMiddle", 0, 9), draw("aOuter", 0, 40),
					draw("aRow", 0, 50)
				s.bMiddle, s.bOuter = s.inner*s.bInner+draw("bMiddle", 0, 3), 3*9*panel+draw("bOuter", 0, 3)
				s.bPanel = 3 * 3 * 12 * 2 * panel
				s.bRow = draw("bRow", 0, 50)
				s.cPixel = s.width + draw("cPixel", 0, 5)
				s.cRow = s.pixels*s.cPixel + draw("cRow", 0, 5)
				last := func(counts, steps []int) int {
					n := 1
					for i, count := range counts {
						n += max(0, count-1) * steps[i]
					}
					return n
				}
				s.a = harsh(r, guarded[float32](t, last([]int{s.rows, s.pixels, s.outer, s.middle, s.inner},
					[]int{s.aRow, s.aPixel, s.aOuter, s.aMiddle, s.aInner}), place(t)), special)
				width := min(panel, s.width-(s.width-1)/panel*panel)
				s.b = harsh(r, guarded[float32](t, last(
					[]int{s.rows, (s.width + panel - 1) / panel, s.outer, s.middle, s.inner},
					[]int{s.bRow, s.bPanel, s.bOuter, s.bMiddle, s.bInner})+width-1, place(t)), special)
				s.c = harsh(r, guarded[float32](t, (s.rows-1)*s.cRow+(s.pixels-1)*s.cPixel+s.width, place(t)), special)
				if rapid.Bool().Draw(t, "bias") {
					s.bias = harsh(r, guarded[float32](t, s.width, place(t)), special)
				}
				twin := s
				twin.c = append([]float32(nil), s.c...)
				switch rapid.IntRange(0, 2).Draw(t, "residual") {
				case 1:
					s.res, twin.res = s.c, twin.c
				case 2:
					s.res = harsh(r, guarded[float32](t, len(s.c), place(t)), special)
					twin.res = s.res
				}
				if rapid.Bool().Draw(t, "stats") {
					s.stats, twin.stats = NewStats[float32](s.width), NewStats[float32](s.width)
					copy(twin.stats.Pivot, harsh(r, s.stats.Pivot, special))
				}
				if s.inner == 0 || s.outer == 0 {
					twin.inner, twin.outer = 0, 0
				}
				contractionTwin(twin)
				s.run()
				sameBits(t, "result", s.c, twin.c)
				if s.stats != nil {
					sameBits(t, "sums", s.stats.part, twin.stats.part)
				}
			})
		})
	}
}

// TestStreamsEqualTheirTwins: every elementwise kernel has the bits of its twin.
func TestStreamsEqualTheirTwins(t *testing.T) {
	kernels := []struct {
		name                  string
		op                    streamOp
		tensors, params, sums int
	}{
		{"Stats", opStats, 1, 1, 2},
		{"Norm", opNorm, 2, 3, 0},
		{"NormAdd", opNormAdd, 3, 3, 0},
		{"NormSums", opNormSums, 2, 1, 2},
		{"NormSumsReLU", opNormSumsReLU, 3, 1, 2},
		{"NormSumsKeep", opNormSumsKeep, 4, 1, 2},
		{"NormInput", opNormInput, 3, 4, 0},
		{"NormInputReLU", opNormInputReLU, 4, 4, 0},
		{"ReLU", opReLU, 3, 0, 0},
		{"ReLUSum", opReLUSum, 3, 0, 1},
		{"ScaleAdd", opScaleAdd, 3, 0, 0},
		{"Dot", opDot, 2, 0, 1},
		{"Pool", opPool, 3, 0, 0},
		{"PoolInput", opPoolInput, 6, 0, 0},
		{"PoolInputReLU", opPoolInputReLU, 6, 0, 0},
		{"PoolTangent", opPoolTangent, 6, 0, 0},
		{"PoolTangentReLU", opPoolTangentReLU, 6, 0, 0},
	}
	for _, set := range assembly(t, 1) {
		for _, k := range kernels {
			t.Run(fmt.Sprintf("%s/%s", set, k.name), func(t *testing.T) {
				use(t, set)
				rapid.Check(t, func(t *rapid.T) {
					r := generator(t)
					draw := func(name string, low, high int) int { return rapid.IntRange(low, high).Draw(t, name) }
					special := rapid.Bool().Draw(t, "special")
					s := stream[float32]{
						op: k.op, rows: draw("rows", 1, 4), pixels: draw("pixels", 1, 9), channel: half * draw("channel", 1, 7),
						scalar: [2]float32{0, float32(r.NormFloat64())},
					}
					if k.op == opScaleAdd || rapid.Bool().Draw(t, "no relu") {
						s.scalar[0] = float32(r.NormFloat64())
					}
					s.pixel = s.channel + draw("pixel", 0, 3)
					twin := s
					vector := func(n int) (v, copied []float32) {
						v = harsh(r, guarded[float32](t, n, place(t)), special)
						return v, append([]float32(nil), v...)
					}
					for i := range k.tensors {
						pixels := s.pixels
						if s.doubled(i) {
							pixels *= 2
						}
						s.row[i] = pixels*s.pixel + draw("row", 0, 5)
						s.t[i], twin.t[i] = vector((s.rows-1)*s.row[i] + (pixels-1)*s.pixel + s.channel)
					}
					if k.op > opPool {
						// Tensor 2 is the result of the pool.
						pool := stream[float32]{
							op: opPool, t: [6][]float32{s.t[0], s.t[1], s.t[2]}, row: s.row,
							rows: s.rows, pixels: s.pixels, pixel: s.pixel, channel: s.channel,
						}
						streamTwin(pool)
						copy(twin.t[2], s.t[2])
					}
					for i := range k.params {
						s.param[i], twin.param[i] = vector(s.channel)
					}
					for i := range k.sums {
						s.sum[i], twin.sum[i] = vector(s.channel)
					}
					twin.row = s.row
					streamTwin(twin)
					s.run()
					for i := range s.t {
						sameBits(t, fmt.Sprintf("tensor %d", i), s.t[i], twin.t[i])
					}
					for i := range s.sum {
						sameBits(t, fmt.Sprintf("sum %d", i), s.sum[i], twin.sum[i])
					}
				})
			})
		}
	}
}
