package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sgdwalk/train/nn/kernel"
)

// Combined is the first op of a graph that gets the result of the first convolution
// instead of the examples. Many points in the space of theta share the convolution,
// because it is linear in theta: each point adds up convolutions with a few vectors.
//
// Base, Term and Scale are set before each run: the op computes Base + Scale*Term. The
// slices have the convolution's results for all rows of the batch, image after image, and
// are borrowed for the run.
type Combined[T Float] struct {
	base
	Base, Term []T // a nil Term adds nothing
	Scale      T

	in, out Image
	relu    bool
	sums    []T // of some lines of an image, for each slot
	lines   int // of the result that are computed at a time
	y       *tensor.Dense
	yData   []T
}

// combinedValues limits the sums that wait for their maximum, so that they stay in the
// first-level cache.
const combinedValues = 1 << 12

// NewCombined appends the op. in is the geometry of the convolution's result. If pooled,
// the op also takes the maximum over windows of 2x2 pixels, as MaxPool does, and in and
// out have no halo; otherwise out is in. relu rectifies the result. The op has no
// gradient. It does not read x, the input of the graph.
func NewCombined[T Float](b *Batch, in, out Image, x *G.Node, pooled, relu bool) (*Combined[T], *G.Node, error) {
	o := &Combined[T]{in: in, out: out, relu: relu}
	if pooled {
		if in.Height/2 != out.Height || in.Width/2 != out.Width || in.Channels != out.Channels || in.Halo+out.Halo > 0 {
			return nil, nil, fmt.Errorf("op: combined: the maximum of %v with halo %d does not fit %v with halo %d",
				in, in.Halo, out, out.Halo)
		}
		o.lines = min(out.Height, max(1, combinedValues/(2*in.Row())))
		o.sums = make([]T, b.slotCount()*2*o.lines*in.Row())
	} else if in != out {
		return nil, nil, fmt.Errorf("op: combined: %v does not fit the result %v", in, out)
	}
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
	y := blockOf(images(o.out, o.yData, o.batch.stored()), s)
	for i := range s.count() {
		at, to := (s.low+i)*o.in.Len(), y.Slice(i, i+1).Data
		if o.lines == 0 {
			o.add(to, at)
		}
		for line := 0; line < o.out.Height && o.lines > 0; line += o.lines {
			n := min(o.lines, o.out.Height-line)
			sum := kernel.Images[T]{Image: o.in.Image, Data: o.sums[s.slot*2*o.lines*o.in.Row():][:2*n*o.in.Row()]}
			part := kernel.Images[T]{Image: o.out.Image, Data: to[line*o.out.Row():][:n*o.out.Row()]}
			sum.Height, part.Height = 2*n, n
			o.add(sum.Data, at+2*line*o.in.Row())
			kernel.MaxPool(part, sum)
		}
		if o.relu {
			kernel.MaskReLU(to, to, to)
		}
	}
}

// add sets dst to the sum, from element at on.
func (o *Combined[T]) add(dst []T, at int) {
	if o.Term == nil {
		copy(dst, o.Base[at:])
		return
	}
	kernel.ScaleAdd(dst, o.Scale, o.Term[at:at+len(dst)], 1, o.Base[at:at+len(dst)])
}

// DiffWRT says that the examples have no gradient.
func (o *Combined[T]) DiffWRT(int) []bool { return []bool{false} }

// SymDiff returns an error.
func (o *Combined[T]) SymDiff(G.Nodes, *G.Node, *G.Node) (G.Nodes, error) {
	return nil, fmt.Errorf("op: combined: the input has no gradient")
}
