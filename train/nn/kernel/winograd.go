package kernel

// A Winograd convolution F(2x2, 3x3) computes 2x2 results of a 3x3 filter with 16
// products instead of 36 (Lavin & Gray 2016):
//
//	y = A' [(G g G') * (B' d B)] A
//
// d is a patch of 4x4 input pixels, g the filter, and * the product of elements.
// The sum over input channels is taken of the products, so it is one matrix
// product for each of the 16 places, which are called planes. The transforms with
// B and A are sums and differences only. The gradient with respect to the filter is
// the transpose:
//
//	dg = G' [sum over tiles of (B' d B) * (A dy A')] G
//
// The sums of a result have another order than those of the direct convolution, and
// a patch with a NaN or an infinity may make its other results NaN too.

// minWinograd and maxWinograd are the numbers of channels for which a Winograd
// convolution is used. With fewer channels the transforms cost more than they save,
// and with more the weights do not fit the second-level cache.
const (
	minWinograd = 16
	maxWinograd = 128

	// minWinogradSide is the smallest height and width of the result. Of smaller
	// images the direct convolution leaves out more products, those of the halo.
	minWinogradSide = 4
)

// Winograd reports whether the convolution is computed with F(2x2, 3x3).
func (v Conv) Winograd() bool {
	fits := func(n, real int) bool { return n == real && n%panel == 0 && n >= minWinograd && n <= maxWinograd }
	return !v.Direct && v.Kernel == 3 && v.Stride == 1 && fits(v.In.Channels, v.Inputs) &&
		fits(v.Out.Channels, v.Outputs) && min(v.Out.Height, v.Out.Width) >= minWinogradSide
}

// winogradOp names a transform.
type winogradOp int

const (
	winogradInput    winogradOp = iota // patches of 4x4 pixels to 16 planes: B' d B
	winogradOutput                     // 16 planes to 2x2 pixels: A' m A
	winogradGradient                   // patches of 2x2 pixels to 16 planes: A dy A'
)

// winogradRow transforms one row of tiles, which are two pixels apart. Element c of
// tile t of plane i is planes[i*plane+t*channels+c].
type winogradRow[T Float] struct {
	op              winogradOp
	image           []T // from the first pixel of the first tile
	row             int // elements from one row of pixels to the next
	planes          []T
	plane           int
	tiles, channels int // channels is a multiple of 16 and the distance of pixels

	// Of the output only: added to the results, which then are at least low.
	bias, res []T // per channel, or nil; the layout of image, or nil
	low       T
}

// run computes the transform. A slice that is too short panics.
func (s *winogradRow[T]) run() {
	side := 2
	if s.op == winogradInput {
		side = 4
	}
	last := (side-1)*s.row + (2*s.tiles+side-2)*s.channels - 1
	_, _ = s.image[last], s.planes[15*s.plane+s.tiles*s.channels-1]
	if s.bias != nil {
		_ = s.bias[s.channels-1]
	}
	if s.res != nil {
		_ = s.res[last]
	}
	if fast[T]() && s.runFast() {
		return
	}
	for t := range s.tiles {
		for c := range s.channels {
			at, to := 2*t*s.channels+c, t*s.channels+c
			switch s.op {
			case winogradInput:
				s.input(at, to)
			case winogradOutput:
				s.output(at, to, c)
			case winogradGradient:
				s.gradient(at, to)
			}
		}
	}
}

// input transforms one channel of a patch at image[at:].
func (s *winogradRow[T]) input(at, to int) {
	var d [4][4]T
	for i := range d {
		for j := range d[i] {
			d[i][j] = s.image[at+i*s.row+j*s.channels]
		}
	}
	for i := range 4 {
		var t [4]T
		for j := range t {
			t[j] = winogradDifference(i, d[0][j], d[1][j], d[2][j], d[3][j])
		}
		for j := range 4 {
			s.planes[(4*i+j)*s.plane+to] = winogradDifference(j, t[0], t[1], t[2], t[3])
		}
	}
}

// winogradDifference returns element i of B' d.
func winogradDifference[T Float](i int, d0, d1, d2, d3 T) T {
	switch i {
	case 0:
		return d0 - d2
	case 1:
		return d1 + d2
	case 2:
		return d2 - d1
	default:
		return d1 - d3
	}
}

// output computes one channel of a tile of results.
func (s *winogradRow[T]) output(at, to, c int) {
	var sums [2][4]T
	for j := range 4 {
		var m [4]T
		for i := range m {
			m[i] = s.planes[(4*i+j)*s.plane+to]
		}
		sums[0][j], sums[1][j] = m[0]+m[1]+m[2], m[1]-m[2]-m[3]
	}
	for i, t := range sums {
		for j, y := range [2]T{t[0] + t[1] + t[2], t[1] - t[2] - t[3]} {
			p := at + i*s.row + j*s.channels
			if s.bias != nil {
				y += s.bias[c]
			} else {
				y += 0 // as in assembly: no result is -0
			}
			if s.res != nil {
				y += s.res[p]
			}
			s.image[p] = atLeast(s.low, y)
		}
	}
}

