package kernel

// runVector runs an elementwise kernel on vectors of n elements. All elements,
// also the last few, are computed in the same way, so splitting a vector changes
// no bit.
func (s *stream[T]) runVector(n int) {
	const lane, block = panel, 1024 // block limits the pixels of one call
	t := s.t
	s.rows, s.pixel, s.channel = 1, lane, lane
	complete := n / lane * lane // elements in complete lanes
	for at := 0; at < complete; {
		for i := range t {
			if t[i] != nil {
				s.t[i] = t[i][at:n]
			}
		}
		s.pixels = min(block, (complete-at)/lane)
		s.run()
		at += s.pixels * lane
	}
	if complete == n {
		return
	}
	var last [3][lane]T
	rest := stream[T]{op: s.op, scalar: s.scalar, rows: 1, pixels: 1, pixel: lane, channel: lane}
	for i := range last {
		if t[i] != nil {
			copy(last[i][:], t[i][complete:n])
			rest.t[i] = last[i][:]
		}
	}
	rest.run()
	copy(t[2][complete:n], last[2][:])
}

// ScaleAdd sets dst = alpha x + beta y. All have the same length; dst may be x or
// y. With beta = 1 the product is added with one rounding.
func ScaleAdd[T Float](dst []T, alpha T, x []T, beta T, y []T) {
	checkLengths("ScaleAdd", len(dst), len(x), len(y))
	s := stream[T]{op: opScaleAdd, t: [6][]T{x, y, dst}, scalar: [2]T{alpha, beta}}
	s.runVector(len(dst))
}

// Axpy adds alpha x to y. Both have the same length.
func Axpy[T Float](y []T, alpha T, x []T) { ScaleAdd(y, alpha, x, 1, y) }

// MaskReLU sets dst to the gradient dy of a rectified y: dy where y is positive
// or NaN, else 0. All have the same length; dst may be dy.
func MaskReLU[T Float](dst, dy, y []T) {
	checkLengths("MaskReLU", len(dst), len(dy), len(y))
	s := stream[T]{op: opReLU, t: [6][]T{dy, y, dst}}
	s.runVector(len(dst))
}

// finite reports whether w, whose length is a multiple of 16, has no infinity and
// no NaN. Only then its product with zeros is zero.
func finite[T Float](w []T) bool {
	const pixels = 64
	var zeros [pixels * panel]T
	var sums [panel]T
	s := stream[T]{
		op: opDot, t: [6][]T{w, zeros[:]}, row: [6]int{len(zeros), 0}, sum: [2][]T{sums[:]},
		rows: len(w) / len(zeros), pixels: pixels, pixel: panel, channel: panel,
	}
	s.run()
	if at := s.rows * len(zeros); at < len(w) {
		s.t[0], s.rows, s.pixels = w[at:], 1, (len(w)-at)/panel
		s.run()
	}
	for _, v := range sums {
		if v != 0 {
			return false
		}
	}
	return true
}

// checkLengths panics if vectors differ in length, a bug of the caller.
func checkLengths(name string, a, b, c int) {
	if a != b || a != c {
		panic("kernel: " + name + ": vectors of different lengths")
	}
}
