package kernel

import "fmt"

// Conv is a two-dimensional convolution with a square kernel, in the sense of
// neural networks (no flip):
//
//	y[oy, ox, co] = sum over kh, kw, ci of
//	    x[oy*Stride+kh-Pad, ox*Stride+kw-Pad, ci] w[co, ci, kh, kw]
//
// It is direct: no column matrix is made, the taps of a kernel row are contiguous
// in a channels-last image, and the padding is the image's halo. The products of
// an output are added in the order kh, kw, ci.
type Conv struct {
	In, Out             Image
	Inputs, Outputs     int // real channels, the others hold zeros
	Kernel, Stride, Pad int
}

// Validate returns an error when the shapes do not fit each other.
func (v Conv) Validate() error {
	for _, m := range []Image{v.In, v.Out} {
		if err := m.Validate(); err != nil {
			return err
		}
	}
	size := func(n int) int { return (n+2*v.Pad-v.Kernel)/max(1, v.Stride) + 1 }
	switch {
	case v.Kernel < 1 || v.Stride < 1:
		return fmt.Errorf("kernel: convolution with kernel %d and stride %d: both must be at least 1", v.Kernel, v.Stride)
	case v.Pad < 0 || v.Pad >= v.Kernel:
		return fmt.Errorf("kernel: convolution with padding %d: allowed 0 to %d", v.Pad, v.Kernel-1)
	case v.In.Halo < v.Pad:
		return fmt.Errorf("kernel: convolution with padding %d on an image with halo %d: the halo must be at least as wide", v.Pad, v.In.Halo)
	case min(v.In.Height, v.In.Width)+2*v.Pad < v.Kernel:
		return fmt.Errorf("kernel: convolution with kernel %d and padding %d on %dx%d pixels: the kernel is larger than the image",
			v.Kernel, v.Pad, v.In.Height, v.In.Width)
	case v.Out.Height != size(v.In.Height) || v.Out.Width != size(v.In.Width):
		return fmt.Errorf("kernel: convolution of %dx%d pixels gives %dx%d, not %dx%d",
			v.In.Height, v.In.Width, size(v.In.Height), size(v.In.Width), v.Out.Height, v.Out.Width)
	case v.Inputs < 1 || v.Inputs > v.In.Channels || v.Outputs < 1 || v.Outputs > v.Out.Channels:
		return fmt.Errorf("kernel: convolution from %d to %d channels stored as %d and %d: must be at least 1 and fit",
			v.Inputs, v.Outputs, v.In.Channels, v.Out.Channels)
	case v.Out.Channels%half != 0:
		return fmt.Errorf("kernel: convolution to %d stored channels: must be a multiple of %d", v.Out.Channels, half)
	}
	return nil
}

// WeightLen is the number of weights, without bias.
func (v Conv) WeightLen() int { return v.Outputs * v.Inputs * v.Kernel * v.Kernel }

// narrow says whether the rows of an image are too short to keep the registers
// busy, so that the same pixel of several images takes the place of several
// pixels of a row.
func (v Conv) narrow(images int) bool { return v.Out.Width < half && images > v.Out.Width }

// ConvEpilogue is what happens to the results of a convolution before they are
// stored: Bias (one per stored channel; nil: none) is added, then Residual (the
// layout and number of the results, and may be the results' own buffer; nil:
// none), then they are rectified if ReLU. NaN stays NaN. Stats, if not nil,
// collects the stored values.
type ConvEpilogue[T Float] struct {
	Bias     []T
	Residual []T
	ReLU     bool
	Stats    *Stats[T]
}

// ConvForward computes y from x with weights packed by [PackConv]. The images of
// x and y have the shapes v.In and v.Out and are equal in number.
func ConvForward[T Float](v Conv, y, x Images[T], packed []T, e ConvEpilogue[T]) {
	v.fits("ConvForward", y.Image == v.Out && x.Image == v.In && y.Count() == x.Count())
	taps := v.Kernel * v.In.Channels
	s := sweep[T]{
		b: packed, bias: e.Bias, low: lowest[T](e.ReLU),
		outer: v.Kernel, aOuter: v.In.Row(), bOuter: taps * panel,
		inner: taps, aInner: 1, bInner: panel,
		width: v.Out.Channels, bPanel: v.Kernel * taps * panel,
	}
	f := field[T]{
		from: x, to: y, res: e.Residual, stats: e.Stats,
		fromY: -v.Pad, fromX: -v.Pad, fromStep: v.Stride,
		toStep: 1, height: v.Out.Height, width: v.Out.Width,
	}
	f.sweep(s, v.narrow(y.Count()))
}

// fits panics when operands do not have the shapes of v: a mistake of the caller.
func (v Conv) fits(name string, ok bool) {
	if !ok {
		panic(fmt.Sprintf("kernel: %s: images do not have the shapes of %+v", name, v))
	}
}

// field says which pixels a sweep reads and writes: result (i, j), of height by
// width, is written at pixel toStep*(i, j) from (toY, toX) and read at
// fromStep*(i, j) from (fromY, fromX).
type field[T Float] struct {
	from, to               Images[T]
	res                    []T
	stats                  *Stats[T]
	fromY, fromX, fromStep int
	toY, toX, toStep       int
	height, width          int
}

// sweep runs s for all images.
func (f *field[T]) sweep(s sweep[T], narrow bool) {
	if f.height <= 0 || f.width <= 0 {
		return
	}
	a, c := f.from.At(f.fromY, f.fromX), f.to.At(f.toY, f.toX)
	aRow, cRow := f.fromStep*f.from.Row(), f.toStep*f.to.Row()
	aPixel, cPixel := f.fromStep*f.from.Channels, f.toStep*f.to.Channels
	at := func(a, c int) {
		s.a, s.c = f.from.Data[a:], f.to.Data[c:]
		if f.res != nil {
			s.res = f.res[c:]
		}
	}
	if narrow {
		s.rows, s.aRow, s.cRow = f.width, aPixel, cPixel
		s.pixels, s.aPixel, s.cPixel = f.to.Count(), f.from.Len(), f.to.Len()
		for i := range f.height {
			at(a+i*aRow, c+i*cRow)
			s.run()
		}
		if f.stats != nil {
			f.stats.AddImages(f.to)
		}
		return
	}
	s.rows, s.aRow, s.cRow = f.height, aRow, cRow
	s.pixels, s.aPixel, s.cPixel = f.width, aPixel, cPixel
	s.stats = f.stats
	for n := range f.to.Count() {
		at(a+n*f.from.Len(), c+n*f.to.Len())
		s.run()
		if s.stats != nil {
			s.stats.endImage()
		}
	}
}