// gradient transforms one channel of a patch of gradients.
func (s *winogradRow[T]) gradient(at, to int) {
	spread := func(a, b T) [4]T { return [4]T{a, a + b, a - b, 0 - b} }
	left := spread(s.image[at], s.image[at+s.row])
	right := spread(s.image[at+s.channels], s.image[at+s.row+s.channels])
	for i := range 4 {
		for j, v := range spread(left[i], right[i]) {
			s.planes[(4*i+j)*s.plane+to] = v
		}
	}
}

// winogradPad is the distance between planes beyond their length. Planes that are a
// power of two apart would share the same places of the first-level cache.
const winogradPad = panel

// winogradTiles and winogradPlane are how many tiles, and how many values of a plane,
// are computed together at least. Their 16 planes fit the first-level cache if there are
// few channels, and all weights are read once for at least 16 tiles if there are many.
const (
	winogradTiles = 16
	winogradPlane = 512
)

// winogradRows returns how many rows of tiles are computed together.
func winogradRows(tilesPerRow, channels int) int {
	return max(1, max(winogradTiles, winogradPlane/channels)/tilesPerRow)
}

// planesOf returns memory for 16 planes, and their distance.
func planesOf[T Float](memory *[]T, length int) (planes []T, plane int) {
	plane = length + winogradPad
	if len(*memory) < 16*plane {
		*memory = make([]T, 16*plane)
	}
	return (*memory)[:16*plane], plane
}

// Reserve allocates the memory that convolutions of v need.
func (s *Scratch[T]) Reserve(v Conv) {
	if !v.Winograd() {
		return
	}
	wide := (max(v.In.Width, v.Out.Width) + 1) / 2
	channels := max(v.In.Channels, v.Out.Channels)
	for i := range s.planes {
		planesOf(&s.planes[i], winogradRows(wide, channels)*wide*channels)
		if n := 4 * (2*wide + 2) * channels; (v.Out.Height|v.Out.Width)%2 == 1 && len(s.windows[i]) < n {
			s.windows[i] = make([]T, n)
		}
	}
}

// window returns rows by cols pixels of an image from pixel (y, x), and the distance of
// their rows. Pixels that are more than halo beyond the last row or column are zero:
// the window is then a copy in memory.
func (m Images[T]) window(memory *[]T, image, y, x, rows, cols, halo int) (data []T, row int, copied bool) {
	at := image*m.Len() + m.At(y, x)
	high, wide := min(rows, m.Height+halo-y), min(cols, m.Width+halo-x)
	if high == rows && wide == cols {
		return m.Data[at:], m.Row(), false
	}
	row = cols * m.Channels
	if len(*memory) < rows*row {
		*memory = make([]T, rows*row)
	}
	data = (*memory)[:rows*row]
	clear(data)
	for i := range high {
		copy(data[i*row:][:wide*m.Channels], m.Data[at+i*m.Row():])
	}
	return data, row, true
}

// winogradConv convolves from, whose pixel (top, left) is the first one of the first
// window, with weights that expandFilters has transformed.
func winogradConv[T Float](to, from Images[T], top, left int, packed []T, e ConvEpilogue[T], s *Scratch[T]) {
	in, out := from.Channels, to.Channels
	wide, high := (to.Width+1)/2, (to.Height+1)/2
	group := winogradRows(wide, max(in, out))
	vs, vPlane := planesOf(&s.planes[0], group*wide*in)
	ms, mPlane := planesOf(&s.planes[1], group*wide*out)
	input := winogradRow[T]{op: winogradInput, plane: vPlane, tiles: wide, channels: in}
	output := winogradRow[T]{
		op: winogradOutput, plane: mPlane, tiles: wide, channels: out, bias: e.Bias, low: lowest[T](e.ReLU),
	}
	residual := Images[T]{Image: to.Image, Data: e.Residual}
	all := to.Count() * high
	for first := 0; first < all; first += group {
		n := min(group, all-first)
		for r := range n {
			image, y := (first+r)/high, 2*((first+r)%high)
			input.image, input.row, _ = from.window(&s.windows[0], image, top+y, left, 4, 2*wide+2, from.Halo)
			input.planes = vs[r*wide*in:]
			input.run()
		}
		c := contraction[T]{
			a: vs, b: packed, c: ms, low: lowest[T](false),
			rows: 16, aRow: vPlane, bRow: in * panel, cRow: mPlane,
			pixels: n * wide, aPixel: in, cPixel: out, outer: 1,
			inner: in, aInner: 1, bInner: panel, width: out, bPanel: 16 * in * panel,
		}
		c.run()
		for r := range n {
			image, y := (first+r)/high, 2*((first+r)%high)
			var copied bool
			output.image, output.row, copied = to.window(&s.windows[0], image, y, 0, 2, 2*wide, 0)
			if e.Residual != nil {
				output.res, _, _ = residual.window(&s.windows[1], image, y, 0, 2, 2*wide, 0)
			}
			output.planes = ms[r*wide*out:]
			output.run()
			if copied {
				for i := range min(2, to.Height-y) {
					copy(to.Data[image*to.Len()+to.At(y+i, 0):][:to.Width*out], output.image[i*output.row:])
				}
			}
		}
	}
	if e.Stats != nil {
		e.Stats.AddImages(to)
	}
}

