package kernel

import "fmt"

// reduction is the largest number of products in one sum. Longer sums are cut
// into pieces of nearly equal length, whose sums are added in order. The operands
// of a piece stay in the second-level cache, and rounding errors grow with the
// length of a piece instead of the whole length.
const reduction = 512

// Scratch is memory for the incomplete panels of matrix products and for Winograd
// convolutions. Its content has no meaning between calls. One goroutine at a time may
// use it. The zero value is ready. The first Winograd convolution of a size allocates,
// unless Reserve did.
type Scratch[T Float] struct {
	b    [reduction * panel]T // a panel of b; values outside of the columns do not matter
	c    [panel * panel]T     // a panel of c
	bias [panel]T
	one  [1]T

	planes  [2][]T // of the input and of the result of a Winograd convolution
	windows [2][]T // rows of pixels of it that are partly outside of the image
}

// Epilogue says what is done with the elements of a product before they are
// stored. Bias, one per column, is added (nil: none), then the old value of c if
// Accumulate is set, then ReLU rectifies. NaN stays NaN.
type Epilogue[T Float] struct {
	Bias       []T
	Accumulate bool
	ReLU       bool
}

// MulPacked computes c = a w^T for weights w of shape (out, in) that [Pack] has
// packed: a is (m, in), c is (m, out). This is the forward pass of a fully
// connected layer. The order in which an element is computed depends on in only,
// so any split into bands of rows gives the same bits.
func MulPacked[T Float](c, a Matrix[T], packed []T, e Epilogue[T], scratch *Scratch[T]) {
	checkMatrices("MulPacked", c.Rows == a.Rows, c, a)
	p := product[T]{
		c: c, e: e, scratch: scratch, depth: a.Cols,
		a: a.Data, aPixel: a.Stride, aInner: 1,
		b: packed, bInner: panel, bPanel: a.Cols * panel, padded: true,
	}
	p.run()
}

// MulNN computes c = a b: a is (m, k), b is (k, n), c is (m, n). With a = dY and
// b = w of shape (out, in) this is the gradient with respect to the input of a
// fully connected layer.
func MulNN[T Float](c, a, b Matrix[T], e Epilogue[T], scratch *Scratch[T]) {
	checkMatrices("MulNN", c.Rows == a.Rows && a.Cols == b.Rows && b.Cols == c.Cols, c, a, b)
	p := product[T]{
		c: c, e: e, scratch: scratch, depth: a.Cols,
		a: a.Data, aPixel: a.Stride, aInner: 1,
		b: b.Data, bInner: b.Stride, bPanel: panel,
	}
	p.run()
}

// MulTN computes c = a^T b: a is (k, m), b is (k, n), c is (m, n). With a = dY
// and b = x this is the gradient with respect to the weights of a fully connected
// layer. Bands of c and columns of a split it among goroutines without partial
// sums.
func MulTN[T Float](c, a, b Matrix[T], e Epilogue[T], scratch *Scratch[T]) {
	checkMatrices("MulTN", c.Rows == a.Cols && a.Rows == b.Rows && b.Cols == c.Cols, c, a, b)
	p := product[T]{
		c: c, e: e, scratch: scratch, depth: a.Rows,
		a: a.Data, aPixel: 1, aInner: a.Stride,
		b: b.Data, bInner: b.Stride, bPanel: panel,
	}
	p.run()
}

// ColumnSums sets dst to the sums of the columns of m, which is the gradient with
// respect to a bias.
func ColumnSums[T Float](dst []T, m Matrix[T], scratch *Scratch[T]) {
	scratch.one[0] = 1
	p := product[T]{
		c: Dense(dst, 1, m.Cols), scratch: scratch, depth: m.Rows,
		a: scratch.one[:], aInner: 0,
		b: m.Data, bInner: m.Stride, bPanel: panel,
	}
	p.run()
}

// checkMatrices panics if ok is false: matrices that do not fit are a bug of the
// caller.
func checkMatrices[T Float](name string, ok bool, ms ...Matrix[T]) {
	if ok {
		return
	}
	text := "kernel: " + name + ": shapes do not fit:"
	for _, m := range ms {
		text += fmt.Sprintf(" (%d, %d)", m.Rows, m.Cols)
	}
	panic(text)
}

// product is a matrix product whose operands may be transposed. It runs as
// contractions.
type product[T Float] struct {
	c              Matrix[T]
	e              Epilogue[T]
	scratch        *Scratch[T]
	depth          int // products per element
	a              []T
	aPixel, aInner int // strides of a along the rows of c and along the sum
	b              []T
	bInner, bPanel int
	padded         bool // the last panel of b is complete
}

// run computes the product piece by piece. The first piece adds the bias, every later one
// adds to c, and only the last one rectifies.
func (p *product[T]) run() {
	if p.c.Rows == 0 || p.c.Cols == 0 {
		return
	}
	if p.e.Bias != nil {
		_ = p.e.Bias[p.c.Cols-1]
	}
	pieces := max(1, (p.depth+reduction-1)/reduction)
	for i := range pieces {
		low, high := i*p.depth/pieces, (i+1)*p.depth/pieces
		s := contraction[T]{
			a: dropFirst(p.a, low*p.aInner), b: dropFirst(p.b, low*p.bInner), c: p.c.Data,
			low:  lowest[T](p.e.ReLU && i == pieces-1),
			rows: 1, pixels: p.c.Rows, aPixel: p.aPixel, cPixel: p.c.Stride,
			outer: 1, inner: high - low, aInner: p.aInner, bInner: p.bInner,
			width: p.c.Cols / panel * panel, bPanel: p.bPanel,
		}
		if i == 0 {
			s.bias = p.e.Bias
		}
		if i > 0 || p.e.Accumulate {
			s.res = p.c.Data
		}
		s.run()
		if s.width < p.c.Cols {
			p.edge(s)
		}
	}
}

// dropFirst returns s without its first n elements.
func dropFirst[T any](s []T, n int) []T { return s[min(n, len(s)):] }

// edge computes the last columns of c, fewer than a panel, in scratch memory. The
// columns that fill up the panel may have any values; their results are not
// copied.
func (p *product[T]) edge(s contraction[T]) {
	from, width := s.width, p.c.Cols-s.width
	buffer := p.scratch.c[:]
	s.b = dropFirst(s.b, from/panel*p.bPanel)
	if !p.padded {
		for i := range s.inner {
			row := p.scratch.b[i*panel : (i+1)*panel]
			copy(row, s.b[i*s.bInner:][:width])
		}
		s.b, s.bInner = p.scratch.b[:], panel
	}
	if s.bias != nil {
		copy(p.scratch.bias[:], s.bias[from:p.c.Cols])
		s.bias = p.scratch.bias[:]
	}
	a, res := s.a, s.res
	s.width, s.c, s.cPixel = panel, buffer, panel
	if res != nil {
		s.res = buffer
	}
	for r := 0; r < p.c.Rows; r += panel {
		s.a, s.pixels = dropFirst(a, r*s.aPixel), min(panel, p.c.Rows-r)
		for q := range s.pixels {
			row := p.c.Data[(r+q)*p.c.Stride+from:][:width]
			if res != nil {
				copy(buffer[q*panel:], row)
			}
		}
		s.run()
		for q := range s.pixels {
			copy(p.c.Data[(r+q)*p.c.Stride+from:][:width], buffer[q*panel:])
		}
	}
}
