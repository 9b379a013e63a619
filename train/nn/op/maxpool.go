package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sgdwalk/train/nn/kernel"
)

// MaxPool appends the maximum over windows of 2x2 pixels that do not overlap. It
// ignores an odd last row or column of pixels. NaN counts as larger than any
// number, so that it reaches the loss. Of equal values the first one, row by row,
// gets the gradient.
//
// from, if not nil, is the convolution whose result is x. If it has a ReLU, the
// gradients of both are computed in one pass, a few images at a time. No other op
// may then read the result of the convolution.
func MaxPool[T Float](b *Batch, in, out Image, x *G.Node, from *Conv[T]) (*G.Node, error) {
	if err := in.check(x, b.Size); err != nil {
		return nil, err
	}
	if in.Height/2 != out.Height || in.Width/2 != out.Width || in.Channels != out.Channels || in.Real != out.Real {
		return nil, fmt.Errorf("op: max pool: %v does not fit the result %v", in, out)
	}
	o := &maxPool[T]{in: in, out: out, from: from}
	o.y, o.yData = newTensor[T](out.Shape(b.capacity())...)
	o.base = newBase(b, "maxPool", out.Shape(b.Size), x)
	b.addToChain(o.pool)
	return G.ApplyOp(o, x)
}

// maxPool is the op of MaxPool.
type maxPool[T Float] struct {
	base
	in, out Image
	from    *Conv[T] // may be nil
	y       *tensor.Dense
	yData   []T
	run     struct{ x, y kernel.Images[T] }
}

func (o *maxPool[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.recoverError(&err)
	held := o.batch.stored()
	o.run.x, o.run.y = images(o.in, elements[T](inputs[0]), held), images(o.out, o.yData, held)
	o.batch.compute(o.in.Block(), o.pool)
	return o.y, nil
}

// pool computes the images of s.
func (o *maxPool[T]) pool(s imageBlock) { kernel.MaxPool(blockOf(o.run.y, s), blockOf(o.run.x, s)) }

func (o *maxPool[T]) SymDiff(inputs G.Nodes, output, grad *G.Node) (G.Nodes, error) {
	c := &maxPoolBackward[T]{in: o.in, out: o.out}
	if c.relu = o.from != nil && o.from.opts.ReLU; c.relu && !o.from.opts.Input {
		c.in.Halo = max(c.in.Halo, o.from.v.InputHalo())
	}
	if c.relu {
		// The convolution computes the gradient; no op reads this result.
		c.dx, _ = newTensor[T](1)
		o.from.result = &resultGradient[T]{c.in, c.pool}
	} else {
		c.dx, c.dxData = newTensor[T](c.in.Shape(o.batch.Size)...)
	}
	c.x = o.in
	c.base = newBase(o.batch, "maxPoolBackward", o.in.Shape(o.batch.Size), inputs[0], output, grad)
	n, err := G.ApplyOp(c, inputs[0], output, grad)
	return G.Nodes{n}, err
}

// maxPoolBackward passes each gradient to the pixel that was the maximum.
type maxPoolBackward[T Float] struct {
	base
	in, out Image // of the gradients
	x       Image
	relu    bool // includes the ReLU before; the convolution then calls pool
	dx      *tensor.Dense
	dxData  []T
	run     struct{ x, y, dy kernel.Images[T] }
}

func (o *maxPoolBackward[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.recoverError(&err)
	rows, r := o.batch.Rows, &o.run
	r.x = images(o.x, elements[T](inputs[0]), rows)
	r.y, r.dy = images(o.out, elements[T](inputs[1]), rows), images(o.out, elements[T](inputs[2]), rows)
	if !o.relu {
		dx := images(o.in, o.dxData, rows)
		o.batch.blocks(rows, o.in.Block(), func(low, high int) { o.pool(dx.Slice(low, high), low, high) })
	}
	return o.dx, nil
}

// pool computes the gradient of images low to high.
func (o *maxPoolBackward[T]) pool(dx kernel.Images[T], low, high int) {
	r := &o.run
	kernel.MaxPoolInput(dx, r.dy.Slice(low, high), r.y.Slice(low, high), r.x.Slice(low, high), o.relu)
}
