package audit

import "math"

// squaredDistance returns the squared distance between contents i and j of a track. It is
// exact for a tensor that is kept whole, and otherwise has the error of a projection. Both
// contents must be comparable.
func (t *track) squaredDistance(i, j int) float64 {
	a, b := t.sketches[i*t.k:(i+1)*t.k], t.sketches[j*t.k:(j+1)*t.k]
	sum := 0.0
	for d, x := range a {
		v := x - b[d]
		sum += v * v
	}
	return sum
}

// product returns the inner product of contents i and j.
func (t *track) product(i, j int) float64 {
	a, b := t.sketches[i*t.k:(i+1)*t.k], t.sketches[j*t.k:(j+1)*t.k]
	sum := 0.0
	for d, x := range a {
		sum += x * b[d]
	}
	return sum
}

// cosine returns the cosine of the angle between contents i and j, NaN if one is zero.
func (t *track) cosine(i, j int) float64 {
	return t.product(i, j) / math.Sqrt(t.product(i, i)*t.product(j, j))
}

// isComparable reports whether content i has values of the tensor's usual length.
func (t *track) isComparable(i int) bool {
	c := &t.contents[i]
	return c.isUsable() && c.tensor.Len() == t.n
}
