package op

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// GlobalAverage appends the mean over all pixels of each channel: images become
// a matrix (Size, channels).
func GlobalAverage[T Float](b *Batch, in Image, x *G.Node) (*G.Node, error) {
	if err := in.check(x, b.Size); err != nil {
		return nil, err
	}
	o := &average[T]{in: in}
	o.y, o.yData = newTensor[T](b.Size, in.Real)
	o.base = newBase(b, "average", o.y.Shape(), x)
	return G.ApplyOp(o, x)
}

type average[T Float] struct {
	base
	in    Image
	y     *tensor.Dense
	yData []T
}

func (o *average[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.guard(&err)
	x, m := elements[T](inputs[0]), o.in
	share := 1 / T(m.Height*m.Width)
	o.batch.each(o.batch.Rows, func(_, i int) {
		y := o.yData[i*m.Real : (i+1)*m.Real]
		clear(y)
		for h := range m.Height {
			at := i*m.Len() + m.At(h, 0)
			for range m.Width {
				for c := range y {
					y[c] += x[at+c]
				}
				at += m.Channels
			}
		}
		for c := range y {
			y[c] *= share
		}
	})
	return o.y, nil
}

func (o *average[T]) DiffWRT(int) []bool { return []bool{true} }

func (o *average[T]) SymDiff(_ G.Nodes, _, grad *G.Node) (G.Nodes, error) {
	c := &averageBackward[T]{in: o.in}
	c.dx, c.dxData = newTensor[T](o.in.Shape(o.batch.Size)...)
	c.base = newBase(o.batch, "averageBackward", c.dx.Shape(), grad)
	n, err := G.ApplyOp(c, grad)
	return G.Nodes{n}, err
}

// averageBackward spreads each gradient evenly.
type averageBackward[T Float] struct {
	base
	in     Image
	dx     *tensor.Dense
	dxData []T
}

func (o *averageBackward[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.guard(&err)
	dy, m := elements[T](inputs[0]), o.in
	share := 1 / T(m.Height*m.Width)
	o.batch.each(o.batch.Rows, func(_, i int) {
		for h := range m.Height {
			at := i*m.Len() + m.At(h, 0)
			for range m.Width {
				for c, v := range dy[i*m.Real : (i+1)*m.Real] {
					o.dxData[at+c] = v * share
				}
				at += m.Channels
			}
		}
	})
	return o.dx, nil
}
