package curve

// Between sets dst to a + alpha (b - a), element by element: computed from the
// ends in float64 and rounded once. Alpha 0 and 1 give a and b to the bit, even
// where they are not finite. The conversions keep a compiler from fusing the
// product and the sum, so the bits are the same on every processor. The slices
// have one length.
func Between(dst, a, b []float32, alpha float64) {
	switch alpha {
	case 0:
		copy(dst, a)
		return
	case 1:
		copy(dst, b)
		return
	}
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = float32(float64(a[i]) + float64(alpha*(float64(b[i])-float64(a[i]))))
	}
}

// Along sets dst to a + scale*g in the same way; scale 0 gives a to the bit.
func Along(dst, a, g []float32, scale float64) {
	if scale == 0 {
		copy(dst, a)
		return
	}
	a, g = a[:len(dst)], g[:len(dst)]
	for i := range dst {
		dst[i] = float32(float64(a[i]) + float64(scale*float64(g[i])))
	}
}

// Distance2 returns the squared length of b-a.
func Distance2(a, b []float32) float64 {
	s := 0.0
	b = b[:len(a)]
	for i := range a {
		d := float64(b[i]) - float64(a[i])
		s += float64(d * d)
	}
	return s
}

// Norm2 returns the squared length of g.
func Norm2(g []float32) float64 {
	s := 0.0
	for _, v := range g {
		s += float64(float64(v) * float64(v))
	}
	return s
}
