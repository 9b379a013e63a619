package op

import (
	"fmt"

	"sgdwalk/train/nn/kernel"
)

// TapeConv describes a convolution of a Tape.
type TapeConv struct {
	In           int // the value that is convolved
	Out          Image
	Kernel       int
	Stride, Pad  int
	Weight, Bias int  // offsets of the tensors in theta; a Bias of -1 means none
	ReLU         bool // rectify the result
	Skip         bool // In has a second use, as a residual
}

// Conv appends a convolution.
func (t *Tape[T]) Conv(o TapeConv) error {
	in := t.shapes[o.In].Image
	v := kernel.Conv{
		In: in.Image, Out: o.Out.Image, Inputs: in.Real, Outputs: o.Out.Real,
		Kernel: o.Kernel, Stride: o.Stride, Pad: o.Pad,
	}
	if err := v.Validate(); err != nil {
		return fmt.Errorf("op: tape: convolution: %w", err)
	}
	scratch[T](t.batch).reserve(v)
	l := &tapeConv[T]{
		Tape: t, TapeConv: o, out: t.nextValue(), v: v, sums: newConvSums[T](v),
		bias: make([]T, o.Out.Channels), biasV: make([]T, o.Out.Channels),
		packed: make([]T, v.PackedLen()), packedV: make([]T, v.PackedLen()),
	}
	if o.In > 0 {
		l.packedInput, l.packedInputV = make([]T, v.PackedInputLen()), make([]T, v.PackedInputLen())
	}
	t.addLayer(l, Shape{Image: o.Out})
	if o.In > 0 {
		s := &t.shapes[l.out].adjoint
		s.Halo = max(s.Halo, v.InputHalo())
	}
	return nil
}

// tapeConv is a convolution of a Tape.
type tapeConv[T Float] struct {
	*Tape[T]
	TapeConv
	out                       int
	v                         kernel.Conv
	maskedByPool              bool         // a max pool reads the result and masks by this ReLU too
	bias, biasV               []T          // of theta and of the vector, with zeros for the channels that are not real
	packed, packedV           []T          // weights in the order of the forward pass
	packedInput, packedInputV []T          // weights in the order of the backward pass; nil if x is data
	sums                      *convSums[T] // of the product
}

// pack packs the weights and copies the bias of a vector of parameters.
func (l *tapeConv[T]) pack(theta, packed, packedInput, bias []T) {
	w := theta[l.Weight : l.Weight+l.v.WeightLen()]
	kernel.PackConv(l.v, packed, w)
	if l.In > 0 {
		kernel.PackConvInput(l.v, packedInput, w)
	}
	if l.Bias >= 0 {
		copy(bias, theta[l.Bias:l.Bias+l.v.Outputs])
	}
}

// reads says that a convolution of data does not need its own adjoint: the data have no
// tangent, so no product has the adjoint as a factor.
func (l *tapeConv[T]) reads() (ownAdjoint bool, inputs []int) { return l.In > 0, []int{l.In} }

func (l *tapeConv[T]) setTheta(theta []T) { l.pack(theta, l.packed, l.packedInput, l.bias) }

// blocks calls f for a few images at a time.
func (l *tapeConv[T]) blocks(f func(low, high int, scratch *kernel.Scratch[T])) {
	blocksWithScratch(l.batch, l.batch.Rows, l.Out.Block(), f)
}

// masks reports whether the layer itself masks by its ReLU.
func (l *tapeConv[T]) masks() bool { return l.ReLU && !l.maskedByPool }

// forward computes y = w * x + bias.
func (l *tapeConv[T]) forward(p *Pass[T]) {
	x, y := l.images(l.In, p.values[l.In]), l.images(l.out, p.values[l.out])
	e := kernel.ConvEpilogue[T]{Bias: l.bias, ReLU: l.ReLU}
	l.blocks(func(low, high int, scratch *kernel.Scratch[T]) {
		kernel.ConvForward(l.v, y.Slice(low, high), x.Slice(low, high), l.packed, e, scratch)
	})
}

// backward masks the adjoint of the value and convolves it back to the input.
func (l *tapeConv[T]) backward(p *Pass[T]) {
	g, y := l.adjoint(l.out, p.adjoints[l.out]), l.images(l.out, p.values[l.out])
	l.blocks(func(low, high int, scratch *kernel.Scratch[T]) {
		if l.masks() {
			kernel.MaskReLUImages(g.Slice(low, high), g.Slice(low, high), y.Slice(low, high), nil)
		}
		if l.needed[l.In] {
			dx := l.adjoint(l.In, p.adjoints[l.In])
			l.convolveBack(dx.Slice(low, high), g.Slice(low, high), l.packedInput, l.Skip, scratch)
		}
	})
}

