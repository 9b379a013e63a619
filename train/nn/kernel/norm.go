package kernel

// Norm is a normalization per channel, y = (x-Mean) Scale + Shift, all of the
// length of the stored channels. For batch normalization Scale is
// gamma/sqrt(variance+epsilon) and Shift is beta. Mean is subtracted first
// because x Scale + (Shift - Mean Scale) would lose what the mean exceeds the
// deviation by.
type Norm[T Float] struct {
	Mean, Scale, Shift []T
	ReLU               bool
}

// NormForward computes y = norm(x) + residual, rectified if asked; NaN stays NaN.
// residual with nil Data stands for none. The images are equal but for their
// halos; y may be x or residual itself.
func NormForward[T Float](y, x, residual Images[T], p Norm[T]) {
	sameInterior("NormForward", x, y)
	s := stream[T]{op: opNorm, param: [4][]T{p.Mean, p.Scale, p.Shift}, scalar: [2]T{lowest[T](p.ReLU)}}
	if residual.Data != nil {
		sameInterior("NormForward", x, residual)
		s.op = opNormAdd
		s.each([6]Images[T]{x, residual, y}, nil)
		return
	}
	s.each([6]Images[T]{x, y}, nil)
}

// NormSums adds to stats, whose pivot is the mean, First = sum of g and
// Second = sum of g (x-mean) over the pixels, where g is dy after the ReLU: dy
// where y is positive or NaN, else 0. y with nil Data stands for no ReLU: g is dy.
// keep, if its Data is not nil, receives g, the gradient of the residual; it may
// be dy itself and is only meant for a y that is given. The gradient of Shift is
// First, that of gamma is Second/sqrt(variance+epsilon).
func NormSums[T Float](stats *Stats[T], dy, y, x, keep Images[T]) {
	sameInterior("NormSums", x, dy)
	s := stream[T]{op: opNormSums, param: [4][]T{stats.Pivot}}
	if y.Data == nil {
		s.each([6]Images[T]{dy, x}, stats)
		return
	}
	sameInterior("NormSums", x, y)
	s.op = opNormSumsReLU
	if keep.Data == nil {
		s.each([6]Images[T]{dy, y, x}, stats)
		return
	}
	sameInterior("NormSums", x, keep)
	s.op = opNormSumsKeep
	s.each([6]Images[T]{dy, y, x, keep}, stats)
}

// NormGradient are the coefficients per channel of the gradient with respect to
// the input of a normalization, dx = Gradient g + Centred (x-Mean) + Constant.
// With n values per channel, sums First and Second from NormSums, and
// r = 1/sqrt(variance+epsilon), those of batch normalization in training are
//
//	Gradient = gamma r    Centred = -gamma r^3 Second/n    Constant = -gamma r First/n
//
// and with fixed statistics Gradient = gamma r, the others zero.
type NormGradient[T Float] struct {
	Mean                        []T
	Gradient, Centred, Constant []T
}

// NormInput computes dx from dy, as it comes from behind the ReLU whose result is
// y (nil Data: no ReLU, or dy is already g), and x. dx may be dy or x itself.
func NormInput[T Float](dx, dy, y, x Images[T], p NormGradient[T]) {
	sameInterior("NormInput", x, dx, dy)
	s := stream[T]{op: opNormInput, param: [4][]T{p.Gradient, p.Centred, p.Constant, p.Mean}}
	if y.Data == nil {
		s.each([6]Images[T]{dy, x, dx}, nil)
		return
	}
	sameInterior("NormInput", x, y)
	s.op = opNormInputReLU
	s.each([6]Images[T]{dy, y, x, dx}, nil)
}

// MaskReLUImages computes g, the gradient dy of a rectified y: dy where y is
// positive or NaN, else 0. stats, if not nil, gets the sums of g per channel in
// First, the gradient with respect to a bias. g may be dy itself. Without a ReLU
// the sums come from Stats.AddImages with pivot 0.
func MaskReLUImages[T Float](g, dy, y Images[T], stats *Stats[T]) {
	sameInterior("MaskReLUImages", g, dy, y)
	s := stream[T]{op: opReLU}
	if stats != nil {
		s.op = opReLUSum
	}
	s.each([6]Images[T]{dy, y, g}, stats)
}

// each runs the kernel on all images, whose number the first tensor has.
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
