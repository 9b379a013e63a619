package main

import "fmt"

// stream describes an elementwise kernel over rows of pixels whose channels are
// contiguous. The kernel computes one register of channels for a whole row of
// pixels before the next register, so that the parameters and sums of these
// channels stay in registers.
type stream struct {
	name    string
	comment string
	tensors []int // pixels that each tensor advances per pixel: 1, or 2 for the inputs of a 2x2 pool
	params  int   // vectors of one value per channel, read
	sums    int   // vectors of one value per channel, added to
	scalars int   // values for all channels
	zero    bool  // the body needs a register of zeros
	body    func(b *body)
}

// streams lists the kernels. The streamOp constants of the package have the same
// order.
var streams = []stream{
	{
		name: "Stats", comment: "d = x-pivot; sum += d; sum1 += d*d",
		tensors: []int{1}, params: 1, sums: 2,
		body: func(b *body) {
			b.load(b.at(0), b.temp(0))
			b.sub(b.param(0), b.temp(0), b.temp(0))
			b.add(b.temp(0), b.sum(0), b.sum(0))
			b.mulAdd(b.temp(0), b.temp(0), b.sum(1))
		},
	},
	{
		name: "Norm", comment: "y = max(low, (x-mean)*scale+shift)",
		tensors: []int{1, 1}, params: 3, scalars: 1,
		body: func(b *body) { b.normalize(1) },
	},
	{
		name: "NormAdd", comment: "y = max(low, (x-mean)*scale+shift+r)",
		tensors: []int{1, 1, 1}, params: 3, scalars: 1,
		body: func(b *body) { b.normalize(2) },
	},
	{
		name: "NormSums", comment: "sum += dy; sum1 += dy*(x-mean)",
		tensors: []int{1, 1}, params: 1, sums: 2,
		body: func(b *body) {
			b.load(b.at(0), b.temp(0))
			b.normSums(1)
		},
	},
	{
		name: "NormSumsReLU", comment: "g = dy where y is not <= 0; sum += g; sum1 += g*(x-mean)",
		tensors: []int{1, 1, 1}, params: 1, sums: 2, zero: true,
		body: func(b *body) {
			b.maskedGradient(0, 1)
			b.normSums(2)
		},
	},
	{
		name: "NormSumsKeep", comment: "g = dy where y is not <= 0; sum += g; sum1 += g*(x-mean); store g",
		tensors: []int{1, 1, 1, 1}, params: 1, sums: 2, zero: true,
		body: func(b *body) {
			b.maskedGradient(0, 1)
			b.store(b.temp(0), b.at(3))
			b.normSums(2)
		},
	},
	{
		name: "NormInput", comment: "dx = dy*p0 + ((x-mean)*p1 + p2)",
		tensors: []int{1, 1, 1}, params: 4,
		body: func(b *body) {
			b.load(b.at(0), b.temp(0))
			b.normInput(1, 2)
		},
	},
	{
		name: "NormInputReLU", comment: "g = dy where y is not <= 0; dx = g*p0 + ((x-mean)*p1 + p2)",
		tensors: []int{1, 1, 1, 1}, params: 4, zero: true,
		body: func(b *body) {
			b.maskedGradient(0, 1)
			b.normInput(2, 3)
		},
	},
	{
		name: "ReLU", comment: "g = dy where y is not <= 0",
		tensors: []int{1, 1, 1}, zero: true,
		body: func(b *body) {
			b.maskedGradient(0, 1)
			b.store(b.temp(0), b.at(2))
		},
	},
	{
		name: "ReLUSum", comment: "g = dy where y is not <= 0; sum += g",
		tensors: []int{1, 1, 1}, sums: 1, zero: true,
		body: func(b *body) {
			b.maskedGradient(0, 1)
			b.store(b.temp(0), b.at(2))
			b.add(b.temp(0), b.sum(0), b.sum(0))
		},
	},
	{
		name: "ScaleAdd", comment: "z = x*alpha + y*beta",
		tensors: []int{1, 1, 1}, scalars: 2,
		body: func(b *body) {
			b.mul(b.at(1), b.scalar(1), b.temp(0))
			b.mulAdd(b.at(0), b.scalar(0), b.temp(0))
			b.store(b.temp(0), b.at(2))
		},
	},
	{
		name: "Dot", comment: "sum += x*y",
		tensors: []int{1, 1}, sums: 1,
		body: func(b *body) {
			b.load(b.at(0), b.temp(0))
			b.mulAdd(b.at(1), b.temp(0), b.sum(0))
		},
	},
	{
		name: "Pool", comment: "y = the largest of four, NaN if one is NaN",
		tensors: []int{2, 2, 1},
		body: func(b *body) {
			b.load(b.at(0), b.temp(0))
			for _, x := range b.window(0, 1)[1:] {
				b.load(x, b.temp(1))
				b.larger(b.temp(1), b.temp(0), b.temp(2))
			}
			b.store(b.temp(0), b.at(2))
		},
	},
	{
		name: "PoolInput", comment: "dx = dy at the first of four that equals y, else 0",
		tensors: []int{2, 2, 1, 1, 2, 2},
		body: func(b *body) {
			b.load(b.at(3), b.temp(0))
			b.poolInput()
		},
	},
	{
		name: "PoolInputReLU", comment: "the same with dy only where y is not <= 0",
		tensors: []int{2, 2, 1, 1, 2, 2}, zero: true,
		body: func(b *body) {
			b.maskedGradient(3, 2)
			b.poolInput()
		},
	},
	{
		name: "PoolTangent", comment: "yt = xt at the first of four that equals y",
		tensors: []int{2, 2, 1, 1, 2, 2},
		body:    func(b *body) { b.poolTangent(false) },
	},
	{
		name: "PoolTangentReLU", comment: "the same where y is not <= 0, else 0",
		tensors: []int{2, 2, 1, 1, 2, 2}, zero: true,
		body: func(b *body) { b.poolTangent(true) },
	},
}

