package kernel

import "fmt"

// Conv is a two-dimensional convolution with a square kernel, as used in neural
// networks (the kernel is not flipped):
//
//	y[oy, ox, co] = sum over kh, kw, ci of
//	    x[oy*Stride+kh-Pad, ox*Stride+kw-Pad, ci] w[co, ci, kh, kw]
//
// It is computed directly, without a column matrix: the taps of a kernel row are
// contiguous in a channels-last image, and the halo of the image is the padding.
// The products of an output are added in the order kh, kw, ci.
//
// A 3x3 kernel with stride 1 and 32 to 128 channels is computed with fewer products
// instead, see Winograd.
type Conv struct {
	In, Out             Image
	Inputs, Outputs     int // real channels; the other stored channels are zero
	Kernel, Stride, Pad int
	Direct              bool // compute without Winograd and without pairs of pixels
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
		return fmt.Errorf("kernel: convolution with kernel %d and stride %d: both must be at least 1",
			v.Kernel, v.Stride)
	case v.Pad < 0 || v.Pad >= v.Kernel:
		return fmt.Errorf("kernel: convolution with padding %d: allowed 0 to %d", v.Pad, v.Kernel-1)
	case v.In.Halo < v.Pad:
		return fmt.Errorf("kernel: convolution with padding %d on an image with halo %d: the halo must be as wide",
			v.Pad, v.In.Halo)
	case min(v.In.Height, v.In.Width)+2*v.Pad < v.Kernel:
		return fmt.Errorf("kernel: convolution with kernel %d and padding %d on %dx%d pixels: the kernel is larger "+
			"than the image",
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

// WeightLen returns the number of weights, without bias.
func (v Conv) WeightLen() int { return v.Outputs * v.Inputs * v.Kernel * v.Kernel }

// narrow reports whether rows of the given width are too short to keep the registers
// busy. The kernel then computes the same pixel of several images at once, instead
// of several pixels of a row.
func narrow(width, images int) bool { return width < half && images > width }

// ConvEpilogue says what is done with the results of a convolution before they
// are stored. Bias (one per stored channel) is added, then Residual, then ReLU
// rectifies; NaN stays NaN. Residual has the layout and number of the results,
// and may be their buffer. Stats collects the stored values. nil leaves a step
// out.
type ConvEpilogue[T Float] struct {
	Bias     []T
	Residual []T
	ReLU     bool
	Stats    *Stats[T]
}

// ConvForward computes y from x with weights packed by [PackConv]. The images of
// x and y have the shapes v.In and v.Out, and their numbers are equal.
func ConvForward[T Float](v Conv, y, x Images[T], packed []T, e ConvEpilogue[T], scratch *Scratch[T]) {
	v.checkShapes("ConvForward", y.Image == v.Out && x.Image == v.In && y.Count() == x.Count())
	if v.Winograd() {
		winogradConv(y, x, -v.Pad, -v.Pad, packed, e, scratch)
		return
	}
	wide := v.Kernel
	if v.pairedOutput() {
		wide++
	}
	taps := wide * v.In.Channels
	s := contraction[T]{
		b: packed, bias: e.Bias, low: lowest[T](e.ReLU),
		outer: v.Kernel, aOuter: v.In.Row(), bOuter: taps * panel,
		width: v.Out.Channels, bPanel: v.Kernel * taps * panel,
	}
	s.row(wide, v.Inputs, v.In.Channels)
	f := pixelGrid[T]{
		from: x, to: y, res: e.Residual, stats: e.Stats,
		fromY: -v.Pad, fromX: -v.Pad, fromStep: v.Stride,
		toStep: 1, height: v.Out.Height, width: v.Out.Width,
	}
	if v.pairedOutput() {
		f.pair(&s, scratch)
	}
	f.contract(s, narrow(f.width, y.Count()))
}

// checkShapes panics if operands do not have the shapes of v, a bug of the caller.
func (v Conv) checkShapes(name string, ok bool) {
	if !ok {
		panic(fmt.Sprintf("kernel: %s: images do not have the shapes of %+v", name, v))
	}
}

// pixelGrid says which pixels a contraction reads and writes. The result (i, j),
// of height by width results, is written to pixel toStep*(i, j) from (toY, toX)
// and reads pixels from fromStep*(i, j) from (fromY, fromX).
type pixelGrid[T Float] struct {
	from, to               Images[T]
	res                    []T
	stats                  *Stats[T]
	fromY, fromX, fromStep int
	toY, toX, toStep       int
	height, width          int
	pairs                  bool // a result is a pair of pixels
}

// row sets the middle and inner steps of s to the taps of a kernel row. real and
// stored are the channels of a pixel. If they differ, only the real ones are
// read, which needs one more loop.
func (s *contraction[T]) row(taps, real, stored int) {
	s.aInner, s.bInner = 1, panel
	if real == stored || taps == 0 {
		s.middle, s.inner = 1, taps*stored
		return
	}
	s.middle, s.aMiddle, s.bMiddle = taps, stored, stored*panel
	s.inner = real
}

// taps returns the outer steps of s, low to high, that read pixels for row i of
// the results. The other steps read the halo above or below, whose products are
// zero.
func (f *pixelGrid[T]) taps(s *contraction[T], i int) (low, high int) {
	y := f.fromY + i*f.fromStep
	low = max(0, -y)
	return low, max(low, min(s.outer, f.from.Height-y))
}

// minHaloSaving is the smallest share of its products that a contraction must
// save by leaving out the halo. Each band of rows with the same taps costs a
// call.
const minHaloSaving = 1. / 20

// skipsHalo reports whether leaving out the halo saves enough. It does not leave
// out the halo if a weight is not finite: 0 times that weight is NaN, which must
// reach the result.
func (f *pixelGrid[T]) skipsHalo(s *contraction[T]) bool {
	used := 0
	for i := range f.height {
		low, high := f.taps(s, i)
		used += high - low
	}
	return float64(used) < (1-minHaloSaving)*float64(f.height*s.outer) && finite(s.b[:panels(s.width)*s.bPanel])
}

// band returns the end of the longest band of rows, from row i, that have the
// same taps, and these taps.
func (f *pixelGrid[T]) band(s *contraction[T], skip bool, i int) (end, low, high int) {
	if !skip {
		return f.height, 0, s.outer
	}
	low, high = f.taps(s, i)
	for end = i + 1; end < f.height; end++ {
		if l, h := f.taps(s, end); l != low || h != high {
			break
		}
	}
	return end, low, high
}

// contract runs s for all images.
func (f *pixelGrid[T]) contract(s contraction[T], narrow bool) {
	if f.height <= 0 || f.width <= 0 {
		return
	}
	a, c := f.from.At(f.fromY, f.fromX), f.to.At(f.toY, f.toX)
	aRow, cRow := f.fromStep*f.from.Row(), f.toStep*f.to.Row()
	aPixel, cPixel := f.fromStep*f.from.Channels, f.toStep*f.to.Channels
	if f.pairs {
		aPixel, cPixel = 2*aPixel, 2*cPixel
	}
	if narrow {
		s.aRow, s.cRow = aPixel, cPixel
		s.pixels, s.aPixel, s.cPixel = f.to.Count(), f.from.Len(), f.to.Len()
	} else {
		s.aRow, s.cRow = aRow, cRow
		s.pixels, s.aPixel, s.cPixel = f.width, aPixel, cPixel
		if !f.pairs {
			s.stats = f.stats
		}
	}
	// run computes rows low to high of image n, which all read the taps first to
	// last, or in the narrow form one row of all images.
	skip := f.skipsHalo(&s)
	run := func(n, low, high, first, last int) {
		band := s
		a, c := a+n*f.from.Len()+low*aRow, c+n*f.to.Len()+low*cRow
		band.a, band.b, band.c = f.from.Data[a+first*s.aOuter:], s.b[first*s.bOuter:], f.to.Data[c:]
		if f.res != nil {
			band.res = f.res[c:]
		}
		band.rows, band.outer = high-low, last-first
		if narrow {
			band.rows = f.width
		}
		band.run()
	}
	if narrow {
		for i := range f.height {
			_, first, last := f.band(&s, skip, i)
			run(0, i, i+1, first, last)
		}
		if f.stats != nil {
			f.stats.AddImages(f.to)
		}
		return
	}
	if f.pairs && f.stats != nil {
		defer f.stats.AddImages(f.to)
	}
	for n := range f.to.Count() {
		for i := 0; i < f.height; {
			end, first, last := f.band(&s, skip, i)
			run(n, i, end, first, last)
			i = end
		}
		if s.stats != nil {
			s.stats.endImage()
		}
	}
}
