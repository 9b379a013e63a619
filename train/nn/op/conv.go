package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sgdwalk/train/nn/kernel"
)

// ConvOptions are the options of NewConv.
type ConvOptions struct {
	Stride int   // distance of the windows; 0 means 1
	Pad    int   // zero pixels around the image; at most the halo of x
	ReLU   bool  // rectify the result
	Input  bool  // x is data, so it needs no gradient
	Skip   *Skip // x has a second use, whose gradient is added
}

// Skip connects the two uses of a value in a residual block: the first convolution
// and the residual of the last normalization. Without it, Gorgonia would add the
// two gradients with its own op, which allocates its result in every run. With a
// Skip, the normalization tells Gorgonia that its residual is not differentiable
// and stores the gradient here. The convolution, which is differentiated later,
// adds it to its own gradient.
type Skip struct{ grad *G.Node }

// NewConv appends the convolution y = w * x + bias, rectified with ReLU. It returns
// the op, from which Norm takes the statistics, and its node. w is (co, ci, k, k);
// bias is (co) or nil. x and y have the geometries in and out, whose extents must
// fit: out = (in + 2 pad - k)/stride + 1. Without ReLU, the gradient of y needs a
// halo of k-1-pad, so out must have it.
func NewConv[T Float](b *Batch, in, out Image, x, w, bias *G.Node, opts ConvOptions) (*Conv[T], *G.Node, error) {
	o, inputs, err := prepareConv[T](b, in, out, x, w, bias, opts)
	if err != nil {
		return nil, nil, err
	}
	b.addToChain(o.convolve)
	n, err := G.ApplyOp(o, inputs...)
	return o, n, err
}

// prepareConv checks the geometry and makes the op and its buffers, but does not
// append it to the graph. A folded convolution uses the op without running it, and
// the machine runs every node of a graph.
func prepareConv[T Float](b *Batch, in, out Image, x, w, bias *G.Node, opts ConvOptions) (*Conv[T], G.Nodes, error) {
	if err := in.check(x, b.Size); err != nil {
		return nil, nil, err
	}
	ws := w.Shape()
	if ws.Dims() != 4 || ws[0] != out.Real || ws[1] != in.Real || ws[2] != ws[3] {
		return nil, nil, fmt.Errorf("op: convolution: weights have shape %v; wanted (%d, %d, k, k)",
			ws, out.Real, in.Real)
	}
	v := kernel.Conv{
		In: in.Image, Out: out.Image, Inputs: in.Real, Outputs: out.Real,
		Kernel: ws[2], Stride: max(opts.Stride, 1), Pad: opts.Pad,
	}
	if err := v.Validate(); err != nil {
		return nil, nil, fmt.Errorf("op: convolution: %w", err)
	}
	if !opts.ReLU && !opts.Input && out.Halo < v.InputHalo() {
		return nil, nil, fmt.Errorf("op: convolution: halo of the result is %d; its gradient needs %d",
			out.Halo, v.InputHalo())
	}
	scratch[T](b).reserve(v)
	o := &Conv[T]{opts: opts, v: v, in: in, out: out, packed: make([]T, v.PackedLen()), bias: make([]T, out.Channels)}
	o.y, o.yData = newTensor[T](out.Shape(b.capacity())...)
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
	opts    ConvOptions
	v       kernel.Conv
	in, out Image
	packed  []T            // weights in the kernel's order
	bias    []T            // with zeros for the channels that are not real
	stats   *batchStats[T] // of the result, for a normalization that follows
	y       *tensor.Dense
	yData   []T

	// Other ops may leave their work to this one, which then does it for a few
	// images at a time, while they are in the cache. nil means that the operand is
	// complete.
	source *Norm[T]           // computes x
	result *resultGradient[T] // computes the gradient of y

	run struct { // operands of the current run
		x, y     kernel.Images[T]
		epilogue kernel.ConvEpilogue[T]
	}
}

// resultGradient computes the gradient of a convolution's result, before the ReLU
// if the convolution has one. The op that reads the result provides it: fill writes
// the gradient of images low to high of the batch. The whole gradient is then never
// stored.
type resultGradient[T Float] struct {
	image Image
	fill  func(to kernel.Images[T], low, high int)
}

// Do convolves the batch.
func (o *Conv[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.recoverError(&err)
	held, r := o.batch.stored(), &o.run
	r.y = images(o.out, o.yData, held)
	if o.source == nil {
		r.x = images(o.in, elements[T](inputs[0]), held)
	}
	if !o.batch.Unchanged {
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
	if o.batch.Mode != WholeBatch {
		return nil, fmt.Errorf("op: %s: the statistics of a batch need the mode WholeBatch", o)
	}
	// The first image is computed twice: its means are the pivot of the sums.
	o.convolve(imageBlock{high: 1})
	o.stats.begin(r.y.Slice(0, 1))
	o.stats.used = o.batch.chunks(chunks, func(chunk, low, high int) {
		e := r.epilogue
		e.Stats = o.stats.chunk(chunk)
		x := o.takeInput()
		defer o.giveInput(x)
		for step := o.in.Block(); low < high; low += step {
			o.forward(imageBlock{low: low, high: min(low+step, high), pos: low}, x, e)
		}
	})
	return o.y, nil
}

// convolve computes the images of s.
func (o *Conv[T]) convolve(s imageBlock) {
	x := o.takeInput()
	defer o.giveInput(x)
	o.forward(s, x, o.run.epilogue)
}

// takeInput returns memory for a block of the input, if the input is not stored.
func (o *Conv[T]) takeInput() (x kernel.Images[T]) {
	if o.source != nil && !o.source.kept {
		x = scratch[T](o.batch).takeImages(o.in)
	}
	return x
}

// giveInput gives the memory of takeInput back.
func (o *Conv[T]) giveInput(x kernel.Images[T]) {
	if x.Data != nil {
		scratch[T](o.batch).giveImages(x)
	}
}

// forward convolves a block. If a normalization left its last pass to this op, that
// pass runs first, into the memory x of takeInput.
func (o *Conv[T]) forward(s imageBlock, x kernel.Images[T], e kernel.ConvEpilogue[T]) {
	if o.source != nil {
		x = o.source.normalize(x, s.low, s.high)
	} else {
		x = blockOf(o.run.x, s)
	}
	pool := scratch[T](o.batch)
	memory := pool.take()
	defer pool.give(memory)
	kernel.ConvForward(o.v, blockOf(o.run.y, s), x, o.packed, e, memory)
}

// DiffWRT says which inputs have a gradient.
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
	var further []*tensor.Dense
	if !o.opts.Input {
		further = append(further, c.dw)
	}
	if c.db != nil {
		further = append(further, c.db)
	}
	grads, err := applyAll(o.batch, c, children, further...)
	if o.opts.Input {
		grads = append(G.Nodes{nil}, grads...)
	}
	return grads, err
}
