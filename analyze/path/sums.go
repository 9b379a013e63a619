package path

import "math"

// The sums below run over float32 vectors of one length. A float32 converts to
// float64 exactly and so does the product of two of them; differences and their
// products are converted explicitly where a compiler might fuse them, so the
// bits are the same on every processor. Two running sums in a fixed pattern
// halve the chain of additions.

// dot returns the inner product of x and y.
func dot(x, y []float32) float64 {
	var s0, s1 float64
	y = y[:len(x)]
	i := 0
	for ; i+2 <= len(x); i += 2 {
		s0 += float64(float64(x[i]) * float64(y[i]))
		s1 += float64(float64(x[i+1]) * float64(y[i+1]))
	}
	if i < len(x) {
		s0 += float64(float64(x[i]) * float64(y[i]))
	}
	return s0 + s1
}

// distance2 returns the squared length of b-a.
func distance2(a, b []float32) float64 { return dotUpdates(a, b, a, b) }

// dotUpdates returns the inner product of b-a and d-c.
func dotUpdates(a, b, c, d []float32) float64 {
	var s0, s1 float64
	b, c, d = b[:len(a)], c[:len(a)], d[:len(a)]
	i := 0
	for ; i+2 <= len(a); i += 2 {
		s0 += float64((float64(b[i]) - float64(a[i])) * (float64(d[i]) - float64(c[i])))
		s1 += float64((float64(b[i+1]) - float64(a[i+1])) * (float64(d[i+1]) - float64(c[i+1])))
	}
	if i < len(a) {
		s0 += float64((float64(b[i]) - float64(a[i])) * (float64(d[i]) - float64(c[i])))
	}
	return s0 + s1
}

// dotUpdate returns the inner product of g and b-a.
func dotUpdate(g, a, b []float32) float64 {
	var s0, s1 float64
	a, b = a[:len(g)], b[:len(g)]
	i := 0
	for ; i+2 <= len(g); i += 2 {
		s0 += float64(float64(g[i]) * (float64(b[i]) - float64(a[i])))
		s1 += float64(float64(g[i+1]) * (float64(b[i+1]) - float64(a[i+1])))
	}
	if i < len(g) {
		s0 += float64(float64(g[i]) * (float64(b[i]) - float64(a[i])))
	}
	return s0 + s1
}

// cosine returns the cosine of the angle between two vectors of these squared
// lengths, clamped to [-1, 1] because rounding can leave it. A zero vector has
// no direction: ok is false. NaN stays NaN.
func cosine(dot, a2, b2 float64) (cos float64, ok bool) {
	if a2 == 0 || b2 == 0 {
		return 0, false
	}
	c := dot / (math.Sqrt(a2) * math.Sqrt(b2))
	if c > 1 {
		c = 1
	} else if c < -1 {
		c = -1
	}
	return c, true
}
