package kernel

// InputHalo returns the halo that ConvInput needs around the gradient dy.
func (v Conv) InputHalo() int {
	halo := 0
	for r := range v.Stride {
		for _, size := range [2][2]int{{v.In.Height, v.Out.Height}, {v.In.Width, v.Out.Width}} {
			p := v.phase(r, size[0])
			if p.count > 0 && p.taps > 0 {
				halo = max(halo, -p.from, p.from+p.count-1+p.taps-size[1])
			}
		}
	}
	return halo
}

// phase is one residue class of input positions along an axis: position+Pad is r
// modulo Stride for all of them. They see the same taps r, r+Stride, ... of the
// kernel, at successive outputs.
type phase struct {
	first int // the first such position
	count int // number of such positions
	taps  int // number of taps that they see
	from  int // the output that the last tap sees at the first position
}

// phase returns the class of remainder r along an axis with size input positions.
func (v Conv) phase(r, size int) phase {
	p := phase{
		first: ((r-v.Pad)%v.Stride + v.Stride) % v.Stride,
		taps:  max(0, (v.Kernel-r+v.Stride-1)/v.Stride),
	}
	p.count = max(0, (size-p.first+v.Stride-1)/v.Stride)
	p.from = (p.first+v.Pad-r)/v.Stride - (p.taps - 1)
	return p
}

// ConvInput computes dx, the gradient with respect to the input, from dy with
// weights packed by [PackConvInput]. It is a forward convolution of dy with the
// flipped and transposed kernel, one for each of the Stride*Stride classes of
// input pixels that see the same taps. dy has the shape v.Out with a halo of at
// least InputHalo. dx has the shape v.In with any halo; v.In.Channels must be a
// multiple of 8. Residual has the layout of dx. Stats is not allowed with a
// Stride above 1.
func ConvInput[T Float](v Conv, dx, dy Images[T], packed []T, e ConvEpilogue[T], scratch *Scratch[T]) {
	v.checkShapes("ConvInput", sameShape(dx.Image, v.In) && sameShape(dy.Image, v.Out) && dx.Count() == dy.Count() &&
		dy.Halo >= v.InputHalo() && v.In.Channels%half == 0 && (e.Stats == nil || v.Stride == 1))
	if v.Winograd() {
		winogradConv(dx, dy, v.Pad-2, v.Pad-2, packed, e, scratch)
		return
	}
	isNarrow := narrow(v.In.Width/v.Stride, dx.Count())
	extra := 0 // taps of a pair
	if v.pairedInput() {
		isNarrow, extra = narrow(v.In.Width/2, dx.Count()), 1
	}
	for ry := range v.Stride {
		py := v.phase(ry, v.In.Height)
		for rx := range v.Stride {
			px := v.phase(rx, v.In.Width)
			wide := px.taps + extra
			taps := wide * v.Out.Channels
			s := contraction[T]{
				b: packed, bias: e.Bias, low: lowest[T](e.ReLU),
				outer: py.taps, aOuter: dy.Row(), bOuter: taps * panel,
				width: v.In.Channels, bPanel: py.taps * taps * panel,
			}
			s.row(wide, v.Outputs, v.Out.Channels)
			f := pixelGrid[T]{
				from: dy, to: dx, res: e.Residual, stats: e.Stats,
				fromY: py.from, fromX: px.from, fromStep: 1,
				toY: py.first, toX: px.first, toStep: v.Stride,
				height: py.count, width: px.count,
			}
			if py.taps*px.taps == 0 {
				f.fromY, f.fromX = 0, 0 // nothing is read
			}
			if v.pairedInput() {
				f.pair(&s, scratch)
			}
			f.contract(s, isNarrow)
			packed = packed[panels(v.In.Channels)*s.bPanel:]
		}
	}
}

// sameShape reports whether two shapes differ in their halo only.
func sameShape(a, b Image) bool {
	a.Halo = b.Halo
	return a == b
}
