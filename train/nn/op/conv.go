package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// ConvOptions modifies Conv.
type ConvOptions struct {
	Stride int   // distance of the windows; 0 means 1
	Pad    int   // zero pixels that windows may reach over the edge; at most the halo of x
	ReLU   bool  // rectify the result
	Input  bool  // x is data: no gradient with respect to it is computed
	Skip   *Skip // x has a second use, whose gradient is added
}

// Skip joins the two uses of a value around a residual block: the first
// convolution and the residual input of the last normalization. Left to itself
// Gorgonia would add the two gradients with an op that allocates its result in
// every run; with a Skip the normalization declares its residual input not
// differentiable and leaves that gradient here, and the convolution, which is
// differentiated later, adds it to its own.
type Skip struct{ grad *G.Node }

// Conv appends the convolution y = w * x + bias, rectified if asked. w is (co,
// ci, k, k), bias is (co) or nil. x and y have the geometries in and out, whose
// extents must fit: out = (in + 2 pad - k)/stride + 1.
func Conv[T Float](b *Batch, in, out Image, x, w, bias *G.Node, opts ConvOptions) (*G.Node, error) {
	if err := in.of(x, b.Size); err != nil {
		return nil, err
	}
	ws := w.Shape()
	g := geometry{in: in, out: out, stride: max(opts.Stride, 1), pad: opts.Pad}
	if ws.Dims() != 4 || ws[0] != out.Channels || ws[1] != in.Channels || ws[2] != ws[3] {
		return nil, fmt.Errorf("op: convolution: weights have shape %v; wanted (%d, %d, k, k)", ws, out.Channels, in.Channels)
	}
	g.size = ws[2]
	extent := func(n int) int { return (n+2*g.pad-g.size)/g.stride + 1 }
	if in.Halo < g.pad || in.Height+2*g.pad < g.size || in.Width+2*g.pad < g.size || extent(in.Height) != out.Height || extent(in.Width) != out.Width {
		return nil, fmt.Errorf("op: convolution: %dx%d, halo %d, does not go to %dx%d with window %d, stride %d and pad %d",
			in.Height, in.Width, in.Halo, out.Height, out.Width, g.size, g.stride, g.pad)
	}
	o := &conv[T]{opts: opts, g: g, packed: make([]T, g.weights()), bias: make([]T, out.Lanes)}
	o.y, o.yData = newTensor[T](out.Shape(b.Size)...)
	inputs := G.Nodes{x, w}
	if bias != nil {
		if bias.Dims() != 1 || bias.Shape()[0] != out.Channels {
			return nil, fmt.Errorf("op: convolution: bias has shape %v; wanted (%d)", bias.Shape(), out.Channels)
		}
		inputs = append(inputs, bias)
	}
	o.base = newBase(b, "conv", o.y.Shape(), inputs...)
	return G.ApplyOp(o, inputs...)
}

type conv[T Float] struct {
	base
	opts   ConvOptions
	g      geometry
	packed []T // weights in the kernels' order
	bias   []T // padded; 0 without a bias
	y      *tensor.Dense
	yData  []T
}

