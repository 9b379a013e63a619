package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sgdwalk/train/nn/kernel"
)

// GlobalAverage appends the mean over all pixels of each channel: images become a
// matrix (Size, channels). The stored channels must all be real.
func GlobalAverage[T Float](b *Batch, in Image, x *G.Node) (*G.Node, error) {
	if err := in.check(x, b.Size); err != nil {
		return nil, err
	}
	if in.Real != in.Channels {
		return nil, fmt.Errorf("op: average: %d channels are stored as %d; the two numbers must be equal",
			in.Real, in.Channels)
	}
	o := &average[T]{in: in}
	for range b.slotCount() {
		o.sums = append(o.sums, kernel.NewStats[T](in.Channels))
	}
	o.y, o.yData = newTensor[T](b.Size, in.Channels)
	o.base = newBase(b, "average", o.y.Shape(), x)
	return G.ApplyOp(o, x)
}

// average is the op of GlobalAverage. It ends the images, so it runs the chain.
type average[T Float] struct {
	base
	in    Image
	sums  []*kernel.Stats[T] // scratch space of each slot
	y     *tensor.Dense
	yData []T
}

func (o *average[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.recoverError(&err)
	x := images(o.in, elements[T](inputs[0]), o.batch.stored())
	y := kernel.Dense(o.yData, o.batch.Rows, o.in.Channels)
	o.batch.runChain(o.in.Block(), func(s imageBlock) {
		kernel.MeanPool(y.Band(s.low, s.high), blockOf(x, s), o.sums[s.slot])
	})
	return o.y, nil
}

func (o *average[T]) SymDiff(_ G.Nodes, _, grad *G.Node) (G.Nodes, error) {
	c := &averageBackward[T]{in: o.in}
	c.dx, c.dxData = newTensor[T](o.in.Shape(o.batch.Size)...)
	c.base = newBase(o.batch, "averageBackward", c.dx.Shape(), grad)
	return applyAll(o.batch, c, G.Nodes{grad})
}

// averageBackward gives every pixel the same fraction of the gradient.
type averageBackward[T Float] struct {
	base
	in     Image
	dx     *tensor.Dense
	dxData []T
}

func (o *averageBackward[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.recoverError(&err)
	rows := o.batch.Rows
	dx, dy := images(o.in, o.dxData, rows), kernel.Dense(elements[T](inputs[0]), rows, o.in.Channels)
	o.batch.blocks(rows, o.in.Block(), func(low, high int) {
		kernel.MeanPoolInput(dx.Slice(low, high), dy.Band(low, high))
	})
	return o.dx, nil
}
