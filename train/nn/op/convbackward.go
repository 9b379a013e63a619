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
	packed         []T                // flipped and transposed weights
	parts          [][]T              // gradient of the weights of each chunk
	bias           []*kernel.Stats[T] // and sums of the gradient, for the bias
	masked         Image              // geometry of the gradient behind the ReLU
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
		c.bias = append(c.bias, kernel.NewStats[T](o.out.Channels))
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
	used := o.batch.chunks(len(o.parts), func(chunk, low, high int) {
		clear(o.parts[chunk])
		o.bias[chunk].Reset()
		// Image by image, or a few small ones at a time, so that the gradient is
		// still in the cache for its second use.
		for i := low; i < high; i += imageBlock {
			j := min(i+imageBlock, high)
			switch {
			case f.opts.ReLU:
				kernel.MaskReLUImages(g.Slice(i, j), dy.Slice(i, j), y.Slice(i, j), o.bias[chunk])
			case o.db != nil:
				o.bias[chunk].AddImages(g.Slice(i, j))
			}
			kernel.ConvWeights(f.v, o.parts[chunk], x.Slice(i, j), g.Slice(i, j))
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
		for c := range o.dbData {
			sum := 0.0
			for _, p := range o.bias[:used] {
				sum += p.First[c]
			}
			o.dbData[c] = T(sum)
		}
	}
	if o.dx != nil {
		return o.dx, nil
	}
	return o.dw, nil
}
