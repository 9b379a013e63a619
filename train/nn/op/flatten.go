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

func (o *flatten[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.guard(&err)
	x, m := elements[T](inputs[0]), o.in
	plane := m.Height * m.Width
	o.batch.each(o.batch.Rows, func(i int) {
		y := o.yData[i*m.Real*plane : (i+1)*m.Real*plane]
		for p := range plane {
			at := i*m.Len() + m.At(p/m.Width, p%m.Width)
			for c, v := range x[at : at+m.Real] {
				y[c*plane+p] = v
			}
		}
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
	dy, m := elements[T](inputs[0]), o.in
	plane := m.Height * m.Width
	o.batch.each(o.batch.Rows, func(i int) {
		g := dy[i*m.Real*plane : (i+1)*m.Real*plane]
		for p := range plane {
			at := i*m.Len() + m.At(p/m.Width, p%m.Width)
			for c := range m.Real {
				o.dxData[at+c] = g[c*plane+p]
			}
		}
	})
	return o.dx, nil
}
