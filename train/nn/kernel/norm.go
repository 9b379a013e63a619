package kernel

// Norm is a normalization per channel, y = (x-Mean) Scale + Shift. The slices
// have the length of the stored channels. For batch normalization Scale is
// gamma/sqrt(variance+epsilon) and Shift is beta. Mean is subtracted first,
// because x Scale + (Shift - Mean Scale) would lose digits if the mean is much
// larger than the standard deviation.
type Norm[T Float] struct {
	Mean, Scale, Shift []T
	ReLU               bool
}

// NormForward computes y = norm(x) + residual, rectified with ReLU; NaN stays
// NaN. A residual with nil Data means none. The images are equal except for their
// halos. y may be x or residual.
func NormForward[T Float](y, x, residual Images[T], p Norm[T]) {
	checkInterior("NormForward", x, y)
	s := stream[T]{op: opNorm, param: [4][]T{p.Mean, p.Scale, p.Shift}, scalar: [2]T{lowest[T](p.ReLU)}}
	if residual.Data != nil {
		checkInterior("NormForward", x, residual)
		s.op = opNormAdd
		s.each([6]Images[T]{x, residual, y}, nil)
		return
	}
	s.each([6]Images[T]{x, y}, nil)
}

// NormSums adds First = sum of g and Second = sum of g (x-mean) over the pixels
// to stats, whose pivot is the mean. g is dy masked by the ReLU with result y: dy
// where y is positive or NaN, else 0. A y with nil Data means no ReLU: g is dy.
// If keep has Data, it receives g, the gradient of the residual; keep may be dy,
// and needs a y. The gradient of Shift is First, that of gamma is
// Second/sqrt(variance+epsilon).
func NormSums[T Float](stats *Stats[T], dy, y, x, keep Images[T]) {
	checkInterior("NormSums", x, dy)
	s := stream[T]{op: opNormSums, param: [4][]T{stats.Pivot}}
	if y.Data == nil {
		s.each([6]Images[T]{dy, x}, stats)
		return
	}
	checkInterior("NormSums", x, y)
	s.op = opNormSumsReLU
	if keep.Data == nil {
		s.each([6]Images[T]{dy, y, x}, stats)
		return
	}
	checkInterior("NormSums", x, keep)
	s.op = opNormSumsKeep
	s.each([6]Images[T]{dy, y, x, keep}, stats)
}

// NormGradient has the coefficients per channel of the gradient with respect to
// the input of a normalization, dx = Gradient g + Centred (x-Mean) + Constant.
// With n values per channel, the sums First and Second of NormSums, and r =
// 1/sqrt(variance+epsilon), batch normalization in training has
//
//	Gradient = gamma r    Centred = -gamma r^3 Second/n    Constant = -gamma r First/n
//
// With fixed statistics Gradient is gamma r, and the others are zero.
type NormGradient[T Float] struct {
	Mean                        []T
	Gradient, Centred, Constant []T
}

// NormInput computes dx from x and dy, the gradient of the result y after the
// ReLU. A y with nil Data means no ReLU, or that dy is masked already. dx may be
// dy or x.
func NormInput[T Float](dx, dy, y, x Images[T], p NormGradient[T]) {
	checkInterior("NormInput", x, dx, dy)
	s := stream[T]{op: opNormInput, param: [4][]T{p.Gradient, p.Centred, p.Constant, p.Mean}}
	if y.Data == nil {
		s.each([6]Images[T]{dy, x, dx}, nil)
		return
	}
	checkInterior("NormInput", x, y)
	s.op = opNormInputReLU
	s.each([6]Images[T]{dy, y, x, dx}, nil)
}

// MaskReLUImages computes g, the gradient dy of a rectified y: dy where y is
// positive or NaN, else 0. If stats is not nil, it adds the sums of g per channel
// to First, which are the gradient with respect to a bias. g may be dy. Without a
// ReLU, Stats.AddImages with pivot 0 computes the sums.
func MaskReLUImages[T Float](g, dy, y Images[T], stats *Stats[T]) {
	checkInterior("MaskReLUImages", g, dy, y)
	s := stream[T]{op: opReLU}
	if stats != nil {
		s.op = opReLUSum
	}
	s.each([6]Images[T]{dy, y, g}, stats)
}

// each runs the kernel on all images. The first tensor has their number.
func (s *stream[T]) each(tensors [6]Images[T], stats *Stats[T]) {
	shape := tensors[0]
	s.rows, s.pixels, s.pixel, s.channel = shape.Height, shape.Width, shape.Channels, shape.Channels
	for i, m := range tensors {
		if m.Data != nil {
			s.row[i] = m.Row()
		}
	}
	if stats != nil {
		n := stats.channels()
		s.sum[0] = stats.part[:n]
		if s.op != opReLUSum {
			s.sum[1] = stats.part[n:]
		}
	}
	for n := range shape.Count() {
		for i, m := range tensors {
			if m.Data != nil {
				s.t[i] = m.interior(n)
			}
		}
		s.run()
		if stats != nil {
			stats.endImage()
		}
	}
}
