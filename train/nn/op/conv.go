package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sgdwalk/train/nn/kernel"
)

// ConvOptions modifies Conv.
type ConvOptions struct {
	Stride int   // distance of the windows; 0 means 1
	Pad    int   // zero pixels that windows reach over the edge; at most the halo of x
	ReLU   bool  // rectify the result
	Input  bool  // x is data: no gradient with respect to it is computed
	Skip   *Skip // x has a second use, whose gradient is added
}

// Skip joins the two uses of a value around a residual block: the first
// convolution and the residual input of the last normalization. Left to itself
// Gorgonia would add the two gradients with an op that allocates its result in
// every run; with a Skip the normalization declares its residual input not
// differentiable and leaves that gradient here, and the convolution, which is
// differentiated later, adds it to its own.
type Skip struct{ grad *G.Node }

// NewConv appends the convolution y = w * x + bias, rectified if asked, and returns
// its op, which Norm takes statistics from. w is (co, ci, k, k), bias is (co) or
// nil. x and y have the geometries in and out, whose extents must fit: out = (in
// + 2 pad - k)/stride + 1. Without ReLU, the halo of out must be as wide as the
// gradient needs it, k-1-pad.
func NewConv[T Float](b *Batch, in, out Image, x, w, bias *G.Node, opts ConvOptions) (*Conv[T], *G.Node, error) {
	o, inputs, err := prepareConv[T](b, in, out, x, w, bias, opts)
	if err != nil {
		return nil, nil, err
	}
	b.later(o.convolve)
	n, err := G.ApplyOp(o, inputs...)
	return o, n, err
}

// prepareConv checks the geometry and makes the op and its buffers, without
// putting it into the graph: a graph runs every node that it has, and a folded
// convolution runs in place of this one.
func prepareConv[T Float](b *Batch, in, out Image, x, w, bias *G.Node, opts ConvOptions) (*Conv[T], G.Nodes, error) {
	if err := in.check(x, b.Size); err != nil {
		return nil, nil, err
	}
	ws := w.Shape()
	if ws.Dims() != 4 || ws[0] != out.Real || ws[1] != in.Real || ws[2] != ws[3] {
		return nil, nil, fmt.Errorf("op: convolution: weights have shape %v; wanted (%d, %d, k, k)", ws, out.Real, in.Real)
	}
	v := kernel.Conv{
		In: in.Image, Out: out.Image, Inputs: in.Real, Outputs: out.Real,
		Kernel: ws[2], Stride: max(opts.Stride, 1), Pad: opts.Pad,
	}
	if err := v.Validate(); err != nil {
		return nil, nil, fmt.Errorf("op: convolution: %w", err)
	}
	if !opts.ReLU && !opts.Input && out.Halo < v.InputHalo() {
		return nil, nil, fmt.Errorf("op: convolution: halo of the result is %d; its gradient needs %d", out.Halo, v.InputHalo())
	}
	o := &Conv[T]{opts: opts, v: v, in: in, out: out, packed: make([]T, v.PackedLen()), bias: make([]T, out.Channels)}
	o.y, o.yData = newTensor[T](out.Shape(b.room())...)
	inputs := G.Nodes{x, w}
	if bias != nil {
		if bias.Dims() != 1 || bias.Shape()[0] != out.Real {
			return nil, nil, fmt.Errorf("op: convolution: bias has shape %v; wanted (%d)", bias.Shape(), out.Real)
		}
		inputs = append(inputs, bias)
	}
	o.base = newBase(b, "conv", out.Shape(b.Size), inputs...)
	return o, inputs, nil
}

