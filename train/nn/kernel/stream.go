package kernel

// streamOp names an elementwise kernel. The list of the generator has the same
// order.
type streamOp int

const (
	opStats streamOp = iota
	opNorm
	opNormAdd
	opNormSums
	opNormSumsReLU
	opNormSumsKeep
	opNormInput
	opNormInputReLU
	opReLU
	opReLUSum
	opScaleAdd
	opDot
	opPool
	opPoolInput
	opPoolInputReLU
	opPoolTangent
	opPoolTangentReLU
)

// stream is an elementwise kernel over rows of pixels whose channels are
// contiguous. The tensors have the same pixels and channels, but each has its own
// row stride. The inputs of a 2x2 pool are doubled: they have two pixels per
// pixel of the result and are passed as two tensors, one for each of the two
// rows. In assembly a channel has separate sums of the even and of the odd pixels
// of a row, which are added at the end of the row.
type stream[T Float] struct {
	op      streamOp
	t       [6][]T // tensors, from their first element
	row     [6]int // elements from row to row
	param   [4][]T // per channel
	sum     [2][]T // per channel, added to
	scalar  [2]T
	rows    int
	pixels  int
	pixel   int // elements from pixel to pixel
	channel int // channels, a multiple of 8
}

// doubled reports whether tensor i is an input of a pool.
func (s *stream[T]) doubled(i int) bool { return s.op >= opPool && i != 2 && i != 3 }

// run executes the kernel. A slice that is too short panics.
func (s *stream[T]) run() {
	if s.rows <= 0 || s.pixels <= 0 || s.channel <= 0 {
		return
	}
	s.check()
	if fast[T]() {
		s.runFast()
		return
	}
	for y := range s.rows {
		for p := range s.pixels {
			s.pixelAt(y, p)
		}
	}
}

// check touches the last element of every operand, so that a bug of the caller is
// a Go panic and never a wrong memory access in assembly.
func (s *stream[T]) check() {
	for i, t := range s.t {
		if t == nil {
			continue
		}
		last := (s.rows-1)*s.row[i] + (s.pixels-1)*s.pixel + s.channel - 1
		if s.doubled(i) {
			last += s.pixels * s.pixel
		}
		_ = t[last]
	}
	for _, vectors := range [2][]([]T){s.param[:], s.sum[:]} {
		for _, v := range vectors {
			if v != nil {
				_ = v[s.channel-1]
			}
		}
	}
}

// pixelAt is the pure Go version of the kernels, for one pixel. Conversions round
// each product, as in [contraction.eightColumns].
func (s *stream[T]) pixelAt(y, p int) {
	var t [6][]T
	for i, tensor := range s.t {
		if tensor == nil {
			continue
		}
		at, length := y*s.row[i]+p*s.pixel, s.channel
		if s.doubled(i) {
			at, length = at+p*s.pixel, s.pixel+s.channel
		}
		t[i] = tensor[at : at+length]
	}
	if s.op >= opPool {
		s.poolPixel(&t)
		return
	}
	for c := range s.channel {
		switch s.op {
		case opStats:
			d := t[0][c] - s.param[0][c]
			s.sum[0][c] += d
			s.sum[1][c] += T(d * d)
		case opNorm:
			t[1][c] = atLeast(s.scalar[0], T((t[0][c]-s.param[0][c])*s.param[1][c])+s.param[2][c])
		case opNormAdd:
			t[2][c] = atLeast(s.scalar[0], T((t[0][c]-s.param[0][c])*s.param[1][c])+s.param[2][c]+t[1][c])
		case opNormSums:
			s.addGradient(c, t[0][c], t[1][c])
		case opNormSumsReLU:
			s.addGradient(c, maskedGradient(t[0][c], t[1][c]), t[2][c])
		case opNormSumsKeep:
			g := maskedGradient(t[0][c], t[1][c])
			t[3][c] = g
			s.addGradient(c, g, t[2][c])
		case opNormInput:
			t[2][c] = s.normInput(c, t[0][c], t[1][c])
		case opNormInputReLU:
			t[3][c] = s.normInput(c, maskedGradient(t[0][c], t[1][c]), t[2][c])
		case opReLU:
			t[2][c] = maskedGradient(t[0][c], t[1][c])
		case opReLUSum:
			g := maskedGradient(t[0][c], t[1][c])
			t[2][c] = g
			s.sum[0][c] += g
		case opScaleAdd:
			t[2][c] = T(t[0][c]*s.scalar[0]) + T(t[1][c]*s.scalar[1])
		case opDot:
			s.sum[0][c] += T(t[0][c] * t[1][c])
		}
	}
}

// addGradient adds to the two sums of channel c of the backward pass of a normalization.
func (s *stream[T]) addGradient(c int, g, x T) {
	s.sum[0][c] += g
	s.sum[1][c] += T(g * (x - s.param[0][c]))
}

// normInput returns dx of channel c; the order of the operations is that of the assembly.
func (s *stream[T]) normInput(c int, g, x T) T {
	return T(g*s.param[0][c]) + (T((x-s.param[3][c])*s.param[1][c]) + s.param[2][c])
}

// poolPixel is pixelAt for the pool kernels.
func (s *stream[T]) poolPixel(t *[6][]T) {
	for c := range s.channel {
		d := c + s.pixel
		x := [4]T{t[0][c], t[0][d], t[1][c], t[1][d]}
		if s.op == opPool {
			y := x[0]
			for _, v := range x[1:] {
				if v > y || v != v {
					y = v
				}
			}
			t[2][c] = y
			continue
		}
		if s.op >= opPoolTangent {
			t[3][c] = 0
			for i, v := range x {
				if v == t[2][c] || v != v || t[2][c] != t[2][c] {
					xt := [4]T{t[4][c], t[4][d], t[5][c], t[5][d]}
					t[3][c] = xt[i]
					break
				}
			}
			if s.op == opPoolTangentReLU {
				t[3][c] = maskedGradient(t[3][c], t[2][c])
			}
			continue
		}
		y, g := t[2][c], t[3][c]
		if s.op == opPoolInputReLU {
			g = maskedGradient(g, y)
		}
		var dx [4]T
		for i, v := range x {
			if v == y || v != v || y != y {
				dx[i] = g
				break
			}
		}
		t[4][c], t[4][d], t[5][c], t[5][d] = dx[0], dx[1], dx[2], dx[3]
	}
}

// atLeast returns v, or low if v is less; NaN stays.
func atLeast[T Float](low, v T) T {
	if v < low {
		return low
	}
	return v
}

// maskedGradient returns the gradient of the input of a ReLU whose result is y:
// dy if y > 0 or NaN, 0 if y = 0.
func maskedGradient[T Float](dy, y T) T {
	if y <= 0 {
		return 0
	}
	return dy
}