// body writes the instructions for one register.
type body struct {
	machine
	isa     isa
	s       stream
	vectors int  // adjacent registers, 8 or 16 channels: with 16 a cache line is read once
	vector  int  // the current one of them
	odd     bool // the second pixel of a pair
}

// bodies returns the kernels of s for an instruction set. AVX-512 leaves 8 channels
// to AVX2.
func bodies(s isa, k stream) []*body {
	var list []*body
	for _, channels := range []int{8, 16} {
		if s.lanes <= channels {
			list = append(list, &body{isa: s, s: k, vectors: channels / s.lanes})
		}
	}
	return list
}

// function returns the name of the assembly function: bits of a register, adjacent
// registers, and kernel.
func (b *body) function() string {
	return fmt.Sprintf("stream%dx%d%s", b.isa.lanes*32, b.vectors, b.s.name)
}

// each calls f for the adjacent registers.
func (b *body) each(f func()) {
	for b.vector = range b.vectors {
		f()
	}
	b.vector = 0
}

// The registers hold, in this order: scalars, zeros, params, sums of even pixels,
// sums of odd pixels, temporary values.
func (b *body) scalar(i int) string { return b.register(i) }
func (b *body) zeros() string       { return b.register(b.s.scalars) }
func (b *body) param(i int) string {
	return b.register(b.s.scalars + 1 + b.vector*b.s.params + i)
}

func (b *body) sumOf(i int, odd bool) string {
	i += b.s.scalars + 1 + b.vectors*b.s.params + 2*b.vector*b.s.sums
	if odd {
		i += b.s.sums
	}
	return b.register(i)
}
func (b *body) sum(i int) string { return b.sumOf(i, b.odd) }
func (b *body) temp(i int) string {
	return b.register(b.s.scalars + 1 + b.vectors*(b.s.params+2*b.s.sums) + i)
}

// at returns the address of the current pixel of tensor t, next that of the pixel
// after it.
func (b *body) at(t int) string   { return b.pixel(t, b.vector, b.odd) }
func (b *body) next(t int) string { return b.pixel(t, b.vector, true) }

// window returns the addresses of the four pixels of a pool.
func (b *body) window(upper, lower int) []string {
	return []string{b.at(upper), b.next(upper), b.at(lower), b.next(lower)}
}

// pairs reports whether two pixels are computed at a time, so that two chains of
// sums hide the latency of one. The inputs of a pool advance by pairs anyway.
func (b *body) pairs() bool { return b.s.tensors[0] == 1 }

// maskedGradient loads tensor dy to temp(0) where tensor y is not <= 0, and zeros
// elsewhere.
func (b *body) maskedGradient(dy, y int) {
	b.masked(b.at(dy), b.at(y), b.zeros(), b.temp(0), b.temp(1))
}

// normalize writes tensor y. It adds tensor 1 unless that is y itself.
func (b *body) normalize(y int) {
	b.load(b.at(0), b.temp(0))
	b.sub(b.param(0), b.temp(0), b.temp(0))
	v := b.scaleShift(b.param(1), b.param(2), b.temp(0), b.temp(1))
	if y == 2 {
		b.add(b.at(1), v, v)
	}
	b.atLeast(b.scalar(0), v)
	b.store(v, b.at(y))
}

// normSums adds the gradient in temp(0), and its product with the centred x.
func (b *body) normSums(x int) {
	b.load(b.at(x), b.temp(1))
	b.sub(b.param(0), b.temp(1), b.temp(1))
	b.add(b.temp(0), b.sum(0), b.sum(0))
	b.mulAdd(b.temp(0), b.temp(1), b.sum(1))
}

// normInput writes dx from the gradient in temp(0). Param 3 is the mean.
func (b *body) normInput(x, dx int) {
	b.load(b.at(x), b.temp(1))
	b.sub(b.param(3), b.temp(1), b.temp(1))
	v := b.scaleShift(b.param(1), b.param(2), b.temp(1), b.temp(2))
	b.mulAdd(b.param(0), b.temp(0), v)
	b.store(v, b.at(dx))
}

// poolInput writes the gradient in temp(0) to the first pixel that equals the
// maximum, lane by lane. A window with NaN has a gradient too.
func (b *body) poolInput() {
	b.load(b.at(2), b.temp(1))
	b.remain(b.temp(3))
	dx := b.window(4, 5)
	for i, x := range b.window(0, 1) {
		b.take(x, b.temp(1), b.temp(0), b.temp(3), b.temp(2))
		b.store(b.temp(2), dx[i])
	}
}

// poolTangent is the transpose of poolInput: it takes the tangent of the pixel to
// which poolInput writes the gradient. temp(0) collects it.
func (b *body) poolTangent(relu bool) {
	b.load(b.at(2), b.temp(1))
	if relu {
		b.remainPositive(b.temp(1), b.zeros(), b.temp(3))
	} else {
		b.remain(b.temp(3))
	}
	b.zero(b.temp(0))
	xt := b.window(4, 5)
	for i, x := range b.window(0, 1) {
		b.take(x, b.temp(1), xt[i], b.temp(3), b.temp(2))
		b.or(b.temp(2), b.temp(0), b.temp(0))
	}
	b.store(b.temp(0), b.at(3))
}