// Conv is a convolution; see NewConv.
type Conv[T Float] struct {
	base
	opts     ConvOptions
	v        kernel.Conv
	in, out  Image
	packed   []T                 // weights in the kernel's order
	bias     []T                 // with zeros for the channels that are not real
	stats    *batchStats[T]      // of the result, where a normalization wants them
	before   func(low, high int) // makes these images of x; nil when they are made
	gradient func(low, high int) // makes the gradient of these images of y; nil when it is made
	masked   *maskedGradient[T]  // makes it already behind the ReLU instead; nil where nobody does
	y        *tensor.Dense
	yData    []T
	run      struct { // what the current run reads and writes
		x, y     kernel.Images[T]
		epilogue kernel.ConvEpilogue[T]
	}
}

// maskedGradient is how an op that reads a rectified convolution hands over the
// gradient with respect to what was rectified: fill writes that of images low to
// high of the batch.
type maskedGradient[T Float] struct {
	image Image
	fill  func(to kernel.Images[T], low, high int)
}

// byChannel says whether the gradient of the weights is split by channels.
func (o *Conv[T]) byChannel() bool { return chunks*o.v.GradientLen() > maxPartial }

// Do convolves the batch.
func (o *Conv[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.guard(&err)
	held, r := o.batch.held(), &o.run
	r.x, r.y = images(o.in, elements[T](inputs[0]), held), images(o.out, o.yData, held)
	if !o.batch.Same {
		kernel.PackConv(o.v, o.packed, elements[T](inputs[1]))
	}
	r.epilogue = kernel.ConvEpilogue[T]{ReLU: o.opts.ReLU}
	if len(inputs) == 3 {
		copy(o.bias, elements[T](inputs[2]))
		r.epilogue.Bias = o.bias
	}
	if o.stats == nil || o.batch.Frozen {
		o.batch.compute(o.in.Block(), o.convolve)
		return o.y, nil
	}
	if o.batch.Lazy != Eager {
		return nil, fmt.Errorf("op: %s: statistics of a batch in a graph that computes some images at a time", o)
	}
	// The first image is computed twice: its means are what the sums are taken
	// around.
	o.convolve(span{high: 1})
	o.stats.begin(r.y.Slice(0, 1))
	o.stats.used = o.batch.chunks(chunks, func(chunk, low, high int) {
		e := r.epilogue
		e.Stats = o.stats.chunk(chunk)
		for step := o.in.Block(); low < high; low += step {
			o.forward(span{low: low, high: min(low+step, high), at: low}, e)
		}
	})
	return o.y, nil
}

// convolve makes the images of s.
func (o *Conv[T]) convolve(s span) { o.forward(s, o.run.epilogue) }

func (o *Conv[T]) forward(s span, e kernel.ConvEpilogue[T]) {
	if o.before != nil {
		o.before(s.low, s.high)
	}
	kernel.ConvForward(o.v, of(o.run.y, s), of(o.run.x, s), o.packed, e)
}

// DiffWRT says which inputs get a gradient.
func (o *Conv[T]) DiffWRT(inputs int) []bool {
	return []bool{!o.opts.Input, true, true}[:inputs]
}

// SymDiff appends the backward ops.
func (o *Conv[T]) SymDiff(inputs G.Nodes, output, grad *G.Node) (G.Nodes, error) {
	c := newConvBackward(o, inputs)
	result := c.dw
	if !o.opts.Input {
		result = c.dx
	}
	children := G.Nodes{inputs[0], inputs[1], output, grad}
	if s := o.opts.Skip; s != nil && s.grad != nil {
		children = append(children, s.grad)
	}
	c.base = newBase(o.batch, "convBackward", result.Shape(), children...)
	core, err := G.ApplyOp(c, children...)
	if err != nil {
		return nil, err
	}
	grads := G.Nodes{nil, core}
	if !o.opts.Input {
		dw, err := newFetch(o.batch, "convWeight", core, c.dw)
		if err != nil {
			return nil, err
		}
		grads = G.Nodes{core, dw}
	}
	if len(inputs) == 3 {
		db, err := newFetch(o.batch, "convBias", core, c.db)
		if err != nil {
			return nil, err
		}
		grads = append(grads, db)
	}
	return grads, nil
}
