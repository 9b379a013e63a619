package kernel

// panels returns the number of panels for n channels.
func panels(n int) int { return (n + panel - 1) / panel }

// withPlanes returns the number of weights for n pairs of channels: all taps, or the planes of
// Winograd and a block of memory for their transforms.
func (v Conv) withPlanes(n int) int {
	if v.Winograd() {
		return 16*n + winogradBlock
	}
	return v.Kernel * v.Kernel * n
}

// PackedLen returns the length of the weights that ConvForward reads.
func (v Conv) PackedLen() int {
	if v.pairedOutput() {
		return v.Kernel * (v.Kernel + 1) * v.In.Channels * panel
	}
	return v.withPlanes(panels(v.Out.Channels) * panel * v.In.Channels)
}

// PackedInputLen returns the length of the weights that ConvInput reads.
func (v Conv) PackedInputLen() int {
	if v.pairedInput() {
		return v.Kernel * (v.Kernel + 1) * v.Out.Channels * panel
	}
	return v.withPlanes(panels(v.In.Channels) * panel * v.Out.Channels)
}

// PackConv copies the weights w, in the order (co, ci, kh, kw) of the parameter
// vector, to dst in the order of ConvForward: panels of 16 output channels, and
// within a panel (kh, kw, ci, co%16). Channels that are not real get zeros. dst
// has PackedLen elements.
func PackConv[T Float](v Conv, dst, w []T) {
	clear(dst[:v.PackedLen()])
	area := v.Kernel * v.Kernel
	size := area * v.In.Channels * panel
	for from := 0; from < v.Outputs; from += panel {
		to := dst[from/panel*size:][:size]
		// Sixteen input channels at a time, so that the weights of one tap are
		// still in the cache for the next tap. The writes are contiguous.
		for low := 0; low < v.Inputs; low += panel {
			for tap := range area {
				for ci := low; ci < min(low+panel, v.Inputs); ci++ {
					row := to[(tap*v.In.Channels+ci)*panel:][:min(panel, v.Outputs-from)]
					at := (from*v.Inputs+ci)*area + tap
					for co := range row {
						row[co] = w[at]
						at += v.Inputs * area
					}
				}
			}
		}
	}
	if v.Winograd() {
		expandFilters(dst, panels(v.Out.Channels), v.In.Channels*panel)
	}
	if v.pairedOutput() {
		expandPairs(dst, v.Kernel, v.In.Channels*panel)
	}
}

// PackConvInput copies the weights w, in the order (co, ci, kh, kw), to dst in
// the order of ConvInput: for each class of taps with the same remainders modulo
// Stride, panels of 16 input channels, and within a panel (kh, kw, co, ci%16)
// with kh and kw descending. dst has PackedInputLen elements.
func PackConvInput[T Float](v Conv, dst, w []T) {
	clear(dst[:v.PackedInputLen()])
	all := dst
	area := v.Kernel * v.Kernel
	for ry := range v.Stride {
		ny := v.phase(ry, v.In.Height).taps
		for rx := range v.Stride {
			nx := v.phase(rx, v.In.Width).taps
			size := ny * nx * v.Out.Channels * panel
			for tap := range ny * nx {
				kh, kw := ry+(ny-1-tap/nx)*v.Stride, rx+(nx-1-tap%nx)*v.Stride
				for low := 0; low < v.Inputs; low += panel {
					n := min(panel, v.Inputs-low)
					to := dst[low/panel*size+tap*v.Out.Channels*panel:]
					for co := range v.Outputs {
						from := (co*v.Inputs+low)*area + kh*v.Kernel + kw
						for i := range to[co*panel:][:n] {
							to[co*panel+i] = w[from]
							from += area
						}
					}
				}
			}
			dst = dst[panels(v.In.Channels)*size:]
		}
	}
	if v.Winograd() {
		expandFilters(all, panels(v.In.Channels), v.Out.Channels*panel)
	}
	if v.pairedInput() {
		expandPairs(all, v.Kernel, v.Out.Channels*panel)
	}
}

// UnpackConvGradient sets grad, in the order (co, ci, kh, kw) of the parameter
// vector, to the sum of the parts that ConvWeights has filled, added in their
// order. It overwrites the first part.
func UnpackConvGradient[T Float](v Conv, grad []T, parts ...[]T) {
	sum := parts[0][:v.GradientLen()]
	for _, part := range parts[1:] {
		Axpy(sum, 1, part[:len(sum)])
	}
	area, width := v.Kernel*v.Kernel, v.Out.Channels
	place := func(tap int) int { return tap } // where a tap is in sum
	switch {
	case v.Winograd():
		reduceGradient(sum, v.In.Channels*width)
		place = winogradSlot
	case v.pairedWeights():
		width = panel
		foldPairs(sum, v.Kernel, v.In.Channels*width)
		place = func(tap int) int { return tap/v.Kernel*(v.Kernel+1) + tap%v.Kernel }
	}
	for low := 0; low < v.Inputs; low += panel {
		for co := range v.Outputs {
			for ci := low; ci < min(low+panel, v.Inputs); ci++ {
				to := grad[(co*v.Inputs+ci)*area:][:area]
				for tap := range to {
					to[tap] = sum[(place(tap)*v.In.Channels+ci)*width+co]
				}
			}
		}
	}
}
