package op

import "sgdwalk/train/nn/kernel"

// parameterFree is the common part of layers without parameters. Their tangents
// depend on the tangent of the input only.
type parameterFree[T Float] struct {
	*Tape[T]
	in, out int // values
}

func (l parameterFree[T]) reads() (ownAdjoint bool, inputs []int) { return false, []int{l.in} }

func (parameterFree[T]) setTheta([]T) {}

// blocks calls f for a few images of the input at a time.
func (l parameterFree[T]) blocks(f func(low, high int)) {
	l.batch.blocks(l.batch.Rows, l.shapes[l.in].Image.Block(), f)
}

// MaxPool appends the maximum over windows of 2x2 pixels; see the op of that name.
func (t *Tape[T]) MaxPool(in int, out Image) {
	l := &tapeMaxPool[T]{parameterFree: parameterFree[T]{t, in, t.nextValue()}}
	if c, ok := t.layers[in-1].(*tapeConv[T]); ok && c.ReLU {
		c.maskedByPool, l.relu = true, true
	}
	t.addLayer(l, Shape{Image: out})
}

// tapeMaxPool is a max pool. If it reads a rectified convolution, it masks by that
// ReLU too: its result has a quarter of the numbers.
type tapeMaxPool[T Float] struct {
	parameterFree[T]
	relu bool
}

func (l *tapeMaxPool[T]) forward(p *Pass[T]) {
	x, y := l.images(l.in, p.values[l.in]), l.images(l.out, p.values[l.out])
	l.blocks(func(low, high int) { kernel.MaxPool(y.Slice(low, high), x.Slice(low, high)) })
}

func (l *tapeMaxPool[T]) backward(p *Pass[T]) { l.scatter(p, p.adjoints) }

func (l *tapeMaxPool[T]) backwardTangent(p *Pass[T], _ []T) { l.scatter(p, l.tangent.adjoints) }

// scatter adds each adjoint to the pixel that was the maximum.
func (l *tapeMaxPool[T]) scatter(p *Pass[T], adjoints [][]T) {
	x, y := l.images(l.in, p.values[l.in]), l.images(l.out, p.values[l.out])
	dx, dy := l.adjoint(l.in, adjoints[l.in]), l.adjoint(l.out, adjoints[l.out])
	l.blocks(func(low, high int) {
		kernel.MaxPoolInput(dx.Slice(low, high), dy.Slice(low, high), y.Slice(low, high), x.Slice(low, high), l.relu)
	})
}

func (l *tapeMaxPool[T]) forwardTangent(p *Pass[T], _ []T) {
	x, y := l.images(l.in, p.values[l.in]), l.images(l.out, p.values[l.out])
	xt, yt := l.images(l.in, l.tangent.values[l.in]), l.images(l.out, l.tangent.values[l.out])
	l.blocks(func(low, high int) {
		kernel.MaxPoolTangent(yt.Slice(low, high), xt.Slice(low, high), y.Slice(low, high), x.Slice(low, high), l.relu)
	})
}

// GlobalAverage appends the mean over all pixels of each channel. The stored
// channels must all be real.
func (t *Tape[T]) GlobalAverage(in int) {
	l := &tapeAverage[T]{parameterFree: parameterFree[T]{t, in, t.nextValue()}}
	for range chunks {
		l.sums = append(l.sums, kernel.NewStats[T](t.shapes[in].Image.Channels))
	}
	t.addLayer(l, Shape{Width: t.shapes[in].Image.Real})
}

// tapeAverage is the mean over all pixels. It is linear, so its tangent is the mean of
// the tangents.
type tapeAverage[T Float] struct {
	parameterFree[T]
	sums []*kernel.Stats[T]
}

func (l *tapeAverage[T]) forward(p *Pass[T]) { l.mean(p.values) }

func (l *tapeAverage[T]) forwardTangent(*Pass[T], []T) { l.mean(l.tangent.values) }

func (l *tapeAverage[T]) mean(values [][]T) {
	x, y := l.images(l.in, values[l.in]), l.matrix(l.out, values[l.out])
	l.batch.chunks(chunks, func(chunk, low, high int) {
		kernel.MeanPool(y.Band(low, high), x.Slice(low, high), l.sums[chunk])
	})
}

func (l *tapeAverage[T]) backward(p *Pass[T]) { l.distribute(p.adjoints) }

func (l *tapeAverage[T]) backwardTangent(*Pass[T], []T) { l.distribute(l.tangent.adjoints) }

// distribute gives every pixel the same fraction of the adjoint.
func (l *tapeAverage[T]) distribute(adjoints [][]T) {
	dx, dy := l.adjoint(l.in, adjoints[l.in]), l.matrix(l.out, adjoints[l.out])
	l.blocks(func(low, high int) { kernel.MeanPoolInput(dx.Slice(low, high), dy.Band(low, high)) })
}

// Flatten turns images into rows; see the op of that name.
func (t *Tape[T]) Flatten(in int) {
	m := t.shapes[in].Image
	l := &tapeFlatten[T]{parameterFree: parameterFree[T]{t, in, t.nextValue()}, pixels: pixelOffsets(m)}
	t.addLayer(l, Shape{Width: m.Real * m.Height * m.Width})
	adjoint := m
	adjoint.Image = t.shapes[in].adjoint.Image
	l.adjointPixels = pixelOffsets(adjoint)
}

// tapeFlatten copies images to rows. It is linear, so tangents are copied in the same way.
type tapeFlatten[T Float] struct {
	parameterFree[T]
	pixels, adjointPixels []int // offsets of the pixels in a value and in its adjoint
}

func (l *tapeFlatten[T]) forward(p *Pass[T]) { l.flatten(p.values) }

func (l *tapeFlatten[T]) forwardTangent(*Pass[T], []T) { l.flatten(l.tangent.values) }

func (l *tapeFlatten[T]) flatten(values [][]T) {
	x, y, width := l.images(l.in, values[l.in]), values[l.out], l.shapes[l.out].Width
	l.blocks(func(low, high int) {
		flattenImages(y[low*width:], x.Slice(low, high), l.pixels, l.shapes[l.in].Image.Real)
	})
}

func (l *tapeFlatten[T]) backward(p *Pass[T]) { l.unflatten(p.adjoints) }

func (l *tapeFlatten[T]) backwardTangent(*Pass[T], []T) { l.unflatten(l.tangent.adjoints) }

func (l *tapeFlatten[T]) unflatten(adjoints [][]T) {
	dx, dy, width := l.adjoint(l.in, adjoints[l.in]), adjoints[l.out], l.shapes[l.out].Width
	l.blocks(func(low, high int) {
		unflattenImages(dx.Slice(low, high), dy[low*width:], l.adjointPixels, l.shapes[l.in].Image.Real)
	})
}
