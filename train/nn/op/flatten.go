package op

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Flatten appends the step from images to a matrix (Size, channels*height*width)
// with the values of an image channel by channel: the usual order of the weights
// of the layer that follows, whatever the order in memory here.
func Flatten[T Float](b *Batch, in Image, x *G.Node) (*G.Node, error) {
	if err := in.check(x, b.Size); err != nil {
		return nil, err
	}
	o := &flatten[T]{in: in}
	o.y, o.yData = newTensor[T](b.Size, in.Real*in.Height*in.Width)
	o.base = newBase(b, "flatten", o.y.Shape(), x)
	return G.ApplyOp(o, x)
}

type flatten[T Float] struct {
	base
	in    Image
	y     *tensor.Dense
	yData []T
}

// pairs calls f with the offset of every value of image i in a matrix and in a
// tensor of images.
func (m Image) pairs(i int, f func(flat, image int)) {
	plane := m.Height * m.Width
	for h := range m.Height {
		for w := range m.Width {
			at, flat := i*m.Len()+m.At(h, w), i*m.Real*plane+h*m.Width+w
			for c := range m.Real {
				f(flat+c*plane, at+c)
			}
		}
	}
}

func (o *flatten[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.guard(&err)
	x := elements[T](inputs[0])
	o.batch.each(o.batch.Rows, func(i int) {
		o.in.pairs(i, func(flat, image int) { o.yData[flat] = x[image] })
	})
	return o.y, nil
}

func (o *flatten[T]) DiffWRT(int) []bool { return []bool{true} }

func (o *flatten[T]) SymDiff(_ G.Nodes, _, grad *G.Node) (G.Nodes, error) {
	c := &flattenBackward[T]{in: o.in}
	c.dx, c.dxData = newTensor[T](o.in.Shape(o.batch.Size)...)
	c.base = newBase(o.batch, "flattenBackward", c.dx.Shape(), grad)
	n, err := G.ApplyOp(c, grad)
	return G.Nodes{n}, err
}

type flattenBackward[T Float] struct {
	base
	in     Image
	dx     *tensor.Dense
	dxData []T
}

func (o *flattenBackward[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.guard(&err)
	dy := elements[T](inputs[0])
	o.batch.each(o.batch.Rows, func(i int) {
		o.in.pairs(i, func(flat, image int) { o.dxData[image] = dy[flat] })
	})
	return o.dx, nil
}
