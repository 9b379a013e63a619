package kernel

// Images with eight stored channels would fill only half of a panel. If the stride is
// 1 and the width is even, a convolution to such an image computes two neighbouring
// pixels as one pixel of 16 channels: their values are next to each other in memory.
// The filter of the pair is one tap wider, because the second pixel begins one pixel
// later:
//
//	lower half: tap t of the filter, zero for t = Kernel
//	upper half: tap t-1 of the filter, zero for t = 0
//
// The products with these zeros change no sum, unless a value is not finite: it then
// also makes the result next to its window NaN.

// pairs reports whether a convolution to images of this shape computes pairs.
func (v Conv) pairs(to Image) bool {
	return !v.Direct && v.Stride == 1 && to.Channels == half && to.Width%2 == 0
}

// pairedOutput reports whether ConvForward computes pairs.
func (v Conv) pairedOutput() bool { return v.pairs(v.Out) }

// pairedInput reports whether ConvInput computes pairs.
func (v Conv) pairedInput() bool { return v.pairs(v.In) }

// pairedWeights reports whether ConvWeights sums over pairs.
func (v Conv) pairedWeights() bool { return v.pairs(v.Out) && v.Inputs == v.In.Channels }

// expandPairs replaces the filter of one panel, with taps of size weights, by that of
// pairs.
func expandPairs[T Float](packed []T, kernel, size int) {
	// From the last tap, because the taps of the pair overlap those of the filter.
	for kh := kernel - 1; kh >= 0; kh-- {
		for t := kernel; t >= 0; t-- {
			to, from := packed[(kh*(kernel+1)+t)*size:][:size], (kh*kernel+t)*size
			for i := 0; i < size; i += panel {
				var pair [panel]T
				if t < kernel {
					copy(pair[:half], packed[from+i:])
				}
				if t > 0 {
					copy(pair[half:], packed[from-size+i:][:half])
				}
				copy(to[i:], pair[:])
			}
		}
	}
}

// foldPairs adds the upper half of every tap to the lower half of the tap before,
// which is then the gradient of the filter.
func foldPairs[T Float](sum []T, kernel, size int) {
	for kh := range kernel {
		for t := range kernel {
			to, from := sum[(kh*(kernel+1)+t)*size:][:size], sum[(kh*(kernel+1)+t+1)*size:]
			for i := 0; i < size; i += panel {
				for c := range half {
					to[i+c] += from[i+half+c]
				}
			}
		}
	}
}

// pair turns a contraction and its grid of pixels into those of pairs. Statistics are
// then not collected.
func (f *pixelGrid[T]) pair(s *contraction[T], scratch *Scratch[T]) {
	f.pairs = true
	f.width /= 2
	s.width = panel
	if s.bias != nil {
		copy(scratch.bias[:half], s.bias)
		copy(scratch.bias[half:], s.bias[:half])
		s.bias = scratch.bias[:]
	}
}
