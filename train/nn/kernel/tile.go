package kernel

import "math"

const (
	panel = 16 // output columns of a packed panel: one AVX-512 register, two of AVX2
	half  = 8  // the narrower last panel that images may have
)

// sweep is the one multiply-add kernel behind matrix products and convolutions:
//
//	c[y, p, j] = max(low, bias[j] + sum over o, m, i of a[y, p, o, m, i] b[o, m, i, j] + res[y, p, j])
//
// for rows y, pixels p and width columns j. Rows and pixels are two strides in a
// and c, the outer, middle and inner reduction o, m and i three strides in a and
// b, all counted in elements; columns are contiguous within panels of 16 that lie
// bPanel apart in b and 16 apart in c. In a forward convolution a pixel is a
// pixel, an outer step is a row of the filter and its inner steps are the
// contiguous taps and channels of that row; where some channels are not real a
// middle step is a tap and its inner steps are the real channels. In a gradient
// with respect to weights a pixel is an input channel, and pixels are summed. A
// middle of 0 means one middle step.
//
// The products of one element are added one after the other in the order of o, m
// and i, whatever the sizes and the instruction set; that is why splitting the
// work changes no bit, nor does AVX-512 against AVX2.
type sweep[T Float] struct {
	a, b, c []T
	bias    []T // of width columns, or nil for zeros
	res     []T // the layout of c; may be c itself; nil for none
	low     T   // lower bound of the results: 0 rectifies, minus infinity does nothing

	rows, aRow, cRow         int
	pixels, aPixel, cPixel   int
	outer, aOuter, bOuter    int
	middle, aMiddle, bMiddle int
	inner, aInner, bInner    int
	width, bPanel            int       // a multiple of 16, or of 8: then the last panel is half
	stats                    *Stats[T] // if set, c is added to it while it is hot
}

// lowest returns the lower bound that rectifies or does nothing.
func lowest[T Float](relu bool) T {
	if relu {
		return 0
	}
	return T(math.Inf(-1))
}

// run computes the sweep. It panics when a slice is too short for the sizes.
func (s *sweep[T]) run() {
	if s.rows <= 0 || s.pixels <= 0 || s.width <= 0 {
		return
	}
	s.middle = max(1, s.middle)
	if s.inner <= 0 || s.outer <= 0 {
		s.inner, s.outer = 0, 0
	}
	s.check()
	if fast[T]() {
		s.runFast()
		return
	}
	for y := range s.rows {
		for j := 0; j < s.width; j += half {
			for p := range s.pixels {
				s.eight(y*s.aRow+p*s.aPixel, s.bColumn(j), y*s.cRow+p*s.cPixel+j, j)
			}
		}
	}
	if s.stats != nil {
		s.stats.rows(s.c, s.rows, s.cRow, s.pixels, s.cPixel, 0, s.width)
	}
}

// bColumn is where column j of b begins.
func (s *sweep[T]) bColumn(j int) int { return j/panel*s.bPanel + j%panel }

// check touches the last element of every operand, so that a caller's mistake
// is a Go panic and never a stray access in assembly.
func (s *sweep[T]) check() {
	y, p, j := s.rows-1, s.pixels-1, s.width-1
	last := y*s.cRow + p*s.cPixel + j
	_ = s.c[last]
	if s.res != nil {
		_ = s.res[last]
	}
	if s.bias != nil {
		_ = s.bias[j]
	}
	if s.outer > 0 {
		o, m, i := s.outer-1, s.middle-1, s.inner-1
		_ = s.a[y*s.aRow+p*s.aPixel+o*s.aOuter+m*s.aMiddle+i*s.aInner]
		_ = s.b[s.bColumn(j)+o*s.bOuter+m*s.bMiddle+i*s.bInner]
	}
}

// eight computes eight columns of one pixel. The sums are named variables
// because the compiler keeps no array in registers.
func (s *sweep[T]) eight(a, b, c, j int) {
	var s0, s1, s2, s3, s4, s5, s6, s7 T
	if s.bias != nil {
		v := (*[half]T)(s.bias[j:])
		s0, s1, s2, s3, s4, s5, s6, s7 = v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]
	}
	for o := range s.outer * s.middle {
		m := o % s.middle
		o /= s.middle
		at, bt := a+o*s.aOuter+m*s.aMiddle, b+o*s.bOuter+m*s.bMiddle
		for range s.inner {
			x, w := s.a[at], (*[half]T)(s.b[bt:])
			s0 += x * w[0]
			s1 += x * w[1]
			s2 += x * w[2]
			s3 += x * w[3]
			s4 += x * w[4]
			s5 += x * w[5]
			s6 += x * w[6]
			s7 += x * w[7]
			at += s.aInner
			bt += s.bInner
		}
	}
	sums := [half]T{s0, s1, s2, s3, s4, s5, s6, s7}
	out := (*[half]T)(s.c[c:])
	if s.res != nil {
		for i, r := range (*[half]T)(s.res[c:]) {
			sums[i] += r
		}
	}
	for i, v := range sums {
		if v < s.low { // false for NaN, which stays
			v = s.low
		}
		out[i] = v
	}
}
