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
	o := &flatten[T]{in: in, pixels: make([]int, 0, in.Height*in.Width)}
	for h := range in.Height {
		for w := range in.Width {
			o.pixels = append(o.pixels, in.At(h, w))
		}
	}
	o.y, o.yData = newTensor[T](b.Size, in.Real*in.Height*in.Width)
	o.base = newBase(b, "flatten", o.y.Shape(), x)
	return G.ApplyOp(o, x)
}

type flatten[T Float] struct {
	base
	in     Image
	pixels []int // where each pixel of an image begins
	y      *tensor.Dense
	yData  []T
}

func (o *flatten[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.guard(&err)
	x, plane := images(o.in, elements[T](inputs[0]), o.batch.held()), len(o.pixels)
	o.batch.spans(o.in.Block(), func(s span) {
		for i := range s.count() {
			image := x.Data[(s.at+i)*x.Len() : (s.at+i+1)*x.Len()]
			y := o.yData[(s.low+i)*o.in.Real*plane:]
			for c := range o.in.Real {
				row := y[c*plane : (c+1)*plane]
				for p, at := range o.pixels {
					row[p] = image[at+c]
				}
			}
		}
	})
	return o.y, nil
}

func (o *flatten[T]) DiffWRT(int) []bool { return []bool{true} }

func (o *flatten[T]) SymDiff(_ G.Nodes, _, grad *G.Node) (G.Nodes, error) {
	c := &flattenBackward[T]{in: o.in, pixels: o.pixels}
	c.dx, c.dxData = newTensor[T](o.in.Shape(o.batch.Size)...)
	c.base = newBase(o.batch, "flattenBackward", c.dx.Shape(), grad)
	n, err := G.ApplyOp(c, grad)
	return G.Nodes{n}, err
}

type flattenBackward[T Float] struct {
	base
	in     Image
	pixels []int
	dx     *tensor.Dense
	dxData []T
}

func (o *flattenBackward[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.guard(&err)
	dy, plane := elements[T](inputs[0]), len(o.pixels)
	o.batch.blocks(o.batch.Rows, o.in.Block(), func(low, high int) {
		for i := low; i < high; i++ {
			image := o.dxData[i*o.in.Len() : (i+1)*o.in.Len()]
			for c := range o.in.Real {
				row := dy[(i*o.in.Real+c)*plane:][:plane]
				for p, at := range o.pixels {
					image[at+c] = row[p]
				}
			}
		}
	})
	return o.dx, nil
}
