package op

// geometry of a convolution.
type geometry struct {
	in, out           Image
	size, stride, pad int // of the square window
}

// weights is the number of values of the packed weights: [kh][kw][ci][co], with
// in.Lanes and out.Lanes.
func (g geometry) weights() int { return g.size * g.size * g.in.Lanes * g.out.Lanes }

// pack copies weights (co, ci, kh, kw) to [kh][kw][ci][co]. What belongs to
// padded lanes is left alone.
func pack[T Float](g geometry, dst, w []T) {
	i := 0
	for co := range g.out.Channels {
		for ci := range g.in.Channels {
			for k := range g.size * g.size {
				dst[(k*g.in.Lanes+ci)*g.out.Lanes+co] = w[i]
				i++
			}
		}
	}
}

// unpack is the inverse of pack.
func unpack[T Float](g geometry, w, src []T) {
	i := 0
	for co := range g.out.Channels {
		for ci := range g.in.Channels {
			for k := range g.size * g.size {
				w[i] = src[(k*g.in.Lanes+ci)*g.out.Lanes+co]
				i++
			}
		}
	}
}

// convolve computes one image y = bias + w * x, rectified if asked.
func convolve[T Float](g geometry, x, w, bias, y []T, relu bool) {
	for h := range g.out.Height {
		for v := range g.out.Width {
			at := g.out.At(h, v)
			pixel := y[at : at+g.out.Lanes]
			copy(pixel, bias)
			for kh := range g.size {
				for kw := range g.size {
					in := g.in.At(h*g.stride+kh-g.pad, v*g.stride+kw-g.pad)
					taps := w[(kh*g.size+kw)*g.in.Lanes*g.out.Lanes:]
					for ci, a := range x[in : in+g.in.Lanes] {
						for co, b := range taps[ci*g.out.Lanes : (ci+1)*g.out.Lanes] {
							pixel[co] += a * b
						}
					}
				}
			}
			if relu {
				rectify(pixel)
			}
		}
	}
}

// convolveBack computes one image dx, the gradient with respect to x, and adds
// add to it unless that is nil.
func convolveBack[T Float](g geometry, dy, w, dx, add []T) {
	for h := range g.in.Height {
		for v := range g.in.Width {
			at := g.in.At(h, v)
			pixel := dx[at : at+g.in.Lanes]
			clear(pixel)
			if add != nil {
				copy(pixel, add[at:])
			}
			for kh := range g.size {
				oh := h + g.pad - kh
				if oh < 0 || oh%g.stride != 0 || oh/g.stride >= g.out.Height {
					continue
				}
				for kw := range g.size {
					ow := v + g.pad - kw
					if ow < 0 || ow%g.stride != 0 || ow/g.stride >= g.out.Width {
						continue
					}
					out := g.out.At(oh/g.stride, ow/g.stride)
					taps := w[(kh*g.size+kw)*g.in.Lanes*g.out.Lanes:]
					for ci := range pixel {
						sum := T(0)
						row := taps[ci*g.out.Lanes : (ci+1)*g.out.Lanes]
						for co, b := range dy[out : out+g.out.Lanes] {
							sum += b * row[co]
						}
						pixel[ci] += sum
					}
				}
			}
		}
	}
}

// convolveWeights adds one image's gradient with respect to the packed weights
// to dw.
func convolveWeights[T Float](g geometry, x, dy, dw []T) {
	for h := range g.out.Height {
		for v := range g.out.Width {
			out := g.out.At(h, v)
			pixel := dy[out : out+g.out.Lanes]
			for kh := range g.size {
				for kw := range g.size {
					in := g.in.At(h*g.stride+kh-g.pad, v*g.stride+kw-g.pad)
					taps := dw[(kh*g.size+kw)*g.in.Lanes*g.out.Lanes:]
					for ci, a := range x[in : in+g.in.Lanes] {
						row := taps[ci*g.out.Lanes : (ci+1)*g.out.Lanes]
						for co, b := range pixel {
							row[co] += a * b
						}
					}
				}
			}
		}
	}
}

// rectify sets negative values to 0 and leaves NaN alone.
func rectify[T Float](v []T) {
	for i, a := range v {
		if a < 0 {
			v[i] = 0
		}
	}
}
