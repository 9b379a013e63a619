package op

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"

	"sgdwalk/train/nn/kernel"
)

// FoldedOptions are the options of FoldedConv: those of the convolution and of the
// normalization after it.
type FoldedOptions struct {
	Stride, Pad int
	Norm        NormOptions
}

// FoldedConv appends one op for a convolution, the normalization of its result
// with fixed statistics, a residual and a ReLU. With fixed statistics the
// normalization is a scale and a shift of each channel, so it goes into the
// weights and the bias. This saves two passes over memory. The op has no
// gradient.
//
// bias may be nil. mean and variance are borrowed and read in every run. A residual
// of the same size as the result must have its geometry, including the halo.
func FoldedConv[T Float](b *Batch, in, out Image, x, w, bias, gamma, beta *G.Node, mean, variance []T,
	opts FoldedOptions,
) (*G.Node, error) {
	c, _, err := prepareConv[T](b, in, out, x, w, bias, ConvOptions{Stride: opts.Stride, Pad: opts.Pad, Input: true})
	if err != nil {
		return nil, err
	}
	if err := checkNorm(out, gamma, beta, mean, variance); err != nil {
		return nil, err
	}
	o := &foldedConv[T]{
		conv: c, opts: opts.Norm, mean: mean, variance: variance, hasBias: bias != nil,
		folded: make([]T, c.v.WeightLen()), image: out,
	}
	inputs := G.Nodes{x, w, gamma, beta}
	if bias != nil {
		inputs = append(inputs, bias)
	}
	if r := opts.Norm.Residual; r != nil {
		if err := checkResidual(out, opts.Norm.ResidualImage, r, b.Size); err != nil {
			return nil, err
		}
		switch from := opts.Norm.ResidualImage; {
		case from == out:
		case from.Height == out.Height && from.Real == out.Real:
			return nil, fmt.Errorf("op: folded convolution: residual %v has halo %d, the result %d; they must be equal",
				from, from.Halo, out.Halo)
		default:
			o.shortcut = make([]T, b.capacity()*out.Len())
		}
		inputs = append(inputs, r)
	}
	o.base = newBase(b, "foldedConv", out.Shape(b.Size), inputs...)
	b.addToChain(o.convolve)
	return G.ApplyOp(o, inputs...)
}

// foldedConv is the op of FoldedConv.
type foldedConv[T Float] struct {
	base
	conv           *Conv[T] // only its buffers and geometry are used
	opts           NormOptions
	image          Image
	hasBias        bool
	mean, variance []T
	folded         []T // weights times scale
	shortcut       []T // the residual in the result's geometry; nil if it has that geometry
	run            struct{ x, y, residual kernel.Images[T] }
}

func (o *foldedConv[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.recoverError(&err)
	c, held := o.conv, o.batch.stored()
	if !o.batch.Unchanged {
		o.fold(inputs)
	}
	o.run.x, o.run.y = images(c.in, elements[T](inputs[0]), held), images(c.out, c.yData, held)
	if o.opts.Residual != nil {
		o.run.residual = images(o.opts.ResidualImage, elements[T](inputs[len(inputs)-1]), held)
	}
	o.batch.compute(o.image.Block(), o.convolve)
	return c.y, nil
}

// convolve computes the images of s.
func (o *foldedConv[T]) convolve(s imageBlock) {
	c := o.conv
	e := kernel.ConvEpilogue[T]{Bias: c.bias, ReLU: o.opts.ReLU}
	switch {
	case o.shortcut != nil:
		to := blockOf(kernel.Images[T]{Image: c.out.Image, Data: o.shortcut}, s)
		copyShortcut(to, blockOf(o.run.residual, s), o.opts.ResidualImage.Real)
		e.Residual = to.Data
	case o.opts.Residual != nil:
		e.Residual = blockOf(o.run.residual, s).Data
	}
	pool := scratch[T](o.batch)
	memory := pool.take()
	defer pool.give(memory)
	kernel.ConvForward(c.v, blockOf(o.run.y, s), blockOf(o.run.x, s), c.packed, e, memory)
}

// fold packs the scaled weights and sets the bias. It computes in float64, so that
// folding adds one rounding per weight only.
func (o *foldedConv[T]) fold(inputs []G.Value) {
	c := o.conv
	w, gamma, beta := elements[T](inputs[1]), elements[T](inputs[2]), elements[T](inputs[3])
	filter := len(w) / c.out.Real
	for co := range c.out.Real {
		scale := float64(gamma[co]) / math.Sqrt(float64(o.variance[co])+Epsilon)
		b := 0.0
		if o.hasBias {
			b = float64(elements[T](inputs[4])[co])
		}
		c.bias[co] = T(float64(beta[co]) + (b-float64(o.mean[co]))*scale)
		for i := co * filter; i < (co+1)*filter; i++ {
			o.folded[i] = T(float64(w[i]) * scale)
		}
	}
	kernel.PackConv(c.v, c.packed, o.folded)
}
