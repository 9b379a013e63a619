package op

import "sgdwalk/train/nn/kernel"

// fixed is a layer without parameters: its tangent is that of its input.
type fixed[T Float] struct {
	*Tape[T]
	in, out int // values
}

func (l fixed[T]) wants() (own bool, inputs []int) { return false, []int{l.in} }

func (fixed[T]) move([]T) {}

// MaxPool appends the maximum over windows of 2x2 pixels; see the op of that name.
func (t *Tape[T]) MaxPool(in int, out Image) {
	l := &tapeMaxPool[T]{fixed: fixed[T]{t, in, t.next()}}
	if c, ok := t.layers[in-1].(*tapeConv[T]); ok && c.ReLU {
		c.pooled, l.relu = true, true
	}
	t.add(l, Shape{Image: out})
}

// tapeMaxPool is a maximum. Where it reads a rectified convolution it masks for
// both: what the maximum lets through is fewer numbers.
type tapeMaxPool[T Float] struct {
	fixed[T]
	relu bool
}

func (l *tapeMaxPool[T]) forward(b *Base[T]) {
	x, y := l.images(l.in, b.values[l.in]), l.images(l.out, b.values[l.out])
	l.batch.blocks(b.rows, l.shapes[l.in].Image.Block(), func(low, high int) {
		kernel.MaxPool(y.Slice(low, high), x.Slice(low, high))
	})
}

func (l *tapeMaxPool[T]) backward(b *Base[T]) { l.spread(b, b.signals) }

func (l *tapeMaxPool[T]) backwardTangent(b *Base[T], _ []T) { l.spread(b, l.tangent.signals) }

// spread hands each signal to the pixel that was the maximum.
func (l *tapeMaxPool[T]) spread(b *Base[T], signals [][]T) {
	x, y := l.images(l.in, b.values[l.in]), l.images(l.out, b.values[l.out])
	dx, dy := l.signal(l.in, signals[l.in]), l.signal(l.out, signals[l.out])
	l.batch.blocks(b.rows, l.shapes[l.in].Image.Block(), func(low, high int) {
		kernel.MaxPoolInput(dx.Slice(low, high), dy.Slice(low, high), y.Slice(low, high), x.Slice(low, high), l.relu)
	})
}

func (l *tapeMaxPool[T]) forwardTangent(b *Base[T], _ []T) {
	x, y := l.images(l.in, b.values[l.in]), l.images(l.out, b.values[l.out])
	xt, yt := l.images(l.in, l.tangent.values[l.in]), l.images(l.out, l.tangent.values[l.out])
	l.batch.blocks(b.rows, l.shapes[l.in].Image.Block(), func(low, high int) {
		kernel.MaxPoolTangent(yt.Slice(low, high), xt.Slice(low, high), y.Slice(low, high), x.Slice(low, high), l.relu)
	})
}

// GlobalAverage appends the mean over all pixels of each channel. The channels
// must not be rounded up.
func (t *Tape[T]) GlobalAverage(in int) {
	l := &tapeAverage[T]{fixed: fixed[T]{t, in, t.next()}}
	for range chunks {
		l.sums = append(l.sums, kernel.NewStats[T](t.shapes[in].Image.Channels))
	}
	t.add(l, Shape{Width: t.shapes[in].Image.Real})
}

type tapeAverage[T Float] struct {
	fixed[T]
	sums []*kernel.Stats[T]
}

func (l *tapeAverage[T]) forward(b *Base[T]) { l.mean(b.values) }

func (l *tapeAverage[T]) forwardTangent(*Base[T], []T) { l.mean(l.tangent.values) }

func (l *tapeAverage[T]) mean(values [][]T) {
	x, y := l.images(l.in, values[l.in]), l.matrix(l.out, values[l.out])
	l.batch.chunks(chunks, func(chunk, low, high int) {
		kernel.MeanPool(y.Band(low, high), x.Slice(low, high), l.sums[chunk])
	})
}

func (l *tapeAverage[T]) backward(b *Base[T]) { l.spread(b.signals) }

func (l *tapeAverage[T]) backwardTangent(*Base[T], []T) { l.spread(l.tangent.signals) }

func (l *tapeAverage[T]) spread(signals [][]T) {
	dx, dy := l.signal(l.in, signals[l.in]), l.matrix(l.out, signals[l.out])
	l.batch.blocks(l.batch.Rows, l.shapes[l.in].Image.Block(), func(low, high int) {
		kernel.MeanPoolInput(dx.Slice(low, high), dy.Band(low, high))
	})
}

// Flatten appends the step from images to rows; see the op of that name.
func (t *Tape[T]) Flatten(in int) {
	m := t.shapes[in].Image
	t.add(&tapeFlatten[T]{fixed: fixed[T]{t, in, t.next()}}, Shape{Width: m.Real * m.Height * m.Width})
}

type tapeFlatten[T Float] struct{ fixed[T] }

func (l *tapeFlatten[T]) forward(b *Base[T]) { l.rows(b.values) }

func (l *tapeFlatten[T]) forwardTangent(*Base[T], []T) { l.rows(l.tangent.values) }

// rows takes the values of images channel by channel.
func (l *tapeFlatten[T]) rows(values [][]T) {
	x, y := l.images(l.in, values[l.in]), values[l.out]
	l.eachChannel(x, func(image, i, c int) {
		for h := range x.Height {
			from := x.Data[image+x.At(h, 0)+c:]
			for w := range x.Width {
				y[i] = from[w*x.Channels]
				i++
			}
		}
	})
}

func (l *tapeFlatten[T]) backward(b *Base[T]) { l.spread(b.signals) }

func (l *tapeFlatten[T]) backwardTangent(*Base[T], []T) { l.spread(l.tangent.signals) }

// spread undoes rows.
func (l *tapeFlatten[T]) spread(signals [][]T) {
	dx, dy := l.signal(l.in, signals[l.in]), signals[l.out]
	l.eachChannel(dx, func(image, i, c int) {
		for h := range dx.Height {
			to := dx.Data[image+dx.At(h, 0)+c:]
			for w := range dx.Width {
				to[w*dx.Channels] = dy[i]
				i++
			}
		}
	})
}

// eachChannel calls f for every channel c of every image, with where the image
// begins in its data and where the channel begins in the rows.
func (l *tapeFlatten[T]) eachChannel(x kernel.Images[T], f func(image, i, c int)) {
	real, plane := l.shapes[l.in].Image.Real, x.Height*x.Width
	l.batch.blocks(x.Count(), l.shapes[l.in].Image.Block(), func(low, high int) {
		for n := low; n < high; n++ {
			for c := range real {
				f(n*x.Len(), (n*real+c)*plane, c)
			}
		}
	})
}
