package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// MaxPool appends the maximum over windows of 2x2 pixels that do not overlap. An
// odd last row or column of pixels is left out. NaN is larger than any number,
// so that it reaches the loss; of equal values the first, row by row, counts and
// takes the gradient.
func MaxPool[T Float](b *Batch, in, out Image, x *G.Node) (*G.Node, error) {
	if err := in.check(x, b.Size); err != nil {
		return nil, err
	}
	if in.Height/2 != out.Height || in.Width/2 != out.Width || in.Real != out.Real || in.Channels != out.Channels {
		return nil, fmt.Errorf("op: max pool: %v does not go to %v", in, out)
	}
	o := &maxPool[T]{in: in, out: out, which: make([]uint8, b.Size*out.Height*out.Width*out.Channels)}
	o.y, o.yData = newTensor[T](out.Shape(b.Size)...)
	o.base = newBase(b, "maxPool", o.y.Shape(), x)
	return G.ApplyOp(o, x)
}

type maxPool[T Float] struct {
	base
	in, out Image
	which   []uint8 // of each maximum, which of its window's four pixels it is
	y       *tensor.Dense
	yData   []T
}

func (o *maxPool[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.guard(&err)
	x := elements[T](inputs[0])
	in, out, picks := o.in.Len(), o.out.Len(), len(o.which)/o.batch.Size
	o.batch.each(o.batch.Rows, func(_, i int) {
		o.pool(x[i*in:(i+1)*in], o.yData[i*out:(i+1)*out], o.which[i*picks:(i+1)*picks])
	})
	return o.y, nil
}

// corners returns the offsets of the pixels of a window.
func (o *maxPool[T]) corners(h, w int) [4]int {
	at := o.in.At(2*h, 2*w)
	return [4]int{at, at + o.in.Channels, at + o.in.Row(), at + o.in.Row() + o.in.Channels}
}

func (o *maxPool[T]) pool(x, y []T, which []uint8) {
	for h := range o.out.Height {
		for w := range o.out.Width {
			corner := o.corners(h, w)
			at := o.out.At(h, w)
			for c := range o.out.Channels {
				best, k := x[corner[0]+c], uint8(0)
				for j := 1; j < 4; j++ {
					if v := x[corner[j]+c]; v > best || v != v && best == best {
						best, k = v, uint8(j)
					}
				}
				y[at+c], which[c] = best, k
			}
			which = which[o.out.Channels:]
		}
	}
}

func (o *maxPool[T]) DiffWRT(int) []bool { return []bool{true} }

func (o *maxPool[T]) SymDiff(_ G.Nodes, output, grad *G.Node) (G.Nodes, error) {
	c := &maxPoolBackward[T]{forward: o}
	c.dx, c.dxData = newTensor[T](o.in.Shape(o.batch.Size)...)
	c.base = newBase(o.batch, "maxPoolBackward", c.dx.Shape(), output, grad)
	n, err := G.ApplyOp(c, output, grad)
	return G.Nodes{n}, err
}

// maxPoolBackward hands each gradient to the pixel that was the maximum. Pixels
// outside of all windows keep the zero of the allocation.
type maxPoolBackward[T Float] struct {
	base
	forward *maxPool[T]
	dx      *tensor.Dense
	dxData  []T
}

func (o *maxPoolBackward[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.guard(&err)
	f, dy := o.forward, elements[T](inputs[1])
	in, out, picks := f.in.Len(), f.out.Len(), len(f.which)/o.batch.Size
	o.batch.each(o.batch.Rows, func(_, i int) {
		which, dx, dy := f.which[i*picks:(i+1)*picks], o.dxData[i*in:(i+1)*in], dy[i*out:(i+1)*out]
		for h := range f.out.Height {
			for w := range f.out.Width {
				corner := f.corners(h, w)
				at := f.out.At(h, w)
				for c := range f.out.Channels {
					for _, k := range corner {
						dx[k+c] = 0
					}
					dx[corner[which[c]]+c] = dy[at+c]
				}
				which = which[f.out.Channels:]
			}
		}
	})
	return o.dx, nil
}
