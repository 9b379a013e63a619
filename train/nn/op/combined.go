package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sgdwalk/train/nn/kernel"
)

// Combined is the first op of a graph that gets the result of the first convolution
// instead of the examples. Many points in the space of theta share the convolution,
// because it is linear in theta: each point adds up the convolutions of a few vectors.
//
// The fields are set before each run. They have the convolution's results for all rows
// of the batch, image after image, and are borrowed for the run.
type Combined[T Float] struct {
	base
	Base   []T
	Terms  [][]T // multiplied by Scales and added to Base
	Scales []T

	in, out Image
	relu    bool
	sums    []T // of an image, for each slot
	y       *tensor.Dense
	yData   []T
}

// NewCombined appends the op. in is the geometry of the convolution's result. If out has
// half the extents, the op also takes the maximum over windows of 2x2 pixels, as MaxPool
// does. ReLU rectifies the result. The op has no gradient. It does not read x, the input
// of the graph.
func NewCombined[T Float](b *Batch, in, out Image, x *G.Node, relu bool) (*Combined[T], *G.Node, error) {
	pooled := in.Height/2 == out.Height && in.Width/2 == out.Width
	if in != out && !pooled || in.Channels != out.Channels || in.Real != out.Real {
		return nil, nil, fmt.Errorf("op: combined: %v does not fit the result %v", in, out)
	}
	o := &Combined[T]{in: in, out: out, relu: relu, sums: make([]T, b.slotCount()*in.Len())}
	o.y, o.yData = newTensor[T](out.Shape(b.capacity())...)
	o.base = newBase(b, "combined", out.Shape(b.Size), x)
	b.addToChain(o.combine)
	n, err := G.ApplyOp(o, x)
	return o, n, err
}

// Do combines the batch.
func (o *Combined[T]) Do(...G.Value) (_ G.Value, err error) {
	defer o.recoverError(&err)
	o.batch.compute(1, o.combine)
	return o.y, nil
}

// combine computes the images of s. The maximum comes before the ReLU, which then has a
// quarter of the pixels; both orders have the same result.
func (o *Combined[T]) combine(s imageBlock) {
	n := o.in.Len()
	sum := kernel.Images[T]{Image: o.in.Image, Data: o.sums[s.slot*n : (s.slot+1)*n]}
	y := blockOf(images(o.out, o.yData, o.batch.stored()), s)
	for i := range s.count() {
		at, end := (s.low+i)*n, (s.low+i+1)*n
		from, to := o.Base[at:end], y.Slice(i, i+1)
		if o.in == o.out {
			sum.Data = to.Data
		}
		for k, t := range o.Terms {
			kernel.ScaleAdd(sum.Data, o.Scales[k], t[at:end], 1, from)
			from = sum.Data
		}
		if len(o.Terms) == 0 {
			copy(sum.Data, from)
		}
		if o.in != o.out {
			kernel.MaxPool(to, sum)
		}
		if o.relu {
			kernel.MaskReLU(to.Data, to.Data, to.Data)
		}
	}
}

// DiffWRT says that the examples have no gradient.
func (o *Combined[T]) DiffWRT(int) []bool { return []bool{false} }

// SymDiff returns an error.
func (o *Combined[T]) SymDiff(G.Nodes, *G.Node, *G.Node) (G.Nodes, error) {
	return nil, fmt.Errorf("op: combined: the input has no gradient")
}
