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
	maskedData     []T                // of the images at work in each chunk, or of all where it is split by channels
}

// maxPartial is the most values that the partial sums of one layer's gradient
// may have together. A layer with more weights is not cut into chunks of the
// batch but into groups of output channels, which have nothing to add up.
const maxPartial = 2 << 20

// channelBlock is the size of these groups.
const channelBlock = 64

func newConvBackward[T Float](o *Conv[T], inputs G.Nodes) *convBackward[T] {
	c := &convBackward[T]{forward: o, masked: o.out}
	size := o.batch.Size
	c.dw, c.dwData = newTensor[T](inputs[1].Shape()...)
	if len(inputs) == 3 {
		c.db, c.dbData = newTensor[T](o.out.Real)
	}
	parts := chunks
	if o.byChannel() {
		parts = 1
	}
	for range parts {
		c.parts = append(c.parts, make([]T, o.v.GradientLen()))
	}
	for range chunks {
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
		if o.masked != nil {
			c.masked = o.masked.image
		}
		if o.byChannel() { // it is read once more at the end
			c.maskedData = make([]T, size*c.masked.Len())
		} else {
			c.maskedData = make([]T, chunks*o.out.Block()*c.masked.Len())
		}
	}
	return c
}

// convPass is what a run of convBackward reads and writes: dy as it comes, g
// behind the ReLU.
type convPass[T Float] struct {
	x, y, dy, g, dx kernel.Images[T]
	add             []T // added to dx; nil for nothing
}

func (o *convBackward[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.guard(&err)
	f, rows := o.forward, o.batch.Rows
	view := func(m Image, v G.Value) kernel.Images[T] { return images(m, elements[T](v), rows) }
	p := convPass[T]{x: view(f.in, inputs[0]), y: view(f.out, inputs[2])}
	if f.masked == nil {
		p.dy = view(f.out, inputs[3])
	}
	p.g = p.dy
	if f.opts.ReLU {
		p.g = kernel.Images[T]{Image: o.masked.Image, Data: o.maskedData}
		if o.byChannel() {
			p.g = images(o.masked, o.maskedData, rows)
		}
	}
	if o.dx != nil {
		p.dx = images(f.in, o.dxData, rows)
		if !o.batch.Same {
			kernel.PackConvInput(f.v, o.packed, elements[T](inputs[1]))
		}
		if len(inputs) == 5 {
			p.add = elements[T](inputs[4])
		}
	}
	used := o.batch.chunks(chunks, func(chunk, low, high int) { o.chunk(&p, chunk, low, high) })
	o.reduce(&p, used)
	if o.dx != nil {
		return o.dx, nil
	}
	return o.dw, nil
}

func (o *convBackward[T]) byChannel() bool { return o.forward.byChannel() }

// behind returns the gradient behind the ReLU of images i to j of a chunk, or the
// room for it.
func (o *convBackward[T]) behind(p *convPass[T], chunk, i, j int) kernel.Images[T] {
	if !o.forward.opts.ReLU || o.byChannel() {
		return p.g.Slice(i, j)
	}
	at := chunk * o.forward.out.Block()
	return p.g.Slice(at, at+j-i)
}

// chunk does images low to high: a few at a time, so that the gradient is still
// in the cache when it is read again.
func (o *convBackward[T]) chunk(p *convPass[T], chunk, low, high int) {
	v := o.forward.v
	if !o.byChannel() {
		clear(o.parts[chunk])
	}
	o.bias[chunk].Reset()
	step := o.forward.out.Block()
	for i := low; i < high; i += step {
		j := min(i+step, high)
		if o.forward.gradient != nil {
			o.forward.gradient(i, j)
		}
		g, m := o.behind(p, chunk, i, j), o.forward.masked
		if m != nil {
			m.fill(g, i, j)
		}
		switch {
		case o.forward.opts.ReLU && m == nil:
			kernel.MaskReLUImages(g, p.dy.Slice(i, j), p.y.Slice(i, j), o.bias[chunk])
		case o.db != nil:
			o.bias[chunk].AddImages(g)
		}
		if !o.byChannel() {
			kernel.ConvWeights(v, o.parts[chunk], p.x.Slice(i, j), g)
		}
		if o.dx == nil {
			continue
		}
		e := kernel.ConvEpilogue[T]{}
		if p.add != nil {
			e.Residual = p.add[i*p.dx.Len() : j*p.dx.Len()]
		}
		kernel.ConvInput(v, p.dx.Slice(i, j), g, o.packed, e)
	}
}

// reduce finishes the gradients of weights and bias.
func (o *convBackward[T]) reduce(p *convPass[T], used int) {
	v, parts := o.forward.v, o.parts
	if o.byChannel() {
		clear(parts[0])
		o.batch.blocks(v.Out.Channels, channelBlock, func(low, high int) {
			kernel.ConvWeightsOf(v, parts[0], p.x, p.g, low, high)
		})
	} else {
		parts = parts[:used]
	}
	kernel.UnpackConvGradient(v, o.dwData, parts...)
	for c := range o.dbData {
		sum := 0.0
		for _, s := range o.bias[:used] {
			sum += s.First[c]
		}
		o.dbData[c] = T(sum)
	}
}
