package op

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sgdwalk/train/nn/kernel"
)

// convBackward computes the gradients of a convolution with respect to its
// input, its weights and its bias. Its result is that of the input, or that of
// the weights when the input is data.
type convBackward[T Float] struct {
	base
	forward        *Conv[T]
	dx, dw, db     *tensor.Dense
	dxData, dwData []T
	dbData         []T
	packed         []T   // flipped and transposed weights
	parts          [][]T // gradient of the weights of each chunk
	bias           [][]T // and of the bias
	masked         Image // geometry of the gradient behind the ReLU
	maskedData     []T
}

// maxPartial is about how many values the partial sums of one layer's gradient
// may take together; a layer with many weights is cut into fewer chunks.
const maxPartial = 4 << 20

func newConvBackward[T Float](o *Conv[T], inputs G.Nodes) *convBackward[T] {
	c := &convBackward[T]{forward: o, masked: o.out}
	size := o.batch.Size
	c.dw, c.dwData = newTensor[T](inputs[1].Shape()...)
	if len(inputs) == 3 {
		c.db, c.dbData = newTensor[T](o.out.Real)
	}
	for range min(chunks, max(2, maxPartial/o.v.GradientLen())) {
		c.parts = append(c.parts, make([]T, o.v.GradientLen()))
		c.bias = append(c.bias, make([]T, o.out.Channels))
	}
	if !o.opts.Input {
		c.dx, c.dxData = newTensor[T](o.in.Shape(size)...)
		c.packed = make([]T, o.v.PackedInputLen())
	}
	if o.opts.ReLU {
		if !o.opts.Input {
			c.masked.Halo = max(c.masked.Halo, o.v.InputHalo())
		}
		c.maskedData = make([]T, size*c.masked.Len())
	}
	return c
}

func (o *convBackward[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.guard(&err)
	f, rows := o.forward, o.batch.Rows
	x, dy := images(f.in, elements[T](inputs[0]), rows), images(f.out, elements[T](inputs[3]), rows)
	y, g := images(f.out, elements[T](inputs[2]), rows), dy
	if f.opts.ReLU {
		g = images(o.masked, o.maskedData, rows)
	}
	var dx kernel.Images[T]
	var add []T
	if o.dx != nil {
		dx = images(f.in, o.dxData, rows)
		kernel.PackConvInput(f.v, o.packed, elements[T](inputs[1]))
		if len(inputs) == 5 {
			add = elements[T](inputs[4])
		}
	}
	used := o.batch.chunks(len(o.parts), func(_, chunk, low, high int) {
		clear(o.parts[chunk])
		clear(o.bias[chunk])
		// Image by image, or a few small ones at a time, so that the gradient is
		// still in the cache for its second use.
		for i := low; i < high; i += imageBlock {
			j := min(i+imageBlock, high)
			if f.opts.ReLU {
				maskImages(g.Slice(i, j), dy.Slice(i, j), y.Slice(i, j))
			}
			kernel.ConvWeights(f.v, o.parts[chunk], x.Slice(i, j), g.Slice(i, j))
			if o.db != nil {
				sumPixels(o.bias[chunk], g.Slice(i, j))
			}
			if o.dx == nil {
				continue
			}
			e := kernel.ConvEpilogue[T]{}
			if add != nil {
				e.Residual = add[i*dx.Len() : j*dx.Len()]
			}
			kernel.ConvInput(f.v, dx.Slice(i, j), g.Slice(i, j), o.packed, e)
		}
	})
	kernel.UnpackConvGradient(f.v, o.dwData, o.parts[:used]...)
	if o.db != nil {
		clear(o.dbData)
		for _, p := range o.bias[:used] {
			for c := range o.dbData {
				o.dbData[c] += p[c]
			}
		}
	}
	if o.dx != nil {
		return o.dx, nil
	}
	return o.dw, nil
}

// maskImages sets g to dy where y is positive or NaN, else to 0.
func maskImages[T Float](g, dy, y kernel.Images[T]) {
	line := g.Width * g.Channels
	for i := range g.Count() {
		for h := range g.Height {
			to, from := i*g.Len()+g.At(h, 0), i*y.Len()+y.At(h, 0)
			kernel.MaskReLU(g.Data[to:to+line], dy.Data[from:from+line], y.Data[from:from+line])
		}
	}
}

// sumPixels adds all pixels to dst.
func sumPixels[T Float](dst []T, m kernel.Images[T]) {
	for i := range m.Count() {
		for h := range m.Height {
			at := i*m.Len() + m.At(h, 0)
			for range m.Width {
				for c, v := range m.Data[at : at+m.Channels] {
					dst[c] += v
				}
				at += m.Channels
			}
		}
	}
}
