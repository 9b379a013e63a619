package kernel

import (
	"encoding/binary"
	"hash"
	"hash/fnv"
	"testing"
)

// goldenCase computes one operation on fixed numbers.
type goldenCase struct {
	state uint32
	hash  hash.Hash64
}

// numbers returns n numbers with 24 bits between -2 and 2, from integers only.
func (g *goldenCase) numbers(n int) []float32 {
	s := make([]float32, n)
	for i := range s {
		g.state = g.state*1664525 + 1013904223
		s[i] = (float32(g.state>>8) - 1<<23) / (1 << 22)
	}
	return s
}

// images returns n images of numbers, with zeros in the halo and in the channels
// after the real ones.
func (g *goldenCase) images(shape Image, n, channels int) Images[float32] {
	m := NewImages[float32](shape, n)
	for i := range n {
		m.Load(i, g.numbers(shape.Height*shape.Width*channels), channels)
	}
	return m
}

// add adds the bits of a result to the hash.
func (g *goldenCase) add(result []float32) {
	for _, v := range result {
		g.hash.Write(binary.LittleEndian.AppendUint64(nil, bitsOf(v)))
	}
}

// addStats adds the sums, and the mean and variance of n values.
func (g *goldenCase) addStats(s *Stats[float32], n int) {
	mean, variance := make([]float64, len(s.First)), make([]float64, len(s.First))
	s.Moments(n, mean, variance)
	for _, values := range [][]float64{s.First, s.Second, mean, variance} {
		for _, v := range values {
			g.hash.Write(binary.LittleEndian.AppendUint64(nil, bitsOf(v)))
		}
	}
}

// matrix returns a matrix of numbers.
func (g *goldenCase) matrix(rows, cols int) Matrix[float32] {
	return Dense(g.numbers(rows*cols), rows, cols)
}

// products computes the matrix products of the given sizes.
func (g *goldenCase) products(m, n, k int) {
	scratch := new(Scratch[float32])
	a, b, c := g.matrix(m, k), g.matrix(k, n), g.matrix(m, n)
	MulNN(c, a, b, Epilogue[float32]{Bias: g.numbers(n), Accumulate: true}, scratch)
	g.add(c.Data)
	packed := make([]float32, PackedLen(n, k))
	Pack(packed, g.matrix(n, k))
	MulPacked(c, a, packed, Epilogue[float32]{ReLU: true}, scratch)
	g.add(c.Data)
	MulTN(b, a, c, Epilogue[float32]{}, scratch)
	g.add(b.Data)
	sums := make([]float32, n)
	ColumnSums(sums, c, scratch)
	g.add(sums)
}

// conv computes a convolution of images that are a pixel wider than high, and its gradients.
func (g *goldenCase) conv(size, images, inputs, outputs, kernel, stride int) {
	g.convOf(size, size+1, images, inputs, outputs, kernel, stride)
}

// convOf computes a convolution and its gradients.
func (g *goldenCase) convOf(height, width, images, inputs, outputs, kernel, stride int) {
	v := Conv{Inputs: inputs, Outputs: outputs, Kernel: kernel, Stride: stride, Pad: kernel / 2}
	v.In = Image{Height: height, Width: width, Channels: PadChannels(inputs), Halo: v.Pad}
	v.Out = Image{
		Height: (v.In.Height+2*v.Pad-kernel)/stride + 1, Width: (v.In.Width+2*v.Pad-kernel)/stride + 1,
		Channels: PadChannels(outputs), Halo: v.InputHalo(),
	}
	v.Out.Halo = max(v.InputHalo(), 1)
	x, y, dy := g.images(v.In, images, inputs), NewImages[float32](v.Out, images), g.images(v.Out, images, outputs)
	w := g.numbers(v.WeightLen())
	forward, input := make([]float32, v.PackedLen()), make([]float32, v.PackedInputLen())
	PackConv(v, forward, w)
	PackConvInput(v, input, w)
	stats := NewStats[float32](v.Out.Channels)
	bias := make([]float32, v.Out.Channels)
	copy(bias, g.numbers(outputs))
	scratch := new(Scratch[float32])
	ConvForward(v, y, x, forward, ConvEpilogue[float32]{Bias: bias, Residual: dy.Data, ReLU: true, Stats: stats}, scratch)
	g.add(y.Data)
	g.addStats(stats, images*v.Out.Height*v.Out.Width)
	dw, grad := make([]float32, v.GradientLen()), make([]float32, v.WeightLen())
	ConvWeights(v, dw, x, dy, scratch)
	UnpackConvGradient(v, grad, dw, dw)
	g.add(grad)
	dx := NewImages[float32](v.In, images)
	ConvInput(v, dx, dy, input, ConvEpilogue[float32]{}, scratch)
	g.add(dx.Data)
}

