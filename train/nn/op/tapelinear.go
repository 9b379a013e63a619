package op

import "sgdwalk/train/nn/kernel"

// Linear appends y = x w^T + bias, rectified if relu is set. in is the value x.
// weight and bias are the offsets in theta of the tensors (units, in) and (units).
func (t *Tape[T]) Linear(in, units, weight, bias int, relu bool) {
	width := t.shapes[in].Width
	t.addLayer(&tapeLinear[T]{
		Tape: t, in: in, out: t.nextValue(), width: width, units: units, weight: weight, bias: bias, relu: relu,
		packed: make([]T, kernel.PackedLen(units, width)), packedV: make([]T, kernel.PackedLen(units, width)),
	}, Shape{Width: units})
}

// tapeLinear is a fully connected layer of a Tape.
type tapeLinear[T Float] struct {
	*Tape[T]
	in, out         int // values
	width, units    int
	weight, bias    int // offsets in theta
	relu            bool
	w, v            kernel.Matrix[T] // weights of theta and of the vector
	packed, packedV []T              // the same in the kernel's order
}

// weights returns the weights in a vector of parameters, without copying them.
func (l *tapeLinear[T]) weights(theta []T) kernel.Matrix[T] {
	return kernel.Dense(theta[l.weight:l.weight+l.units*l.width], l.units, l.width)
}

func (l *tapeLinear[T]) biases(theta []T) []T { return theta[l.bias : l.bias+l.units] }

// reads says that a layer of data does not need its own adjoint, as for a convolution.
func (l *tapeLinear[T]) reads() (ownAdjoint bool, inputs []int) { return l.in > 0, []int{l.in} }

func (l *tapeLinear[T]) setTheta(theta []T) {
	l.w = l.weights(theta)
	packWeights(l.batch, l.packed, l.w)
}

// rowBlocks calls f for blocks of rows, with scratch space.
func (l *tapeLinear[T]) rowBlocks(f func(low, high int, s *kernel.Scratch[T])) {
	blocksWithScratch(l.batch, l.batch.Rows, rowBlock, f)
}

// mask masks rows low to high of an adjoint or a tangent by the ReLU.
func (l *tapeLinear[T]) mask(data []T, p *Pass[T], low, high int) {
	if l.relu {
		i, j := low*l.units, high*l.units
		kernel.MaskReLU(data[i:j], data[i:j], p.values[l.out][i:j])
	}
}

// forward computes y = x w^T + bias.
func (l *tapeLinear[T]) forward(p *Pass[T]) {
	x, y := l.matrix(l.in, p.values[l.in]), l.matrix(l.out, p.values[l.out])
	e := kernel.Epilogue[T]{Bias: l.biases(l.theta), ReLU: l.relu}
	l.rowBlocks(func(low, high int, s *kernel.Scratch[T]) {
		kernel.MulPacked(y.Band(low, high), x.Band(low, high), l.packed, e, s)
	})
}

// backward masks the adjoint g of the value and computes g w, the adjoint of the input.
func (l *tapeLinear[T]) backward(p *Pass[T]) {
	g := l.matrix(l.out, p.adjoints[l.out])
	l.rowBlocks(func(low, high int, s *kernel.Scratch[T]) {
		l.mask(g.Data, p, low, high)
		if l.needed[l.in] {
			dx := l.matrix(l.in, p.adjoints[l.in])
			kernel.MulNN(dx.Band(low, high), g.Band(low, high), l.w, kernel.Epilogue[T]{}, s)
		}
	})
}

// forwardTangent computes y' = x' w^T + x v^T + bias of v.
func (l *tapeLinear[T]) forwardTangent(p *Pass[T], v []T) {
	l.v = l.weights(v)
	packWeights(l.batch, l.packedV, l.v)
	x, yt := l.matrix(l.in, p.values[l.in]), l.matrix(l.out, l.tangent.values[l.out])
	l.rowBlocks(func(low, high int, s *kernel.Scratch[T]) {
		to := yt.Band(low, high)
		kernel.MulPacked(to, x.Band(low, high), l.packedV, kernel.Epilogue[T]{Bias: l.biases(v)}, s)
		if l.in > 0 {
			xt := l.matrix(l.in, l.tangent.values[l.in])
			kernel.MulPacked(to, xt.Band(low, high), l.packed, kernel.Epilogue[T]{Accumulate: true}, s)
		}
		l.mask(yt.Data, p, low, high)
	})
}

// backwardTangent computes, with the adjoint g, the tangent g' w + g v of the
// input's adjoint, and the product: g'^T x + g^T x' for the weights and the sums of
// the rows of g' for the bias.
func (l *tapeLinear[T]) backwardTangent(p *Pass[T], product []T) {
	x := l.matrix(l.in, p.values[l.in])
	g, gt := l.matrix(l.out, p.adjoints[l.out]), l.matrix(l.out, l.tangent.adjoints[l.out])
	l.rowBlocks(func(low, high int, s *kernel.Scratch[T]) {
		l.mask(gt.Data, p, low, high)
		if l.in == 0 {
			return
		}
		to := l.matrix(l.in, l.tangent.adjoints[l.in]).Band(low, high)
		kernel.MulNN(to, gt.Band(low, high), l.w, kernel.Epilogue[T]{}, s)
		if !l.gaussNewton {
			kernel.MulNN(to, g.Band(low, high), l.v, kernel.Epilogue[T]{Accumulate: true}, s)
		}
	})
	dw, db := l.weights(product), l.biases(product)
	blocksWithScratch(l.batch, l.units, unitBlock, func(low, high int, s *kernel.Scratch[T]) {
		to := dw.Band(low, high)
		kernel.MulTN(to, gt.Columns(low, high), x, kernel.Epilogue[T]{}, s)
		if l.in > 0 && !l.gaussNewton {
			xt := l.matrix(l.in, l.tangent.values[l.in])
			kernel.MulTN(to, g.Columns(low, high), xt, kernel.Epilogue[T]{Accumulate: true}, s)
		}
		kernel.ColumnSums(db[low:high], gt.Columns(low, high), s)
	})
}
