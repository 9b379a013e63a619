package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sgdwalk/train/nn/kernel"
)

// MaxPool appends the maximum over windows of 2x2 pixels that do not overlap. An
// odd last row or column of pixels is left out. NaN is larger than any number,
// so that it reaches the loss; of equal values the first, row by row, takes the
// gradient.
func MaxPool[T Float](b *Batch, in, out Image, x *G.Node) (*G.Node, error) {
	if err := in.check(x, b.Size); err != nil {
		return nil, err
	}
	if in.Height/2 != out.Height || in.Width/2 != out.Width || in.Channels != out.Channels || in.Real != out.Real {
		return nil, fmt.Errorf("op: max pool: %v does not go to %v", in, out)
	}
	o := &maxPool[T]{in: in, out: out}
	o.y, o.yData = newTensor[T](out.Shape(b.Size)...)
	o.base = newBase(b, "maxPool", o.y.Shape(), x)
	return G.ApplyOp(o, x)
}

type maxPool[T Float] struct {
	base
	in, out Image
	y       *tensor.Dense
	yData   []T
}

func (o *maxPool[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.guard(&err)
	rows := o.batch.Rows
	x, y := images(o.in, elements[T](inputs[0]), rows), images(o.out, o.yData, rows)
	o.batch.blocks(rows, o.in.block(), func(low, high int) {
		kernel.MaxPool(y.Slice(low, high), x.Slice(low, high))
	})
	return o.y, nil
}

func (o *maxPool[T]) DiffWRT(int) []bool { return []bool{true} }

func (o *maxPool[T]) SymDiff(inputs G.Nodes, output, grad *G.Node) (G.Nodes, error) {
	c := &maxPoolBackward[T]{in: o.in, out: o.out}
	c.dx, c.dxData = newTensor[T](o.in.Shape(o.batch.Size)...)
	c.base = newBase(o.batch, "maxPoolBackward", c.dx.Shape(), inputs[0], output, grad)
	n, err := G.ApplyOp(c, inputs[0], output, grad)
	return G.Nodes{n}, err
}

// maxPoolBackward hands each gradient to the pixel that was the maximum.
type maxPoolBackward[T Float] struct {
	base
	in, out Image
	dx      *tensor.Dense
	dxData  []T
}

func (o *maxPoolBackward[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.guard(&err)
	rows := o.batch.Rows
	x, dx := images(o.in, elements[T](inputs[0]), rows), images(o.in, o.dxData, rows)
	y, dy := images(o.out, elements[T](inputs[1]), rows), images(o.out, elements[T](inputs[2]), rows)
	o.batch.blocks(rows, o.in.block(), func(i, j int) {
		kernel.MaxPoolInput(dx.Slice(i, j), dy.Slice(i, j), y.Slice(i, j), x.Slice(i, j), false)
	})
	return o.dx, nil
}