// convolveBack sets dx to the gradient of the input for the gradient g of the
// result. If add is set, it adds to dx instead.
func (l *tapeConv[T]) convolveBack(dx, g kernel.Images[T], packed []T, add bool, scratch *kernel.Scratch[T]) {
	e := kernel.ConvEpilogue[T]{}
	if add {
		e.Residual = dx.Data
	}
	kernel.ConvInput(l.v, dx, g, packed, e, scratch)
}

// forwardTangent computes y' = w * x' + v * x + bias of v.
func (l *tapeConv[T]) forwardTangent(p *Pass[T], v []T) {
	l.pack(v, l.packedV, l.packedInputV, l.biasV)
	x, y := l.images(l.In, p.values[l.In]), l.images(l.out, p.values[l.out])
	yt := l.images(l.out, l.tangent.values[l.out])
	l.blocks(func(low, high int, scratch *kernel.Scratch[T]) {
		to := yt.Slice(low, high)
		kernel.ConvForward(l.v, to, x.Slice(low, high), l.packedV, kernel.ConvEpilogue[T]{Bias: l.biasV}, scratch)
		if l.In > 0 {
			xt := l.images(l.In, l.tangent.values[l.In])
			kernel.ConvForward(l.v, to, xt.Slice(low, high), l.packed, kernel.ConvEpilogue[T]{Residual: to.Data}, scratch)
		}
		if l.masks() {
			kernel.MaskReLUImages(to, to, y.Slice(low, high), nil)
		}
	})
}

// backwardTangent computes the tangent of the input's adjoint g * w, which is g'
// * w + g * v, and the product: g' with x plus g with x' for the weights, and the
// sum of g' for the bias.
func (l *tapeConv[T]) backwardTangent(p *Pass[T], product []T) {
	used := l.batch.chunks(chunks, func(chunk, low, high int) {
		l.sums.reset(chunk)
		pool := scratch[T](l.batch)
		memory := pool.take()
		defer pool.give(memory)
		for step := l.Out.Block(); low < high; low += step {
			l.block(p, chunk, low, min(low+step, high), memory)
		}
	})
	var db []T
	if l.Bias >= 0 {
		db = product[l.Bias : l.Bias+l.v.Outputs]
	}
	dw := product[l.Weight : l.Weight+l.v.WeightLen()]
	l.sums.finish(l.batch, used, dw, db, func(sum []T, low, high int, scratch *kernel.Scratch[T]) {
		gt := l.adjoint(l.out, l.tangent.adjoints[l.out])
		kernel.ConvWeightsOf(l.v, sum, l.images(l.In, p.values[l.In]), gt, low, high, scratch)
		if l.In > 0 && !l.gaussNewton {
			xt, g := l.images(l.In, l.tangent.values[l.In]), l.adjoint(l.out, p.adjoints[l.out])
			kernel.ConvWeightsOf(l.v, sum, xt, g, low, high, scratch)
		}
	})
}

// block computes images low to high: few enough that they are still in the cache
// when the next kernel reads them.
func (l *tapeConv[T]) block(p *Pass[T], chunk, low, high int, scratch *kernel.Scratch[T]) {
	gt := l.adjoint(l.out, l.tangent.adjoints[l.out]).Slice(low, high)
	switch {
	case l.masks():
		kernel.MaskReLUImages(gt, gt, l.images(l.out, p.values[l.out]).Slice(low, high), l.sums.bias[chunk])
	case l.Bias >= 0:
		l.sums.bias[chunk].AddImages(gt)
	}
	// A second factor has a tangent too, unless it is data or the matrix leaves
	// it out.
	both := l.In > 0 && !l.gaussNewton
	var g kernel.Images[T]
	if both {
		g = l.adjoint(l.out, p.adjoints[l.out]).Slice(low, high)
	}
	if !l.sums.byChannel {
		sum := l.sums.parts[chunk]
		kernel.ConvWeights(l.v, sum, l.images(l.In, p.values[l.In]).Slice(low, high), gt, scratch)
		if both {
			kernel.ConvWeights(l.v, sum, l.images(l.In, l.tangent.values[l.In]).Slice(low, high), g, scratch)
		}
	}
	if l.In == 0 {
		return
	}
	dx := l.adjoint(l.In, l.tangent.adjoints[l.In]).Slice(low, high)
	l.convolveBack(dx, gt, l.packedInput, l.Skip, scratch)
	if both {
		l.convolveBack(dx, g, l.packedInputV, true, scratch)
	}
}
