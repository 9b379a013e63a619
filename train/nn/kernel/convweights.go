package kernel

// convBlock is the number of bytes of input and gradient rows in one sum over
// pixels. They stay in the first-level cache while all taps read them.
const convBlock = 24 << 10

// GradientLen returns the length of the gradient that ConvWeights adds to.
func (v Conv) GradientLen() int {
	if v.pairedWeights() {
		return v.Kernel * (v.Kernel + 1) * v.In.Channels * panel
	}
	return v.withPlanes(v.In.Channels * v.Out.Channels)
}

// ConvWeights adds the gradient with respect to the weights to dw. Element (kh,
// kw, ci, co) of dw is at ((kh*Kernel+kw)*In.Channels+ci)*Out.Channels+co.
// Elements of input channels that are not real may stay unchanged. The images of
// x have the shape v.In, those of dy the shape v.Out with any halo.
//
// The sum over the pixels of an image is cut into bands of rows, which are added
// to dw band after band, image after image. (Winograd: groups of rows of tiles. If images have fewer than 16 results
// per channel, the same row of all images makes one sum.) The order depends on
// the images of the call only. Give every goroutine its own dw and fixed images,
// and let [UnpackConvGradient] add the parts in order. If a layer has more
// weights than activations, split it with [ConvWeightsOf] instead.
func ConvWeights[T Float](v Conv, dw []T, x, dy Images[T], scratch *Scratch[T]) {
	ConvWeightsOf(v, dw, x, dy, 0, v.Out.Channels, scratch)
}

// ConvWeightsOf does the same as ConvWeights for the stored output channels low
// to high-1. low and high are multiples of 8. Goroutines that take different
// channels may add to the same dw at the same time, so they need no parts. The
// bits are those of ConvWeights.
func ConvWeightsOf[T Float](v Conv, dw []T, x, dy Images[T], low, high int, scratch *Scratch[T]) {
	v.checkShapes("ConvWeights", x.Image == v.In && sameShape(dy.Image, v.Out) && x.Count() == dy.Count() &&
		low >= 0 && low <= high && high <= v.Out.Channels && low%half == 0 && high%half == 0)
	if low == high {
		return
	}
	if v.Winograd() {
		winogradWeights(v, dw, x, dy, low, high, scratch)
		return
	}
	s := contraction[T]{
		low:   lowest[T](false),
		width: high - low, bPanel: panel, aPixel: 1, cPixel: v.Out.Channels,
	}
	// add adds the products that start at a and b to all taps. The taps of a
	// kernel row are contiguous in x. If some channels are not real, it leaves
	// them out, with one call per kernel row.
	line, width, columns := v.Kernel*v.In.Channels, v.Out.Width, v.Out.Channels
	if v.pairedWeights() {
		line, width, columns = line+v.In.Channels, width/2, panel
		s.width, s.cPixel = panel, panel
	}
	add := func(a, b int) {
		s.b = dy.Data[b+low:]
		if v.Inputs == v.In.Channels {
			s.a, s.c, s.res = x.Data[a:], dw[low:], dw[low:]
			s.rows, s.aRow, s.cRow = v.Kernel, x.Row(), line*columns
			s.pixels = line
			s.run()
			return
		}
		for kh := range v.Kernel {
			s.a, s.c = x.Data[a+kh*x.Row():], dw[kh*line*v.Out.Channels+low:]
			s.res = s.c
			s.rows, s.aRow, s.cRow = v.Kernel, v.In.Channels, v.In.Channels*v.Out.Channels
			s.pixels = v.Inputs
			s.run()
		}
	}
	aRow, aPixel, bPixel := v.Stride*x.Row(), v.Stride*x.Channels, dy.Channels
	if v.pairedWeights() {
		aPixel, bPixel = 2*aPixel, 2*bPixel
	}
	start := x.At(-v.Pad, -v.Pad)
	if v.Out.Height*v.Out.Width < panel && x.Count() > 1 {
		// The image has so few pixels that the same row of all images makes a
		// longer sum.
		s.outer, s.aOuter, s.bOuter = width, aPixel, bPixel
		s.inner, s.aInner, s.bInner = x.Count(), x.Len(), dy.Len()
		for y := range v.Out.Height {
			add(start+y*aRow, dy.At(y, 0))
		}
		return
	}
	s.inner, s.aInner, s.bInner = width, aPixel, bPixel
	s.aOuter, s.bOuter = aRow, dy.Row()
	// With fewer than 128 pixels per sum, the stores at its end would take too
	// long.
	rows := max(convBlock/4/(aRow+dy.Row()), 128/width, 1)
	for n := range x.Count() {
		for y := 0; y < v.Out.Height; y += rows {
			s.outer = min(rows, v.Out.Height-y)
			add(n*x.Len()+start+y*aRow, n*dy.Len()+dy.At(y, 0))
		}
	}
}
