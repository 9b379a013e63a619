package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Pad appends the step from a network's input, a matrix (Size, height*width*
// channels) of images channels last, to images with the halo of out. It has no
// gradient.
func Pad[T Float](b *Batch, out Image, x *G.Node) (*G.Node, error) {
	if want := (tensor.Shape{b.Size, out.Height * out.Width * out.Channels}); !x.Shape().Eq(want) {
		return nil, fmt.Errorf("op: pad: input has shape %v; wanted %v", x.Shape(), want)
	}
	o := &pad[T]{out: out}
	o.y, o.yData = newTensor[T](out.Shape(b.Size)...)
	o.base = newBase(b, "pad", o.y.Shape(), x)
	return G.ApplyOp(o, x)
}

type pad[T Float] struct {
	base
	out   Image
	y     *tensor.Dense
	yData []T
}

func (o *pad[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.guard(&err)
	x, m := elements[T](inputs[0]), o.out
	line := m.Width * m.Channels
	o.batch.blocks(o.batch.Rows, o.out.block(), func(low, high int) {
		for i := low; i < high; i++ {
			for h := range m.Height {
				copy(o.yData[i*m.Len()+m.At(h, 0):][:line], x[(i*m.Height+h)*line:])
			}
		}
	})
	return o.y, nil
}

func (o *pad[T]) DiffWRT(int) []bool { return []bool{false} }

func (o *pad[T]) SymDiff(G.Nodes, *G.Node, *G.Node) (G.Nodes, error) {
	return nil, fmt.Errorf("op: pad: the input has no gradient")
}
