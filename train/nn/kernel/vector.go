package kernel

// flat runs an elementwise kernel on vectors of n elements. Every element is
// computed alike, also the last few, so that splitting a vector changes no bit.
func (s *stream[T]) flat(n int) {
	const lane, block = panel, 1024 // a block is as much as one call may visit
	t := s.t
	s.rows, s.pixel, s.channel = 1, lane, lane
	whole := n / lane * lane
	for at := 0; at < whole; {
		for i := range t {
			if t[i] != nil {
				s.t[i] = t[i][at:n]
			}
		}
		s.pixels = min(block, (whole-at)/lane)
		s.run()
		at += s.pixels * lane
	}
	if whole == n {
		return
	}
	var last [3][lane]T
	rest := stream[T]{op: s.op, scalar: s.scalar, rows: 1, pixels: 1, pixel: lane, channel: lane}
	for i := range last {
		if t[i] != nil {
			copy(last[i][:], t[i][whole:n])
			rest.t[i] = last[i][:]
		}
	}
	rest.run()
	copy(t[2][whole:n], last[2][:])
}

// ScaleAdd sets dst = alpha x + beta y. The three have one length; dst may be x
// or y itself. With beta = 1 the product is added with one rounding.
func ScaleAdd[T Float](dst []T, alpha T, x []T, beta T, y []T) {
	sameLength("ScaleAdd", len(dst), len(x), len(y))
	s := stream[T]{op: opScaleAdd, t: [6][]T{x, y, dst}, scalar: [2]T{alpha, beta}}
	s.flat(len(dst))
}

// Axpy adds alpha x to y. They have one length.
func Axpy[T Float](y []T, alpha T, x []T) { ScaleAdd(y, alpha, x, 1, y) }

// MaskReLU sets dst to the gradient dy of a rectified y: dy where y is positive
// or NaN, else 0. The three have one length; dst may be dy itself.
func MaskReLU[T Float](dst, dy, y []T) {
	sameLength("MaskReLU", len(dst), len(dy), len(y))
	s := stream[T]{op: opReLU, t: [6][]T{dy, y, dst}}
	s.flat(len(dst))
}

// dotBlock is how many products are added in interleaved sums of type T before these are
// added to the result in float64.
const dotBlock = 4096

// Dot returns the inner product of x and y, of one length: in blocks of 4096
// elements interleaved sums of type T, added in float64. The order depends
// on the length alone.
func Dot[T Float](x, y []T) float64 {
	sameLength("Dot", len(x), len(x), len(y))
	var total float64
	for at := 0; at < len(x); at += dotBlock {
		end := min(at+dotBlock, len(x))
		total += dotPiece(x[at:end], y[at:end])
	}
	return total
}

// dotPiece is Dot within a block.
func dotPiece[T Float](x, y []T) float64 {
	var sums, lastX, lastY [panel]T
	s := stream[T]{
		op: opDot, t: [6][]T{x, y}, sum: [2][]T{sums[:]},
		rows: 1, pixels: len(x) / panel, pixel: panel, channel: panel,
	}
	s.run()
	if whole := s.pixels * panel; whole < len(x) {
		copy(lastX[:], x[whole:])
		copy(lastY[:], y[whole:])
		s.t = [6][]T{lastX[:], lastY[:]}
		s.pixels = 1
		s.run()
	}
	var total float64
	for _, v := range sums {
		total += float64(v)
	}
	return total
}

// finite says whether w, whose length is a multiple of 16, has no infinity and no
// NaN: then all of it times zero adds up to zero.
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

// sameLength panics when vectors differ in length: a mistake of the caller.
func sameLength(name string, a, b, c int) {
	if a != b || a != c {
		panic("kernel: " + name + ": vectors of different lengths")
	}
}
