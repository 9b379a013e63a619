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
	Weight, Bias int  // where the tensors begin in theta; Bias is -1 for none
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
	l := &tapeConv[T]{
		Tape: t, TapeConv: o, out: t.next(), v: v, bias: make([]T, o.Out.Channels), biasV: make([]T, o.Out.Channels),
		packed: make([]T, v.PackedLen()), packedV: make([]T, v.PackedLen()),
	}
	if o.In > 0 {
		l.packedInput, l.packedInputV = make([]T, v.PackedInputLen()), make([]T, v.PackedInputLen())
	}
	parts := chunks
	if l.byChannel() {
		parts = 1
	}
	for range parts {
		l.parts = append(l.parts, make([]T, v.GradientLen()))
	}
	for range chunks {
		l.sums = append(l.sums, kernel.NewStats[T](o.Out.Channels))
	}
	t.add(l, Shape{Image: o.Out})
	if o.In > 0 {
		s := &t.shapes[l.out].signal
		s.Halo = max(s.Halo, v.InputHalo())
	}
	return nil
}

type tapeConv[T Float] struct {
	*Tape[T]
	TapeConv
	out                       int
	v                         kernel.Conv
	pooled                    bool               // a maximum reads the result and masks for both
	bias, biasV               []T                // of theta and of the vector, with zeros for the channels that are not real
	packed, packedV           []T                // weights in the order of the forward pass
	packedInput, packedInputV []T                // and in that of the backward pass; nil where the convolution reads the input
	parts                     [][]T              // the product of each chunk
	sums                      []*kernel.Stats[T] // of the signal's tangent in each chunk
}

// byChannel says whether the product is split by output channels; see convBackward.
func (l *tapeConv[T]) byChannel() bool { return chunks*l.v.GradientLen() > maxPartial }

// pack takes weights and biases from a vector of parameters.
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

func (l *tapeConv[T]) wants() (own bool, inputs []int) { return l.In > 0, []int{l.In} }

func (l *tapeConv[T]) move(theta []T) { l.pack(theta, l.packed, l.packedInput, l.bias) }

// blocks calls f for a few images at a time.
func (l *tapeConv[T]) blocks(f func(low, high int)) {
	l.batch.blocks(l.batch.Rows, l.Out.Block(), f)
}

// masks says whether the layer masks by itself.
func (l *tapeConv[T]) masks() bool { return l.ReLU && !l.pooled }

func (l *tapeConv[T]) forward(b *Base[T]) {
	x, y := l.images(l.In, b.values[l.In]), l.images(l.out, b.values[l.out])
	l.blocks(func(low, high int) {
		kernel.ConvForward(l.v, y.Slice(low, high), x.Slice(low, high), l.packed, kernel.ConvEpilogue[T]{Bias: l.bias, ReLU: l.ReLU})
	})
}

func (l *tapeConv[T]) backward(b *Base[T]) {
	g, y := l.signal(l.out, b.signals[l.out]), l.images(l.out, b.values[l.out])
	l.blocks(func(low, high int) {
		if l.masks() {
			kernel.MaskReLUImages(g.Slice(low, high), g.Slice(low, high), y.Slice(low, high), nil)
		}
		if l.wanted[l.In] {
			l.input(l.signal(l.In, b.signals[l.In]).Slice(low, high), g.Slice(low, high), l.packedInput, l.Skip)
		}
	})
}

// input convolves a signal back to the layer's input, and adds it to what is there
// if asked.
func (l *tapeConv[T]) input(dx, g kernel.Images[T], packed []T, add bool) {
	e := kernel.ConvEpilogue[T]{}
	if add {
		e.Residual = dx.Data
	}
	kernel.ConvInput(l.v, dx, g, packed, e)
}

// forwardTangent: y' = w * x' + v * x + v's bias.
func (l *tapeConv[T]) forwardTangent(b *Base[T], v []T) {
	l.pack(v, l.packedV, l.packedInputV, l.biasV)
	x, y, yt := l.images(l.In, b.values[l.In]), l.images(l.out, b.values[l.out]), l.images(l.out, l.tangent.values[l.out])
	l.blocks(func(low, high int) {
		to := yt.Slice(low, high)
		kernel.ConvForward(l.v, to, x.Slice(low, high), l.packedV, kernel.ConvEpilogue[T]{Bias: l.biasV})
		if l.In > 0 {
			xt := l.images(l.In, l.tangent.values[l.In])
			kernel.ConvForward(l.v, to, xt.Slice(low, high), l.packed, kernel.ConvEpilogue[T]{Residual: to.Data})
		}
		if l.masks() {
			kernel.MaskReLUImages(to, to, y.Slice(low, high), nil)
		}
	})
}

// backwardTangent: the signal of the input has the tangent of g * w, which is
// g' * w + g * v, and the product's part is that of g' with x and of g with x'.
func (l *tapeConv[T]) backwardTangent(b *Base[T], product []T) {
	gt := l.signal(l.out, l.tangent.signals[l.out])
	used := l.batch.chunks(chunks, func(chunk, low, high int) {
		if !l.byChannel() {
			clear(l.parts[chunk])
		}
		l.sums[chunk].Reset()
		for step := l.Out.Block(); low < high; low += step {
			l.block(b, chunk, low, min(low+step, high))
		}
	})
	parts := l.parts
	if l.byChannel() {
		clear(parts[0])
		l.batch.blocks(l.v.Out.Channels, channelBlock, func(low, high int) {
			x, xt := l.images(l.In, b.values[l.In]), l.images(l.In, l.tangent.values[l.In])
			kernel.ConvWeightsOf(l.v, parts[0], x, gt, low, high)
			if l.In > 0 && !l.gauss {
				kernel.ConvWeightsOf(l.v, parts[0], xt, l.signal(l.out, b.signals[l.out]), low, high)
			}
		})
	} else {
		parts = parts[:used]
	}
	kernel.UnpackConvGradient(l.v, product[l.Weight:l.Weight+l.v.WeightLen()], parts...)
	if l.Bias < 0 {
		return
	}
	for c := range l.v.Outputs {
		sum := 0.0
		for _, s := range l.sums[:used] {
			sum += s.First[c]
		}
		product[l.Bias+c] = T(sum)
	}
}

// block does images low to high: a few, which are still in the cache when they are
// read again.
func (l *tapeConv[T]) block(b *Base[T], chunk, low, high int) {
	gt := l.signal(l.out, l.tangent.signals[l.out]).Slice(low, high)
	switch {
	case l.masks():
		kernel.MaskReLUImages(gt, gt, l.images(l.out, b.values[l.out]).Slice(low, high), l.sums[chunk])
	case l.Bias >= 0:
		l.sums[chunk].AddImages(gt)
	}
	both := l.In > 0 && !l.gauss
	var g kernel.Images[T]
	if both {
		g = l.signal(l.out, b.signals[l.out]).Slice(low, high)
	}
	if !l.byChannel() {
		kernel.ConvWeights(l.v, l.parts[chunk], l.images(l.In, b.values[l.In]).Slice(low, high), gt)
		if both {
			kernel.ConvWeights(l.v, l.parts[chunk], l.images(l.In, l.tangent.values[l.In]).Slice(low, high), g)
		}
	}
	if l.In == 0 {
		return
	}
	dx := l.signal(l.In, l.tangent.signals[l.In]).Slice(low, high)
	l.input(dx, gt, l.packedInput, l.Skip)
	if both {
		l.input(dx, g, l.packedInputV, true)
	}
}
