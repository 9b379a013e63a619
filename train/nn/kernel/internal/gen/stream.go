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
			b.op("VMOVUPS %s, %s", b.at(0), b.temp(0))
			b.op("VSUBPS %s, %s, %s", b.param(0), b.temp(0), b.temp(0))
			b.op("VADDPS %s, %s, %s", b.temp(0), b.sum(0), b.sum(0))
			b.op("VFMADD231PS %s, %s, %s", b.temp(0), b.temp(0), b.sum(1))
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
			b.op("VMOVUPS %s, %s", b.at(0), b.temp(0))
			b.normSums(1)
		},
	},
	{
		name: "NormSumsReLU", comment: "g = dy where y is not <= 0; sum += g; sum1 += g*(x-mean)",
		tensors: []int{1, 1, 1}, params: 1, sums: 2, zero: true,
		body: func(b *body) {
			b.masked(0, 1, b.temp(0), b.temp(1))
			b.normSums(2)
		},
	},
	{
		name: "NormSumsKeep", comment: "g = dy where y is not <= 0; sum += g; sum1 += g*(x-mean); store g",
		tensors: []int{1, 1, 1, 1}, params: 1, sums: 2, zero: true,
		body: func(b *body) {
			b.masked(0, 1, b.temp(0), b.temp(1))
			b.op("VMOVUPS %s, %s", b.temp(0), b.at(3))
			b.normSums(2)
		},
	},
	{
		name: "NormInput", comment: "dx = dy*p0 + ((x-mean)*p1 + p2)",
		tensors: []int{1, 1, 1}, params: 4,
		body: func(b *body) {
			b.op("VMOVUPS %s, %s", b.at(0), b.temp(0))
			b.normInput(1, 2)
		},
	},
	{
		name: "NormInputReLU", comment: "g = dy where y is not <= 0; dx = g*p0 + ((x-mean)*p1 + p2)",
		tensors: []int{1, 1, 1, 1}, params: 4, zero: true,
		body: func(b *body) {
			b.masked(0, 1, b.temp(0), b.temp(1))
			b.normInput(2, 3)
		},
	},
	{
		name: "ReLU", comment: "g = dy where y is not <= 0",
		tensors: []int{1, 1, 1}, zero: true,
		body: func(b *body) {
			b.masked(0, 1, b.temp(0), b.temp(1))
			b.op("VMOVUPS %s, %s", b.temp(0), b.at(2))
		},
	},
	{
		name: "ReLUSum", comment: "g = dy where y is not <= 0; sum += g",
		tensors: []int{1, 1, 1}, sums: 1, zero: true,
		body: func(b *body) {
			b.masked(0, 1, b.temp(0), b.temp(1))
			b.op("VMOVUPS %s, %s", b.temp(0), b.at(2))
			b.op("VADDPS %s, %s, %s", b.temp(0), b.sum(0), b.sum(0))
		},
	},
	{
		name: "ScaleAdd", comment: "z = x*alpha + y*beta",
		tensors: []int{1, 1, 1}, scalars: 2,
		body: func(b *body) {
			b.op("VMULPS %s, %s, %s", b.at(1), b.scalar(1), b.temp(0))
			b.op("VFMADD231PS %s, %s, %s", b.at(0), b.scalar(0), b.temp(0))
			b.op("VMOVUPS %s, %s", b.temp(0), b.at(2))
		},
	},
	{
		name: "Dot", comment: "sum += x*y",
		tensors: []int{1, 1}, sums: 1,
		body: func(b *body) {
			b.op("VMOVUPS %s, %s", b.at(0), b.temp(0))
			b.op("VFMADD231PS %s, %s, %s", b.at(1), b.temp(0), b.sum(0))
		},
	},
	{
		name: "Pool", comment: "y = the largest of four, NaN if one is NaN",
		tensors: []int{2, 2, 1},
		body: func(b *body) {
			b.op("VMOVUPS %s, %s", b.at(0), b.temp(0))
			for _, x := range []string{b.next(0), b.at(1), b.next(1)} {
				b.op("VMOVUPS %s, %s", x, b.temp(1))
				b.larger()
			}
			b.op("VMOVUPS %s, %s", b.temp(0), b.at(2))
		},
	},
	{
		name: "PoolInput", comment: "dx = dy at the first of four that equals y, else 0",
		tensors: []int{2, 2, 1, 1, 2, 2},
		body: func(b *body) {
			b.op("VMOVUPS %s, %s", b.at(3), b.temp(0))
			b.poolInput()
		},
	},
	{
		name: "PoolInputReLU", comment: "the same with dy only where y is not <= 0",
		tensors: []int{2, 2, 1, 1, 2, 2}, zero: true,
		body: func(b *body) {
			b.masked(3, 2, b.temp(0), b.temp(1))
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
	*assembly
	isa     isa
	s       stream
	vectors int  // adjacent registers: 2 with AVX2 for 16 channels, so that a cache line is read once
	vector  int  // the current one of them
	odd     bool // the second pixel of a pair
}

// bodies returns the kernels of s for 8 and for 16 channels at a time.
func bodies(s stream) (eight, sixteen, sixteen512 *body) {
	return &body{isa: avx2, s: s, vectors: 1}, &body{isa: avx2, s: s, vectors: 2}, &body{isa: avx512, s: s, vectors: 1}
}

// each calls f for the adjacent registers.
func (b *body) each(f func()) {
	for b.vector = range b.vectors {
		f()
	}
	b.vector = 0
}

// pointers are the registers with the addresses of the tensors.
var pointers = []string{"SI", "DX", "BX", "R8", "R9", "R11"}

// The registers hold, in this order: scalars, zeros, params, sums of even pixels,
// sums of odd pixels, temporary values.
func (b *body) scalar(i int) string { return b.isa.register(i) }
func (b *body) zero() string        { return b.isa.register(b.s.scalars) }
func (b *body) param(i int) string {
	return b.isa.register(b.s.scalars + 1 + b.vector*b.s.params + i)
}

func (b *body) sumOf(i int, odd bool) string {
	i += b.s.scalars + 1 + b.vectors*b.s.params + 2*b.vector*b.s.sums
	if odd {
		i += b.s.sums
	}
	return b.isa.register(i)
}
func (b *body) sum(i int) string { return b.sumOf(i, b.odd) }
func (b *body) temp(i int) string {
	return b.isa.register(b.s.scalars + 1 + b.vectors*(b.s.params+2*b.s.sums) + i)
}

// at returns the address of the current pixel of tensor t, next that of the pixel
// after it.
func (b *body) at(t int) string {
	if b.odd {
		return b.next(t)
	}
	return fmt.Sprintf("%d(%s)", 32*b.vector, pointers[t])
}
func (b *body) next(t int) string { return fmt.Sprintf("%d(%s)(R10*1)", 32*b.vector, pointers[t]) }

// channel returns the address of the current channels in the vector at AX.
func (b *body) channel() string { return fmt.Sprintf("%d(AX)(R13*1)", 32*b.vector) }

// pairs reports whether two pixels are computed at a time, so that two chains of
// sums hide the latency of one. The inputs of a pool advance by pairs anyway.
func (b *body) pairs() bool { return b.s.tensors[0] == 1 }

// logic returns the name of a bitwise instruction: AVX-512F has only those for
// integers.
func (b *body) logic(name string) string {
	if b.isa.lanes == 16 {
		return name + "D"
	}
	return name
}

// masked loads tensor dy into g where tensor y is not <= 0, and zeros elsewhere,
// so a NaN in y passes dy. Predicate 0x16 is "not less or equal, true for NaN".
func (b *body) masked(dy, y int, g, t string) {
	b.op("VMOVUPS %s, %s", b.at(y), t)
	if b.isa.lanes == 16 {
		b.op("VCMPPS $0x16, %s, %s, K1", b.zero(), t)
		b.op("VMOVUPS.Z %s, K1, %s", b.at(dy), g)
		return
	}
	b.op("VCMPPS $0x16, %s, %s, %s", b.zero(), t, t)
	b.op("VANDPS %s, %s, %s", b.at(dy), t, g)
}

// normalize writes tensor y. It adds tensor 1 unless that is y itself.
func (b *body) normalize(y int) {
	b.op("VMOVUPS %s, %s", b.at(0), b.temp(0))
	b.op("VSUBPS %s, %s, %s", b.param(0), b.temp(0), b.temp(0))
	b.op("VFMADD213PS %s, %s, %s", b.param(2), b.param(1), b.temp(0))
	if y == 2 {
		b.op("VADDPS %s, %s, %s", b.at(1), b.temp(0), b.temp(0))
	}
	b.op("VMAXPS %s, %s, %s", b.temp(0), b.scalar(0), b.temp(0)) // NaN stays
	b.op("VMOVUPS %s, %s", b.temp(0), b.at(y))
}

// normSums adds the gradient in temp(0), and its product with the centred x.
func (b *body) normSums(x int) {
	b.op("VMOVUPS %s, %s", b.at(x), b.temp(1))
	b.op("VSUBPS %s, %s, %s", b.param(0), b.temp(1), b.temp(1))
	b.op("VADDPS %s, %s, %s", b.temp(0), b.sum(0), b.sum(0))
	b.op("VFMADD231PS %s, %s, %s", b.temp(0), b.temp(1), b.sum(1))
}

// normInput writes dx from the gradient in temp(0). Param 3 is the mean.
func (b *body) normInput(x, dx int) {
	b.op("VMOVUPS %s, %s", b.at(x), b.temp(1))
	b.op("VSUBPS %s, %s, %s", b.param(3), b.temp(1), b.temp(1))
	b.op("VFMADD213PS %s, %s, %s", b.param(2), b.param(1), b.temp(1))
	b.op("VFMADD231PS %s, %s, %s", b.param(0), b.temp(0), b.temp(1))
	b.op("VMOVUPS %s, %s", b.temp(1), b.at(dx))
}

// larger sets temp(0) to temp(1) in the lanes where temp(1) is larger or NaN.
// VMAXPS returns its first operand of the assembler, temp(0), if the values are
// equal or one is NaN. Predicate 3 is "unordered".
func (b *body) larger() {
	b.op("VMAXPS %s, %s, %s", b.temp(0), b.temp(1), b.temp(0))
	if b.isa.lanes == 16 {
		b.op("VCMPPS $3, %s, %s, K1", b.temp(1), b.temp(1))
		b.op("VMOVAPS %s, K1, %s", b.temp(1), b.temp(0))
		return
	}
	b.op("VCMPPS $3, %s, %s, %s", b.temp(1), b.temp(1), b.temp(2))
	b.op("VBLENDVPS %s, %s, %s, %s", b.temp(2), b.temp(1), b.temp(0), b.temp(0))
}

// poolInput writes the gradient in temp(0) to the first pixel that equals the
// maximum, lane by lane. temp(3), or mask K2, has the lanes that are not yet
// written. Predicate 0x08 is "equal, true for NaN", so that a window with NaN has
// a gradient too.
func (b *body) poolInput() {
	b.op("VMOVUPS %s, %s", b.at(2), b.temp(1))
	if b.isa.lanes == 16 {
		b.op("KXNORW K2, K2, K2") // all lanes
	} else {
		b.op("VPCMPEQD %s, %s, %s", b.temp(3), b.temp(3), b.temp(3))
	}
	for i, x := range []string{b.at(0), b.next(0), b.at(1), b.next(1)} {
		dx := []string{b.at(4), b.next(4), b.at(5), b.next(5)}[i]
		b.op("VMOVUPS %s, %s", x, b.temp(2))
		if b.isa.lanes == 16 {
			b.op("VCMPPS $0x08, %s, %s, K2, K1", b.temp(1), b.temp(2))
			b.op("KANDNW K2, K1, K2")
			b.op("VMOVAPS.Z %s, K1, %s", b.temp(0), b.temp(2))
		} else {
			b.op("VCMPPS $0x08, %s, %s, %s", b.temp(1), b.temp(2), b.temp(2))
			b.op("VANDPS %s, %s, %s", b.temp(3), b.temp(2), b.temp(2))
			b.op("VANDNPS %s, %s, %s", b.temp(3), b.temp(2), b.temp(3))
			b.op("VANDPS %s, %s, %s", b.temp(0), b.temp(2), b.temp(2))
		}
		b.op("VMOVUPS %s, %s", b.temp(2), dx)
	}
}

// poolTangent is the transpose of poolInput: it takes the tangent of the pixel to
// which poolInput writes the gradient. temp(0) collects it. temp(3), or mask K2,
// has the lanes that are not yet taken: at first all lanes, or those where y is
// not <= 0.
func (b *body) poolTangent(relu bool) {
	wide := b.isa.lanes == 16
	b.op("VMOVUPS %s, %s", b.at(2), b.temp(1))
	switch {
	case wide && relu:
		b.op("VCMPPS $0x16, %s, %s, K2", b.zero(), b.temp(1))
	case wide:
		b.op("KXNORW K2, K2, K2")
	case relu:
		b.op("VCMPPS $0x16, %s, %s, %s", b.zero(), b.temp(1), b.temp(3))
	default:
		b.op("VPCMPEQD %s, %s, %s", b.temp(3), b.temp(3), b.temp(3))
	}
	b.op("%s %s, %s, %s", b.logic("VPXOR"), b.temp(0), b.temp(0), b.temp(0))
	for i, x := range []string{b.at(0), b.next(0), b.at(1), b.next(1)} {
		xt := []string{b.at(4), b.next(4), b.at(5), b.next(5)}[i]
		b.op("VMOVUPS %s, %s", x, b.temp(2))
		if wide {
			b.op("VCMPPS $0x08, %s, %s, K2, K1", b.temp(1), b.temp(2))
			b.op("KANDNW K2, K1, K2")
			b.op("VMOVUPS.Z %s, K1, %s", xt, b.temp(2))
		} else {
			b.op("VCMPPS $0x08, %s, %s, %s", b.temp(1), b.temp(2), b.temp(2))
			b.op("VANDPS %s, %s, %s", b.temp(3), b.temp(2), b.temp(2))
			b.op("VANDNPS %s, %s, %s", b.temp(3), b.temp(2), b.temp(3))
			b.op("VANDPS %s, %s, %s", xt, b.temp(2), b.temp(2))
		}
		b.op("%s %s, %s, %s", b.logic("VPOR"), b.temp(2), b.temp(0), b.temp(0))
	}
	b.op("VMOVUPS %s, %s", b.temp(0), b.at(3))
}
