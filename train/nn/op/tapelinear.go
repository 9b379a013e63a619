package op

import "sgdwalk/train/nn/kernel"

// Linear appends y = x w^T + bias, rectified if asked. in is the value x; weight
// and bias are where the tensors (units, in) and (units) begin in theta.
func (t *Tape[T]) Linear(in, units, weight, bias int, relu bool) {
	width := t.shapes[in].Width
	t.add(&tapeLinear[T]{
		Tape: t, in: in, out: t.next(), width: width, units: units, weight: weight, bias: bias, relu: relu,
		packed: make([]T, kernel.PackedLen(units, width)), packedV: make([]T, kernel.PackedLen(units, width)),
	}, Shape{Width: units})
}

type tapeLinear[T Float] struct {
	*Tape[T]
	in, out         int // values
	width, units    int
	weight, bias    int // offsets in theta
	relu            bool
	w, v            kernel.Matrix[T] // weights of theta and of the vector
	packed, packedV []T              // the same in the kernel's order
}

// weights views the weights in a vector of parameters.
func (l *tapeLinear[T]) weights(theta []T) kernel.Matrix[T] {
	return kernel.Dense(theta[l.weight:l.weight+l.units*l.width], l.units, l.width)
}

// biases views the biases.
func (l *tapeLinear[T]) biases(theta []T) []T { return theta[l.bias : l.bias+l.units] }

func (l *tapeLinear[T]) pack(to []T, w kernel.Matrix[T]) {
	l.batch.blocks(l.units, unitBlock, func(low, high int) {
		kernel.Pack(to[low*l.width:kernel.PackedLen(high, l.width)], w.Band(low, high))
	})
}

func (l *tapeLinear[T]) wants() (own bool, inputs []int) { return l.in > 0, []int{l.in} }

func (l *tapeLinear[T]) move(theta []T) {
	l.w = l.weights(theta)
	l.pack(l.packed, l.w)
}

// bands calls f for bands of rows, with scratch space.
func (l *tapeLinear[T]) bands(f func(low, high int, s *kernel.Scratch[T])) {
	scratch := scratchOf[T](l.batch)
	l.batch.blocks(l.batch.Rows, rowBlock, func(low, high int) {
		scratch.with(func(s *kernel.Scratch[T]) { f(low, high, s) })
	})
}

// mask makes the signal, or the tangent, of rows low to high that of what was
// rectified.
func (l *tapeLinear[T]) mask(data []T, b *Base[T], low, high int) {
	if l.relu {
		i, j := low*l.units, high*l.units
		kernel.MaskReLU(data[i:j], data[i:j], b.values[l.out][i:j])
	}
}

func (l *tapeLinear[T]) forward(b *Base[T]) {
	x, y := l.matrix(l.in, b.values[l.in]), l.matrix(l.out, b.values[l.out])
	e := kernel.Epilogue[T]{Bias: l.biases(l.theta), ReLU: l.relu}
	l.bands(func(low, high int, s *kernel.Scratch[T]) {
		kernel.MulPacked(y.Band(low, high), x.Band(low, high), l.packed, e, s)
	})
}

func (l *tapeLinear[T]) backward(b *Base[T]) {
	g := l.matrix(l.out, b.signals[l.out])
	l.bands(func(low, high int, s *kernel.Scratch[T]) {
		l.mask(g.Data, b, low, high)
		if l.wanted[l.in] {
			dx := l.matrix(l.in, b.signals[l.in])
			kernel.MulNN(dx.Band(low, high), g.Band(low, high), l.w, kernel.Epilogue[T]{}, s)
		}
	})
}

// forwardTangent: y' = x' w^T + x v^T + v's bias.
func (l *tapeLinear[T]) forwardTangent(b *Base[T], v []T) {
	l.v = l.weights(v)
	l.pack(l.packedV, l.v)
	x, yt := l.matrix(l.in, b.values[l.in]), l.matrix(l.out, l.tangent.values[l.out])
	l.bands(func(low, high int, s *kernel.Scratch[T]) {
		to := yt.Band(low, high)
		kernel.MulPacked(to, x.Band(low, high), l.packedV, kernel.Epilogue[T]{Bias: l.biases(v)}, s)
		if l.in > 0 {
			xt := l.matrix(l.in, l.tangent.values[l.in])
			kernel.MulPacked(to, xt.Band(low, high), l.packed, kernel.Epilogue[T]{Accumulate: true}, s)
		}
		l.mask(yt.Data, b, low, high)
	})
}

// backwardTangent: with g the signal, x' = g' w + g v, and the product's part is
// g'^T x + g^T x' with the sums of the rows of g'.
func (l *tapeLinear[T]) backwardTangent(b *Base[T], product []T) {
	x, g, gt := l.matrix(l.in, b.values[l.in]), l.matrix(l.out, b.signals[l.out]), l.matrix(l.out, l.tangent.signals[l.out])
	l.bands(func(low, high int, s *kernel.Scratch[T]) {
		l.mask(gt.Data, b, low, high)
		if l.in == 0 {
			return
		}
		to := l.matrix(l.in, l.tangent.signals[l.in]).Band(low, high)
		kernel.MulNN(to, gt.Band(low, high), l.w, kernel.Epilogue[T]{}, s)
		if !l.gauss {
			kernel.MulNN(to, g.Band(low, high), l.v, kernel.Epilogue[T]{Accumulate: true}, s)
		}
	})
	dw, db, scratch := l.weights(product), l.biases(product), scratchOf[T](l.batch)
	l.batch.blocks(l.units, unitBlock, func(low, high int) {
		scratch.with(func(s *kernel.Scratch[T]) {
			to := dw.Band(low, high)
			kernel.MulTN(to, gt.Columns(low, high), x, kernel.Epilogue[T]{}, s)
			if l.in > 0 && !l.gauss {
				xt := l.matrix(l.in, l.tangent.values[l.in])
				kernel.MulTN(to, g.Columns(low, high), xt, kernel.Epilogue[T]{Accumulate: true}, s)
			}
			kernel.ColumnSums(db[low:high], gt.Columns(low, high), s)
		})
	})
}
