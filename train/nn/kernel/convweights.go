package kernel

// convBlock is how many bytes of input and gradient rows one sum over pixels
// covers: they stay in the first-level cache while all taps read them.
const convBlock = 24 << 10

// GradientLen is the length of the gradient that ConvWeights adds to.
func (v Conv) GradientLen() int { return v.Kernel * v.Kernel * v.In.Channels * v.Out.Channels }

// ConvWeights adds the gradient with respect to the weights to dw, whose element
// (kh, kw, ci, co) is at ((kh*Kernel+kw)*In.Channels+ci)*Out.Channels+co. The
// images of x have the shape v.In, those of dy the shape v.Out with any halo.
//
// The sum over the pixels of an image is cut into bands of rows; the sums are
// added to dw band after band, image after image. The order depends on the
// images of the call alone: give every goroutine its own dw and fixed images,
// and let [UnpackConvGradient] add the parts in order.
func ConvWeights[T Float](v Conv, dw []T, x, dy Images[T]) {
	v.fits("ConvWeights", x.Image == v.In && sameShape(dy.Image, v.Out) && x.Count() == dy.Count())
	s := sweep[T]{
		c: dw, res: dw, low: lowest[T](false),
		rows: v.Kernel, aRow: x.Row(), cRow: v.Kernel * v.In.Channels * v.Out.Channels,
		pixels: v.Kernel * v.In.Channels, aPixel: 1, cPixel: v.Out.Channels,
		width: v.Out.Channels, bPanel: panel,
	}
	aRow, aPixel := v.Stride*x.Row(), v.Stride*x.Channels
	start := x.At(-v.Pad, -v.Pad)
	if v.narrow(x.Count()) {
		s.outer, s.aOuter, s.bOuter = v.Out.Width, aPixel, dy.Channels
		s.inner, s.aInner, s.bInner = x.Count(), x.Len(), dy.Len()
		for y := range v.Out.Height {
			s.a, s.b = x.Data[start+y*aRow:], dy.Data[dy.At(y, 0):]
			s.run()
		}
		return
	}
	s.inner, s.aInner, s.bInner = v.Out.Width, aPixel, dy.Channels
	s.aOuter, s.bOuter = aRow, dy.Row()
	// Fewer than 128 pixels a sum would let the stores at its end take too long.
	rows := max(convBlock/4/(aRow+dy.Row()), 128/v.Out.Width, 1)
	for n := range x.Count() {
		for y := 0; y < v.Out.Height; y += rows {
			s.outer = min(rows, v.Out.Height-y)
			s.a = x.Data[n*x.Len()+start+y*aRow:]
			s.b = dy.Data[n*dy.Len()+dy.At(y, 0):]
			s.run()
		}
	}
}
