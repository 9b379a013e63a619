package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sgdwalk/train/nn/kernel"
)

// Sizes of the pieces of work. They decide the balance between workers only: every
// element is computed within one piece.
const (
	rowBlock  = 32 // rows of a batch
	unitBlock = 16 // units of a layer, a panel of packed weights
)

// LinearOptions are the options of Linear. The zero value is an affine layer.
type LinearOptions struct {
	ReLU  bool // rectify the result
	Input bool // x is data, so it needs no gradient
}

// Linear appends y = x w^T + bias, rectified with ReLU: x is (Size, in), w is
// (out, in), bias is (out), y is (Size, out).
func Linear[T Float](b *Batch, x, w, bias *G.Node, opts LinearOptions) (*G.Node, error) {
	xs, ws, bs := x.Shape(), w.Shape(), bias.Shape()
	if xs.Dims() != 2 || ws.Dims() != 2 || bs.Dims() != 1 || xs[0] != b.Size || xs[1] != ws[1] || ws[0] != bs[0] {
		return nil, fmt.Errorf("op: linear: shapes %v, %v, %v do not fit; wanted (%d, in), (out, in), (out)",
			xs, ws, bs, b.Size)
	}
	o := &linear[T]{opts: opts, in: ws[1], out: ws[0], packed: make([]T, kernel.PackedLen(ws[0], ws[1]))}
	o.y, o.yData = newTensor[T](b.Size, o.out)
	o.base = newBase(b, "linear", o.y.Shape(), x, w, bias)
	return G.ApplyOp(o, x, w, bias)
}

// linear is the op of Linear.
type linear[T Float] struct {
	base
	opts    LinearOptions
	in, out int
	packed  []T // weights in the kernel's order
	y       *tensor.Dense
	yData   []T
}

func (o *linear[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.recoverError(&err)
	rows := o.batch.Rows
	x := kernel.Dense(elements[T](inputs[0]), rows, o.in)
	y := kernel.Dense(o.yData, rows, o.out)
	if !o.batch.Unchanged {
		packWeights(o.batch, o.packed, kernel.Dense(elements[T](inputs[1]), o.out, o.in))
	}
	e := kernel.Epilogue[T]{Bias: elements[T](inputs[2]), ReLU: o.opts.ReLU}
	blocksWithScratch(o.batch, rows, rowBlock, func(low, high int, s *kernel.Scratch[T]) {
		kernel.MulPacked(y.Band(low, high), x.Band(low, high), o.packed, e, s)
	})
	return o.y, nil
}

// packWeights packs the weights of a fully connected layer.
func packWeights[T Float](b *Batch, packed []T, w kernel.Matrix[T]) {
	b.blocks(w.Rows, unitBlock, func(low, high int) {
		kernel.Pack(packed[low*w.Cols:kernel.PackedLen(high, w.Cols)], w.Band(low, high))
	})
}

func (o *linear[T]) DiffWRT(int) []bool { return []bool{!o.opts.Input, true, true} }

func (o *linear[T]) SymDiff(inputs G.Nodes, output, grad *G.Node) (G.Nodes, error) {
	x, w := inputs[0], inputs[1]
	c := &linearBackward[T]{opts: o.opts, in: o.in, out: o.out}
	c.dw, c.dwData = newTensor[T](o.out, o.in)
	c.db, c.dbData = newTensor[T](o.out)
	if o.opts.ReLU {
		c.masked = make([]T, o.batch.Size*o.out)
	}
	children := G.Nodes{x, w, output, grad}
	if o.opts.Input {
		c.base = newBase(o.batch, "linearBackward", c.dw.Shape(), children...)
		grads, err := applyAll(o.batch, c, children, c.db)
		return append(G.Nodes{nil}, grads...), err
	}
	c.dx, c.dxData = newTensor[T](o.batch.Size, o.in)
	c.base = newBase(o.batch, "linearBackward", c.dx.Shape(), children...)
	return applyAll(o.batch, c, children, c.dw, c.db)
}

// linearBackward computes dx = g w, dw = g^T x and db = sum of the rows of g, where
// g is dy masked by the ReLU. Its result is dx, or dw if x is data.
type linearBackward[T Float] struct {
	base
	opts                   LinearOptions
	in, out                int
	dx, dw, db             *tensor.Dense
	dxData, dwData, dbData []T
	masked                 []T
}

func (o *linearBackward[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.recoverError(&err)
	rows := o.batch.Rows
	x := kernel.Dense(elements[T](inputs[0]), rows, o.in)
	w := kernel.Dense(elements[T](inputs[1]), o.out, o.in)
	y, dy := elements[T](inputs[2]), elements[T](inputs[3])
	g := kernel.Dense(dy, rows, o.out)
	if o.opts.ReLU {
		g.Data = o.masked
	}
	if o.opts.ReLU || o.dx != nil {
		dx := kernel.Dense(o.dxData, rows, o.in)
		blocksWithScratch(o.batch, rows, rowBlock, func(low, high int, s *kernel.Scratch[T]) {
			if o.opts.ReLU {
				i, j := low*o.out, high*o.out
				kernel.MaskReLU(o.masked[i:j], dy[i:j], y[i:j])
			}
			if o.dx != nil {
				kernel.MulNN(dx.Band(low, high), g.Band(low, high), w, kernel.Epilogue[T]{}, s)
			}
		})
	}
	// Split by units, not by rows, so that no partial sums are needed: one
	// goroutine sums the gradient of a weight over the batch, row after row.
	dw := kernel.Dense(o.dwData, o.out, o.in)
	blocksWithScratch(o.batch, o.out, unitBlock, func(low, high int, s *kernel.Scratch[T]) {
		part := g.Columns(low, high)
		kernel.MulTN(dw.Band(low, high), part, x, kernel.Epilogue[T]{}, s)
		kernel.ColumnSums(o.dbData[low:high], part, s)
	})
	if o.dx != nil {
		return o.dx, nil
	}
	return o.dw, nil
}
