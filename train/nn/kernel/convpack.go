package kernel

// panels is how many panels hold n channels.
func panels(n int) int { return (n + panel - 1) / panel }

// PackedLen is the length of the weights as ConvForward reads them.
func (v Conv) PackedLen() int {
	return panels(v.Out.Channels) * panel * v.Kernel * v.Kernel * v.In.Channels
}

// PackedInputLen is the length of the weights as ConvInput reads them.
func (v Conv) PackedInputLen() int {
	return panels(v.In.Channels) * panel * v.Kernel * v.Kernel * v.Out.Channels
}

// PackConv writes the weights w, in the order (co, ci, kh, kw) of the parameter
// vector, into dst in the order in which ConvForward reads them: panels of 16
// output channels, in a panel (kh, kw, ci, co%16); zeros where a channel is not
// a real one. dst has PackedLen elements.
func PackConv[T Float](v Conv, dst, w []T) {
	clear(dst[:v.PackedLen()])
	area := v.Kernel * v.Kernel
	for co := range v.Outputs {
		to := dst[co/panel*panel*area*v.In.Channels+co%panel:]
		for ci := range v.Inputs {
			taps := w[(co*v.Inputs+ci)*area:][:area]
			for tap, value := range taps {
				to[(tap*v.In.Channels+ci)*panel] = value
			}
		}
	}
}

// PackConvInput writes the weights w, in the order (co, ci, kh, kw), into dst in
// the order in which ConvInput reads them: for each class of taps of the same
// remainders modulo Stride, panels of 16 input channels, in a panel
// (kh, kw, co, ci%16) with kh and kw descending. dst has PackedInputLen elements.
func PackConvInput[T Float](v Conv, dst, w []T) {
	clear(dst[:v.PackedInputLen()])
	area := v.Kernel * v.Kernel
	for ry := range v.Stride {
		ny := v.phase(ry, v.In.Height).taps
		for rx := range v.Stride {
			nx := v.phase(rx, v.In.Width).taps
			size := ny * nx * v.Out.Channels * panel
			for ty := range ny {
				for tx := range nx {
					kh, kw := ry+(ny-1-ty)*v.Stride, rx+(nx-1-tx)*v.Stride
					tap := (ty*nx + tx) * v.Out.Channels * panel
					for co := range v.Outputs {
						from := w[co*v.Inputs*area+kh*v.Kernel+kw:]
						for ci := range v.Inputs {
							dst[ci/panel*size+tap+co*panel+ci%panel] = from[ci*area]
						}
					}
				}
			}
			dst = dst[panels(v.In.Channels)*size:]
		}
	}
}

// UnpackConvGradient sets grad, in the order (co, ci, kh, kw) of the parameter
// vector, to the sum of the parts that ConvWeights has filled, added in their
// order.
func UnpackConvGradient[T Float](v Conv, grad []T, parts ...[]T) {
	area := v.Kernel * v.Kernel
	for tap := range area {
		for ci := range v.Inputs {
			at := (tap*v.In.Channels + ci) * v.Out.Channels
			to := grad[ci*area+tap:]
			for co := range v.Outputs {
				var sum T
				for _, part := range parts {
					sum += part[at+co]
				}
				to[co*v.Inputs*area] = sum
			}
		}
	}
}