// winogradWeights adds the sums over tiles to dw, for the output channels low to
// high-1. Element (plane, ci, co) of dw is at (plane*In.Channels+ci)*Out.Channels+co.
func winogradWeights[T Float](v Conv, dw []T, x, dy Images[T], low, high int, s *Scratch[T]) {
	in, out := v.In.Channels, v.Out.Channels
	wide, tall := (v.Out.Width+1)/2, (v.Out.Height+1)/2
	group := winogradRows(wide, max(in, out))
	xs, xPlane := planesOf(&s.planes[0], group*wide*in)
	ys, yPlane := planesOf(&s.planes[1], group*wide*out)
	input := winogradRow[T]{op: winogradInput, plane: xPlane, tiles: wide, channels: in}
	gradient := winogradRow[T]{op: winogradGradient, plane: yPlane, tiles: wide, channels: out}
	all := x.Count() * tall
	for first := 0; first < all; first += group {
		n := min(group, all-first)
		for r := range n {
			image, y := (first+r)/tall, 2*((first+r)%tall)
			input.image, input.row, _ = x.window(&s.windows[0], image, y-v.Pad, -v.Pad, 4, 2*wide+2, x.Halo)
			input.planes = xs[r*wide*in:]
			input.run()
			gradient.image, gradient.row, _ = dy.window(&s.windows[1], image, y, 0, 2, 2*wide, dy.Halo)
			gradient.planes = ys[r*wide*out:]
			gradient.run()
		}
		c := contraction[T]{
			a: xs, b: ys[low:], c: dw[low:], res: dw[low:], low: lowest[T](false),
			rows: 16, aRow: xPlane, bRow: yPlane, cRow: in * out,
			pixels: in, aPixel: 1, cPixel: out, outer: 1,
			inner: n * wide, aInner: in, bInner: out, width: high - low, bPanel: panel,
		}
		c.run()
	}
}

// winogradSlot returns the plane that holds a tap of the filter before and after
// the transforms with G.
func winogradSlot(tap int) int { return tap/3*4 + tap%3 }

// winogradBlock is the number of weights that are transformed at a time.
const winogradBlock = 512

// expandFilters replaces each of the n panels at the start of packed, which have nine
// taps of size weights, by the 16 planes of G g G'. The block after the planes is its
// scratch memory.
func expandFilters[T Float](packed []T, n, size int) {
	scratch := packed[n*16*size:][:winogradBlock]
	for p := n - 1; p >= 0; p-- {
		planes := packed[p*16*size:][:16*size]
		for tap := 8; tap >= 0; tap-- { // from the last one, because the planes overlap the taps
			copy(planes[winogradSlot(tap)*size:][:size], packed[(p*9+tap)*size:])
		}
		for low := 0; low < size; low += winogradBlock {
			at := func(i int) []T { return planes[i*size+low : i*size+min(low+winogradBlock, size)] }
			for i := range 3 {
				expandThree(at(4*i), at(4*i+1), at(4*i+2), at(4*i+3), scratch)
			}
			for j := range 4 {
				expandThree(at(j), at(4+j), at(8+j), at(12+j), scratch)
			}
		}
	}
}

// expandThree replaces g0, g1, g2 by G g: g0, (g0+g2+g1)/2, (g0+g2-g1)/2 and g2.
func expandThree[T Float](g0, g1, g2, g3, scratch []T) {
	even := scratch[:len(g0)]
	copy(g3, g2)
	ScaleAdd(even, 0.5, g0, 0.5, g2)
	ScaleAdd(g2, -0.5, g1, 1, even)
	ScaleAdd(g1, 0.5, g1, 1, even)
}

// reduceGradient replaces 16 planes of size weights by G' u G, whose nine taps are in
// the planes of winogradSlot. The block after the planes is its scratch memory.
func reduceGradient[T Float](planes []T, size int) {
	scratch := planes[16*size:][:winogradBlock]
	for low := 0; low < size; low += winogradBlock {
		at := func(i int) []T { return planes[i*size+low : i*size+min(low+winogradBlock, size)] }
		for j := range 4 {
			reduceFour(at(j), at(4+j), at(8+j), at(12+j), scratch)
		}
		for i := range 3 {
			reduceFour(at(4*i), at(4*i+1), at(4*i+2), at(4*i+3), scratch)
		}
	}
}

// reduceFour replaces u0, u1, u2 by G' u: u0+(u1+u2)/2, (u1-u2)/2 and (u1+u2)/2+u3.
func reduceFour[T Float](u0, u1, u2, u3, scratch []T) {
	even := scratch[:len(u0)]
	ScaleAdd(even, 0.5, u1, 0.5, u2)
	ScaleAdd(u1, 0.5, u1, -0.5, u2)
	ScaleAdd(u0, 1, u0, 1, even)
	ScaleAdd(u2, 1, u3, 1, even)
}
