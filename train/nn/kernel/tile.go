package kernel

import "math"

const (
	panel = 16 // columns of a packed panel: one AVX-512 register or two AVX2 registers
	half  = 8  // columns of a half panel, which images may have as their last one
)

// contraction is the one multiply-add kernel of matrix products and convolutions:
//
//	c[y, p, j] = max(low, bias[j] + sum over o, m, i of a[y, p, o, m, i] b[o, m, i, j] + res[y, p, j])
//
// for rows y, pixels p and width columns j. Rows and pixels are two strides in a
// and c; the outer, middle and inner steps o, m and i of the sum are three
// strides in a and b. Rows can be a stride in b too: rows of a product with
// different weights are b[y, o, m, i, j]. All strides count elements. Columns are contiguous within
// panels of 16, which are bPanel apart in b and 16 apart in c.
//
// In a forward convolution a pixel is a pixel, an outer step is a row of the
// filter, and the inner steps are the contiguous taps and channels of that row.
// If some channels are not real, a middle step is a tap and its inner steps are
// the real channels. In a gradient with respect to weights a pixel is an input
// channel, and the sum is over pixels. A middle of 0 means one middle step.
//
// The products of an element are added one after the other in the order of o, m
// and i, for all sizes and instruction sets. So splitting the work changes no
// bit, and all assembly gives the same bits.
type contraction[T Float] struct {
	a, b, c []T
	bias    []T // of width columns, or nil for zeros
	res     []T // the layout of c; may be c itself; nil for none
	low     T   // lower bound of the results: 0 rectifies, minus infinity does nothing

	rows, aRow, bRow, cRow   int
	pixels, aPixel, cPixel   int
	outer, aOuter, bOuter    int
	middle, aMiddle, bMiddle int
	inner, aInner, bInner    int
	width, bPanel            int       // width is a multiple of 8; the last panel may be half
	stats                    *Stats[T] // may be nil; collects c while it is in the cache
}

// lowest returns the lower bound of the results: 0 rectifies, minus infinity
// changes nothing.
func lowest[T Float](relu bool) T {
	if relu {
		return 0
	}
	return T(math.Inf(-1))
}

// run computes the contraction. A slice that is too short panics.
func (s *contraction[T]) run() {
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
				s.eightColumns(y*s.aRow+p*s.aPixel, y*s.bRow+s.bColumn(j), y*s.cRow+p*s.cPixel+j, j)
			}
		}
	}
	if s.stats != nil {
		s.stats.rows(s.c, s.rows, s.cRow, s.pixels, s.cPixel, 0, s.width)
	}
}

// bColumn returns the index of the first element of column j of b.
func (s *contraction[T]) bColumn(j int) int { return j/panel*s.bPanel + j%panel }

// check touches the last element of every operand, so that a bug of the caller is
// a Go panic and never a wrong memory access in assembly.
func (s *contraction[T]) check() {
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
		_ = s.b[y*s.bRow+s.bColumn(j)+o*s.bOuter+m*s.bMiddle+i*s.bInner]
	}
}

// eightColumns computes eight columns of one pixel. The sums are separate
// variables, because the compiler does not keep arrays in registers. The conversion
// rounds each product: without it the compiler may fuse on some processors, which
// would give other bits there.
func (s *contraction[T]) eightColumns(a, b, c, j int) {
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
			s0 += T(x * w[0])
			s1 += T(x * w[1])
			s2 += T(x * w[2])
			s3 += T(x * w[3])
			s4 += T(x * w[4])
			s5 += T(x * w[5])
			s6 += T(x * w[6])
			s7 += T(x * w[7])
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