// norm computes a normalization and its gradients.
func (g *goldenCase) norm() {
	shape := Image{Height: 5, Width: 7, Channels: 40, Halo: 1}
	x, residual, dy := g.images(shape, 3, 40), g.images(shape, 3, 40), g.images(shape, 3, 40)
	y, z := NewImages[float32](shape, 3), NewImages[float32](shape, 3)
	p := Norm[float32]{Mean: g.numbers(40), Scale: g.numbers(40), Shift: g.numbers(40), ReLU: true}
	NormForward(y, x, residual, p)
	g.add(y.Data)
	NormForward(z, x, Images[float32]{}, p)
	g.add(z.Data)
	stats := NewStats[float32](40)
	copy(stats.Pivot, p.Mean)
	q := NormGradient[float32]{Mean: p.Mean, Gradient: g.numbers(40), Centred: g.numbers(40), Constant: g.numbers(40)}
	NormInput(z, dy, y, x, q)
	g.add(z.Data)
	NormInput(z, dy, Images[float32]{}, x, q)
	g.add(z.Data)
	NormSums(stats, dy, Images[float32]{}, x, Images[float32]{})
	NormSums(stats, dy, y, x, Images[float32]{})
	NormSums(stats, dy, y, x, z)
	MaskReLUImages(z, z, y, stats)
	g.addStats(stats, 105)
	g.add(z.Data)
}

// pool computes the pools and their gradients and tangents.
func (g *goldenCase) pool() {
	large, small := Image{Height: 7, Width: 6, Channels: 24}, Image{Height: 3, Width: 3, Channels: 24, Halo: 1}
	x, dx, y, dy := g.images(large, 2, 24), NewImages[float32](large, 2), NewImages[float32](small, 2),
		g.images(small, 2, 24)
	for i, v := range x.Data {
		x.Data[i] = max(0, v) // ties
	}
	MaxPool(y, x)
	g.add(y.Data)
	for _, relu := range []bool{false, true} {
		MaxPoolInput(dx, dy, y, x, relu)
		g.add(dx.Data)
		MaxPoolTangent(y, dx, y, x, relu)
		g.add(y.Data)
	}
	m := g.matrix(2, 24)
	MeanPool(m, x, NewStats[float32](24))
	MeanPoolInput(dx, m)
	g.add(m.Data)
	g.add(dx.Data)
}

// vectors computes the operations on vectors.
func (g *goldenCase) vectors() {
	x, y, dst := g.numbers(1003), g.numbers(1003), g.numbers(1003)
	ScaleAdd(dst, 0.3, x, -1.7, y)
	g.add(dst)
	Axpy(dst, 1.1, x)
	MaskReLU(y, dst, y)
	g.add(dst)
	g.add(y)
}

// goldens are operations on fixed numbers and the hashes of their results: with
// assembly, which gives the same bits for every instruction set, and with pure Go,
// which gives the same bits on every processor.
var goldens = []struct {
	name             string
	run              func(g *goldenCase)
	assembly, pureGo uint64
}{
	{
		"product 1x5x3", func(g *goldenCase) { g.products(1, 5, 3) },
		0xc7c5d2e80a86f949, 0xad6f98c4706f36f6,
	},
	{
		"product 37x45x700", func(g *goldenCase) { g.products(37, 45, 700) },
		0x156178a945a1ed38, 0x6c09b0a68476d56a,
	},
	{
		"product 64x128x96", func(g *goldenCase) { g.products(64, 128, 96) },
		0xcfc1d4349c2f009d, 0xdc9d995c6f239ec6,
	},
	{
		"convolution of pictures", func(g *goldenCase) { g.conv(28, 2, 1, 6, 5, 1) },
		0x096e0697bdb9d95b, 0xe4f353382eaea1dc,
	},
	{
		"convolution 3x3", func(g *goldenCase) { g.conv(13, 2, 16, 40, 3, 1) },
		0x55d0f73bf7272284, 0xa0c7fdea854279ec,
	},
	{
		"convolution stride 2", func(g *goldenCase) { g.conv(16, 3, 24, 32, 3, 2) },
		0x71293d922c1dee01, 0xc2835187e2033327,
	},
	{
		"convolution 1x1", func(g *goldenCase) { g.conv(9, 2, 16, 32, 1, 2) },
		0x31f9f83a3bb5fa1c, 0x1b8a81e36514b426,
	},
	{
		"Winograd convolution", func(g *goldenCase) { g.convOf(8, 12, 2, 32, 48, 3, 1) },
		0xe56314560fa7aae3, 0xf8536afb02d63a14,
	},
	{
		"convolution, few pixels", func(g *goldenCase) { g.conv(3, 17, 32, 64, 3, 1) },
		0x6de131210749b290, 0x4f484fb2851c09c7,
	},
	{
		"norm", (*goldenCase).norm,
		0x1528450487d76f31, 0x7e7bf17be1ded873,
	},
	{
		"pool", (*goldenCase).pool,
		0xb13a0e1b620b80e1, 0xd81deef2858ad55f,
	},
	{
		"vectors", (*goldenCase).vectors,
		0xddfe30e7edca39b0, 0x5a2ef62998be3867,
	},
}

// TestGoldenBits compares results with those that other processors have computed.
func TestGoldenBits(t *testing.T) {
	onEach(t, func(t *testing.T) {
		for _, c := range goldens {
			g := &goldenCase{state: 1, hash: fnv.New64a()}
			c.run(g)
			want := c.assembly
			if active == pureGo {
				want = c.pureGo
			}
			if got := g.hash.Sum64(); got != want {
				t.Errorf("%s: hash %#016x, want %#016x", c.name, got, want)
			}
		}
	})
}