func (o *conv[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.guard(&err)
	x := elements[T](inputs[0])
	pack(o.g, o.packed, elements[T](inputs[1]))
	if len(inputs) == 3 {
		copy(o.bias, elements[T](inputs[2]))
	}
	in, out := o.g.in.Len(), o.g.out.Len()
	o.batch.each(o.batch.Rows, func(_, i int) {
		convolve(o.g, x[i*in:(i+1)*in], o.packed, o.bias, o.yData[i*out:(i+1)*out], o.opts.ReLU)
	})
	return o.y, nil
}

func (o *conv[T]) DiffWRT(inputs int) []bool {
	return []bool{!o.opts.Input, true, true}[:inputs]
}

func (o *conv[T]) SymDiff(inputs G.Nodes, output, grad *G.Node) (G.Nodes, error) {
	c := &convBackward[T]{forward: o}
	size := o.batch.Size
	c.dw, c.dwData = newTensor[T](inputs[1].Shape()...)
	c.partial = make([][]T, chunks)
	for i := range c.partial {
		c.partial[i] = make([]T, o.g.weights()+o.g.out.Lanes)
	}
	if o.opts.ReLU {
		c.masked = make([]T, size*o.g.out.Len())
	}
	result := c.dw
	if !o.opts.Input {
		c.dx, c.dxData = newTensor[T](o.g.in.Shape(size)...)
		result = c.dx
	}
	children := G.Nodes{inputs[0], output, grad}
	if s := o.opts.Skip; s != nil && s.grad != nil {
		children = append(children, s.grad)
	}
	c.base = newBase(o.batch, "convBackward", result.Shape(), children...)
	core, err := G.ApplyOp(c, children...)
	if err != nil {
		return nil, err
	}
	grads := G.Nodes{nil, core}
	if !o.opts.Input {
		dw, err := newFetch(o.batch, "convWeight", core, c.dw)
		if err != nil {
			return nil, err
		}
		grads = G.Nodes{core, dw}
	}
	if len(inputs) == 3 {
		c.db, c.dbData = newTensor[T](o.g.out.Channels)
		db, err := newFetch(o.batch, "convBias", core, c.db)
		if err != nil {
			return nil, err
		}
		grads = append(grads, db)
	}
	return grads, nil
}

// convBackward computes the gradients of a convolution, with respect to its
// input, its weights and its bias. The forward op still has the packed weights
// of this run.
type convBackward[T Float] struct {
	base
	forward                *conv[T]
	dx, dw, db             *tensor.Dense
	dxData, dwData, dbData []T
	partial                [][]T // of each chunk: packed weights, then bias
	masked                 []T
}

func (o *convBackward[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.guard(&err)
	g := o.forward.g
	x, y, dy := elements[T](inputs[0]), elements[T](inputs[1]), elements[T](inputs[2])
	var add []T
	if len(inputs) == 4 {
		add = elements[T](inputs[3])
	}
	in, out := g.in.Len(), g.out.Len()
	o.batch.chunks(func(_, chunk, low, high int) {
		sum := o.partial[chunk]
		clear(sum)
		for i := low; i < high; i++ {
			one := dy[i*out : (i+1)*out]
			if o.forward.opts.ReLU {
				one = o.masked[i*out : (i+1)*out]
				maskReLU(one, dy[i*out:], y[i*out:])
			}
			convolveWeights(g, x[i*in:(i+1)*in], one, sum)
			if o.db != nil {
				sumPixels(g.out, sum[g.weights():], one)
			}
			if o.dx == nil {
				continue
			}
			var a []T
			if add != nil {
				a = add[i*in : (i+1)*in]
			}
			convolveBack(g, one, o.forward.packed, o.dxData[i*in:(i+1)*in], a)
		}
	})
	o.reduce()
	if o.dx != nil {
		return o.dx, nil
	}
	return o.dw, nil
}

// reduce adds the chunks in their order and brings the weights into the order of
// theta.
func (o *convBackward[T]) reduce() {
	g := o.forward.g
	total := o.partial[0]
	o.batch.blocks(len(total), 1<<12, func(_, low, high int) {
		for _, p := range o.partial[1:o.batch.used()] {
			for i := low; i < high; i++ {
				total[i] += p[i]
			}
		}
	})
	unpack(g, o.dwData, total)
	if o.db != nil {
		copy(o.dbData, total[g.weights():])
	}
}

// sumPixels adds all pixels of one image to dst.
func sumPixels[T Float](m Image, dst, x []T) {
	for h := range m.Height {
		at := m.At(h, 0)
		for range m.Width {
			for c, v := range x[at : at+m.Lanes] {
				dst[c] += v
			}
			at += m.Lanes
		}
	}
}
