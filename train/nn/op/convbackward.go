package op

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sgdwalk/train/nn/kernel"
)

// convSums are the partial sums of the gradient of one convolution's weights and
// bias over the batch. Each chunk of the batch has its own sums, which are added in
// order, so the bits do not depend on the number of workers.
//
// A layer with many weights would need too much memory for that. It has only one
// sum of the weights, computed after all images by groups of output channels.
type convSums[T Float] struct {
	v         kernel.Conv
	byChannel bool
	parts     [][]T              // gradient of the weights, per chunk
	bias      []*kernel.Stats[T] // gradient of the bias, per chunk
}

const (
	// maxPartialSums is the largest number of values that the partial sums of one
	// layer may have together.
	maxPartialSums = 2 << 20
	// channelBlock is the number of output channels in a group.
	channelBlock = 64
)

// newConvSums allocates the sums of a convolution.
func newConvSums[T Float](v kernel.Conv) *convSums[T] {
	s := &convSums[T]{v: v, byChannel: chunks*v.GradientLen() > maxPartialSums}
	for i := range chunks {
		if i == 0 || !s.byChannel {
			s.parts = append(s.parts, make([]T, v.GradientLen()))
		}
		s.bias = append(s.bias, kernel.NewStats[T](v.Out.Channels))
	}
	return s
}

// reset clears the sums of a chunk.
func (s *convSums[T]) reset(chunk int) {
	if !s.byChannel {
		clear(s.parts[chunk])
	}
	s.bias[chunk].Reset()
}

// finish sets dw and db, which may be empty, to the sums of the first used chunks.
// If the sums are by channel, it first calls channels to add those of the output
// channels low to high.
func (s *convSums[T]) finish(b *Batch, used int, dw, db []T, channels func(sum []T, low, high int)) {
	parts := s.parts
	if s.byChannel {
		clear(parts[0])
		b.blocks(s.v.Out.Channels, channelBlock, func(low, high int) { channels(parts[0], low, high) })
	} else {
		parts = parts[:used]
	}
	kernel.UnpackConvGradient(s.v, dw, parts...)
	for c := range db {
		sum := 0.0
		for _, p := range s.bias[:used] {
			sum += p.First[c]
		}
		db[c] = T(sum)
	}
}

// convBackward computes the gradients of a convolution with respect to its input,
// its weights and its bias. Its result is the gradient of the input, or that of the
// weights if the input is data.
type convBackward[T Float] struct {
	base
	forward        *Conv[T]
	dx, dw, db     *tensor.Dense
	dxData, dwData []T
	dbData         []T
	packed         []T // flipped and transposed weights
	sums           *convSums[T]
	masked         Image // geometry of the masked gradient
	maskedData     []T   // masked gradient of the images in work in each chunk, or of all if sums are by channel
}

// newConvBackward allocates the gradients. The halo of the masked gradient must be wide
// enough for the convolution that computes the gradient of the input.
func newConvBackward[T Float](o *Conv[T], inputs G.Nodes) *convBackward[T] {
	c := &convBackward[T]{forward: o, masked: o.out, sums: newConvSums[T](o.v)}
	size := o.batch.Size
	c.dw, c.dwData = newTensor[T](inputs[1].Shape()...)
	if len(inputs) == 3 {
		c.db, c.dbData = newTensor[T](o.out.Real)
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
		if c.sums.byChannel { // finish reads it once more
			c.maskedData = make([]T, size*c.masked.Len())
		} else {
			c.maskedData = make([]T, chunks*o.out.Block()*c.masked.Len())
		}
	}
	return c
}

// convPass has the operands of one run of convBackward: the gradient dy of the
// result, and the masked gradient g, which is dy without a ReLU.
type convPass[T Float] struct {
	x, y, dy, g, dx kernel.Images[T]
	add             []T // gradient of the second use, added to dx; nil for none
}

func (o *convBackward[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.recoverError(&err)
	f, rows := o.forward, o.batch.Rows
	view := func(m Image, v G.Value) kernel.Images[T] { return images(m, elements[T](v), rows) }
	p := convPass[T]{x: view(f.in, inputs[0]), y: view(f.out, inputs[2])}
	if f.masked == nil {
		p.dy = view(f.out, inputs[3])
	}
	p.g = p.dy
	if f.opts.ReLU {
		p.g = kernel.Images[T]{Image: o.masked.Image, Data: o.maskedData}
		if o.sums.byChannel {
			p.g = images(o.masked, o.maskedData, rows)
		}
	}
	if o.dx != nil {
		p.dx = images(f.in, o.dxData, rows)
		if !o.batch.Unchanged {
			kernel.PackConvInput(f.v, o.packed, elements[T](inputs[1]))
		}
		if len(inputs) == 5 {
			p.add = elements[T](inputs[4])
		}
	}
	used := o.batch.chunks(chunks, func(chunk, low, high int) { o.chunk(&p, chunk, low, high) })
	o.sums.finish(o.batch, used, o.dwData, o.dbData, func(sum []T, low, high int) {
		kernel.ConvWeightsOf(f.v, sum, p.x, p.g, low, high)
	})
	if o.dx != nil {
		return o.dx, nil
	}
	return o.dw, nil
}

// maskedImages returns the masked gradient of images i to j of a chunk, or the
// memory for it.
func (o *convBackward[T]) maskedImages(p *convPass[T], chunk, i, j int) kernel.Images[T] {
	if !o.forward.opts.ReLU || o.sums.byChannel {
		return p.g.Slice(i, j)
	}
	at := chunk * o.forward.out.Block()
	return p.g.Slice(at, at+j-i)
}

// chunk computes images low to high, a few at a time, so that the gradient is still
// in the cache when the next kernel reads it.
func (o *convBackward[T]) chunk(p *convPass[T], chunk, low, high int) {
	v := o.forward.v
	o.sums.reset(chunk)
	step := o.forward.out.Block()
	for i := low; i < high; i += step {
		j := min(i+step, high)
		if o.forward.prepareGradient != nil {
			o.forward.prepareGradient(i, j)
		}
		g, m := o.maskedImages(p, chunk, i, j), o.forward.masked
		if m != nil {
			m.fill(g, i, j)
		}
		switch {
		case o.forward.opts.ReLU && m == nil:
			kernel.MaskReLUImages(g, p.dy.Slice(i, j), p.y.Slice(i, j), o.sums.bias[chunk])
		case o.db != nil:
			o.sums.bias[chunk].AddImages(g)
		}
		if !o.sums.byChannel {
			kernel.ConvWeights(v, o.sums.parts[chunk], p.x.Slice(i, j), g)
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
