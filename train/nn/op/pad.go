package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Pad turns a network's input, a matrix (Size, height*width*channels) of images
// channels last, into images with the halo of out. It has no gradient.
func Pad[T Float](b *Batch, out Image, x *G.Node) (*G.Node, error) {
	if want := (tensor.Shape{b.Size, out.Height * out.Width * out.Channels}); !x.Shape().Eq(want) {
		return nil, fmt.Errorf("op: pad: input has shape %v; wanted %v", x.Shape(), want)
	}
	o := &pad[T]{out: out}
	o.y, o.yData = newTensor[T](out.Shape(b.capacity())...)
	o.base = newBase(b, "pad", out.Shape(b.Size), x)
	b.addToChain(o.pad)
	return G.ApplyOp(o, x)
}

// pad is the op of Pad.
type pad[T Float] struct {
	base
	out   Image
	y     *tensor.Dense
	yData []T
	x     []T // input of the current run
}

func (o *pad[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.recoverError(&err)
	o.x = elements[T](inputs[0])
	o.batch.compute(o.out.Block(), o.pad)
	return o.y, nil
}

// pad copies the images of s.
func (o *pad[T]) pad(s imageBlock) {
	m := o.out
	y := images(m, o.yData, o.batch.stored())
	for i := range s.count() {
		y.Load(s.pos+i, o.x[(s.low+i)*m.Height*m.Width*m.Channels:], m.Channels)
	}
}

func (o *pad[T]) DiffWRT(int) []bool { return []bool{false} }

func (o *pad[T]) SymDiff(G.Nodes, *G.Node, *G.Node) (G.Nodes, error) {
	return nil, fmt.Errorf("op: pad: the input has no gradient")
}
