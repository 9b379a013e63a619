package record

// Span is a set of vectors of one length: points and directions in the space of theta.
// Points of the space are given by Coordinates. The slices are borrowed.
type Span struct{ Points, Directions [][]float32 }

// Coordinates locate a point in a span:
//
//	theta = Points[Base] + sum_k Along[k] (Points[k] - Points[Base]) + sum_k Along[len(Points)+k] Directions[k]
//
// A vector with the coefficient 0 is left out, so it may have NaN and infinite elements.
type Coordinates struct {
	Base  int
	Along []float64 // a coefficient for each point, then for each direction; nil means zeros
	State []float32 // running statistics of normalization layers; nil means those of the loss
}

// Between returns the point at alpha on the line from a point of a span to another one. The
// ends alpha 0 and 1 are bases, so all lines through an end agree there to the bit. length
// is the number of vectors of the span.
func Between(from, to int, alpha float64, length int) Coordinates {
	if alpha == 1 {
		return Coordinates{Base: to}
	}
	c := Coordinates{Base: from, Along: make([]float64, length)}
	c.Along[to] = alpha
	return c
}

// Len returns the number of vectors.
func (s *Span) Len() int { return len(s.Points) + len(s.Directions) }

// Vector returns vector k: a point if k is less than the number of points.
func (s *Span) Vector(k int) []float32 {
	if k < len(s.Points) {
		return s.Points[k]
	}
	return s.Directions[k-len(s.Points)]
}

// Terms calls f with the vectors whose coefficient is not 0, in their order.
func (c *Coordinates) Terms(f func(vector int, coefficient float64)) {
	for k, a := range c.Along {
		if a != 0 {
			f(k, a)
		}
	}
}

// Point sets dst to elements low to low+len(dst) of a point. Every element is computed in
// float64 and rounded once. The conversions keep a compiler from fusing a product and a
// sum, so the bits are the same on every processor. Without terms they are those of the
// base.
func (s *Span) Point(at *Coordinates, low int, dst []float32) {
	var block [512]float64
	for len(dst) > 0 {
		n := min(len(block), len(dst))
		sum, base := block[:n], s.Vector(at.Base)[low:low+n]
		for i, v := range base {
			sum[i] = float64(v)
		}
		at.Terms(func(k int, c float64) {
			v := s.Vector(k)[low : low+n]
			if k < len(s.Points) {
				for i, x := range v {
					sum[i] += float64(c * (float64(x) - float64(base[i])))
				}
				return
			}
			for i, x := range v {
				sum[i] += float64(c * float64(x))
			}
		})
		for i, x := range sum {
			dst[i] = float32(x)
		}
		dst, low = dst[n:], low+n
	}
}
