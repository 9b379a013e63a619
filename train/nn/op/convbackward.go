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

// convByChannel reports whether the sums of a convolution's weights are computed by
// groups of output channels.
func convByChannel(v kernel.Conv) bool { return chunks*v.GradientLen() > maxPartialSums }

// newConvSums allocates the sums of a convolution.
func newConvSums[T Float](v kernel.Conv) *convSums[T] {
	s := &convSums[T]{v: v, byChannel: convByChannel(v)}
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
func (s *convSums[T]) finish(b *Batch, used int, dw, db []T, channels func(sum []T, low, high int,
	scratch *kernel.Scratch[T]),
) {
	parts := s.parts
	if s.byChannel {
		clear(parts[0])
		blocksWithScratch(b, s.v.Out.Channels, channelBlock, func(low, high int, scratch *kernel.Scratch[T]) {
			channels(parts[0], low, high, scratch)
		})
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
	computed       bool  // the gradient g of the result is computed here; otherwise it is an input
	image          Image // geometry of g
	gData          []T   // g of the whole batch, if sums are by channel
}

// newConvBackward allocates the gradients. The halo of the computed gradient of the
// result must be wide enough for the convolution that computes the gradient of the
// input.
func newConvBackward[T Float](o *Conv[T], inputs G.Nodes) *convBackward[T] {
	c := &convBackward[T]{
		forward: o, image: o.out, sums: newConvSums[T](o.v), computed: o.opts.ReLU || o.result != nil,
	}
	size := o.batch.Size
	c.dw, c.dwData = newTensor[T](inputs[1].Shape()...)
	if len(inputs) == 3 {
		c.db, c.dbData = newTensor[T](o.out.Real)
	}
	if !o.opts.Input {
		c.dx, c.dxData = newTensor[T](o.in.Shape(size)...)
		c.packed = make([]T, o.v.PackedInputLen())
	}
	if o.result != nil {
		c.image = o.result.image
	}
	if !o.opts.Input {
		c.image.Halo = max(c.image.Halo, o.v.InputHalo())
	}
	if c.computed && c.sums.byChannel { // finish reads it once more
		c.gData = make([]T, size*c.image.Len())
	}
	return c
}

// convPass has the operands of one run of convBackward: dy is the gradient of the
// result after the ReLU. g, the one before the ReLU, has data if it is stored.
type convPass[T Float] struct {
	x, y, dy, g, dx kernel.Images[T]
	add             []T // gradient of the second use, added to dx; nil for none
}

func (o *convBackward[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.recoverError(&err)
	f, rows := o.forward, o.batch.Rows
	view := func(m Image, v G.Value) kernel.Images[T] { return images(m, elements[T](v), rows) }
	var p convPass[T]
	switch {
	case f.source == nil:
		p.x = view(f.in, inputs[0])
	case f.source.kept:
		p.x = f.source.result
	}
	if f.result == nil {
		p.y, p.dy = view(f.out, inputs[2]), view(f.out, inputs[3])
	}
	switch {
	case !o.computed:
		p.g = p.dy
	case o.sums.byChannel:
		p.g = images(o.image, o.gData, rows)
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
	norm := f.source
	if norm != nil {
		norm.backward.begin()
	}
	used := o.batch.chunks(chunks, func(chunk, low, high int) { o.chunk(&p, chunk, low, high) })
	if norm != nil {
		norm.backward.stats.used = used
	}
	o.sums.finish(o.batch, used, o.dwData, o.dbData, func(sum []T, low, high int, scratch *kernel.Scratch[T]) {
		kernel.ConvWeightsOf(f.v, sum, p.x, p.g, low, high, scratch)
	})
	if o.dx != nil {
		return o.dx, nil
	}
	return o.dw, nil
}

// chunk computes images low to high, a few at a time, so that their values are still
// in the cache when the next kernel reads them.
func (o *convBackward[T]) chunk(p *convPass[T], chunk, low, high int) {
	f, pool := o.forward, scratch[T](o.batch)
	o.sums.reset(chunk)
	var normSums *kernel.Stats[T]
	if f.source != nil {
		normSums = f.source.backward.stats.chunk(chunk)
	}
	memory, scratch := f.takeInput(), pool.take()
	defer f.giveInput(memory)
	defer pool.give(scratch)
	var gMemory kernel.Images[T]
	if o.computed && !o.sums.byChannel {
		gMemory = pool.takeImages(o.image)
		defer pool.giveImages(gMemory)
	}
	step := min(f.out.Block(), o.image.Block())
	if memory.Data != nil {
		step = min(step, memory.Count())
	}
	for i := low; i < high; i += step {
		j := min(i+step, high)
		g := gMemory
		if g.Data != nil {
			g = g.Slice(0, j-i)
		} else {
			g = p.g.Slice(i, j)
		}
		o.gradient(p, g, chunk, i, j)
		var x kernel.Images[T]
		if f.source != nil {
			x = f.source.stored(memory, i, j)
		} else {
			x = p.x.Slice(i, j)
		}
		if !o.sums.byChannel {
			kernel.ConvWeights(f.v, o.sums.parts[chunk], x, g, scratch)
		}
		if o.dx == nil {
			continue
		}
		e := kernel.ConvEpilogue[T]{}
		if p.add != nil {
			e.Residual = p.add[i*p.dx.Len() : j*p.dx.Len()]
		}
		dx := p.dx.Slice(i, j)
		kernel.ConvInput(f.v, dx, g, o.packed, e, scratch)
		if f.source != nil {
			f.source.backward.addSums(normSums, dx, x, i, j)
		}
	}
}

// gradient computes g, the gradient of images i to j of the result, unless it is an
// input of the op, and adds the gradient of the bias.
func (o *convBackward[T]) gradient(p *convPass[T], g kernel.Images[T], chunk, i, j int) {
	f, bias := o.forward, o.sums.bias[chunk]
	switch {
	case f.result != nil:
		f.result.fill(g, i, j)
	case f.opts.ReLU:
		kernel.MaskReLUImages(g, p.dy.Slice(i, j), p.y.Slice(i, j), bias)
		return
	}
	if o.db != nil {
		bias.AddImages(g)
	}
}
