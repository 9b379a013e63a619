package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sgdwalk/train/nn/kernel"
)

// Sizes of the pieces that workers take. They decide nothing but the balance:
// every element is computed whole within one piece.
const (
	rowBlock  = 32 // rows of a batch
	unitBlock = 16 // units of a layer, a panel of packed weights
)

// LinearOptions modifies Linear. The zero value is a plain affine layer.
type LinearOptions struct {
	ReLU  bool // rectify the result
	Input bool // x is data: no gradient with respect to it is computed
}

// Linear appends y = x w^T + bias, rectified if asked: x is (Size, in), w is
// (out, in), bias is (out), y is (Size, out).
func Linear[T Float](b *Batch, x, w, bias *G.Node, opts LinearOptions) (*G.Node, error) {
	xs, ws, bs := x.Shape(), w.Shape(), bias.Shape()
	if xs.Dims() != 2 || ws.Dims() != 2 || bs.Dims() != 1 || xs[0] != b.Size || xs[1] != ws[1] || ws[0] != bs[0] {
		return nil, fmt.Errorf("op: linear: shapes %v, %v, %v do not fit; wanted (%d, in), (out, in), (out)", xs, ws, bs, b.Size)
	}
	o := &linear[T]{opts: opts, in: ws[1], out: ws[0], packed: make([]T, kernel.PackedLen(ws[0], ws[1]))}
	o.y, o.yData = newTensor[T](b.Size, o.out)
	o.base = newBase(b, "linear", o.y.Shape(), x, w, bias)
	return G.ApplyOp(o, x, w, bias)
}

type linear[T Float] struct {
	base
	opts    LinearOptions
	in, out int
	packed  []T // weights in the kernel's order
	y       *tensor.Dense
	yData   []T
}

func (o *linear[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.guard(&err)
	rows := o.batch.Rows
	x := kernel.Dense(elements[T](inputs[0]), rows, o.in)
	w := kernel.Dense(elements[T](inputs[1]), o.out, o.in)
	y := kernel.Dense(o.yData, rows, o.out)
	if !o.batch.Same {
		o.batch.blocks(o.out, unitBlock, func(low, high int) {
			kernel.Pack(o.packed[low*o.in:kernel.PackedLen(high, o.in)], w.Band(low, high))
		})
	}
	e := kernel.Epilogue[T]{Bias: elements[T](inputs[2]), ReLU: o.opts.ReLU}
	scratch := scratchOf[T](o.batch)
	o.batch.blocks(rows, rowBlock, func(low, high int) {
		scratch.with(func(s *kernel.Scratch[T]) {
			kernel.MulPacked(y.Band(low, high), x.Band(low, high), o.packed, e, s)
		})
	})
	return o.y, nil
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
	result := c.dw
	if !o.opts.Input {
		c.dx, c.dxData = newTensor[T](o.batch.Size, o.in)
		result = c.dx
	}
	c.base = newBase(o.batch, "linearBackward", result.Shape(), x, w, output, grad)
	core, err := G.ApplyOp(c, x, w, output, grad)
	if err != nil {
		return nil, err
	}
	db, err := newFetch(o.batch, "linearBias", core, c.db)
	if err != nil {
		return nil, err
	}
	if o.opts.Input {
		return G.Nodes{nil, core, db}, nil
	}
	dw, err := newFetch(o.batch, "linearWeight", core, c.dw)
	if err != nil {
		return nil, err
	}
	return G.Nodes{core, dw, db}, nil
}

// linearBackward computes, with g = dy where y > 0 (or dy without ReLU),
// dx = g w, dw = g^T x and db = sum of the rows of g. Its result is dx, or dw
// when x is data.
type linearBackward[T Float] struct {
	base
	opts                   LinearOptions
	in, out                int
	dx, dw, db             *tensor.Dense
	dxData, dwData, dbData []T
	masked                 []T
}

func (o *linearBackward[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.guard(&err)
	rows := o.batch.Rows
	x := kernel.Dense(elements[T](inputs[0]), rows, o.in)
	w := kernel.Dense(elements[T](inputs[1]), o.out, o.in)
	y, dy := elements[T](inputs[2]), elements[T](inputs[3])
	g := kernel.Dense(dy, rows, o.out)
	if o.opts.ReLU {
		g.Data = o.masked
	}
	scratch := scratchOf[T](o.batch)
	if o.opts.ReLU || o.dx != nil {
		dx := kernel.Dense(o.dxData, rows, o.in)
		o.batch.blocks(rows, rowBlock, func(low, high int) {
			if o.opts.ReLU {
				i, j := low*o.out, high*o.out
				kernel.MaskReLU(o.masked[i:j], dy[i:j], y[i:j])
			}
			if o.dx != nil {
				scratch.with(func(s *kernel.Scratch[T]) {
					kernel.MulNN(dx.Band(low, high), g.Band(low, high), w, kernel.Epilogue[T]{}, s)
				})
			}
		})
	}
	// Splitting by units instead of by rows needs no partial sums: the gradient of
	// a weight is summed over the batch by one goroutine, row after row.
	dw := kernel.Dense(o.dwData, o.out, o.in)
	o.batch.blocks(o.out, unitBlock, func(low, high int) {
		scratch.with(func(s *kernel.Scratch[T]) {
			part := g.Columns(low, high)
			kernel.MulTN(dw.Band(low, high), part, x, kernel.Epilogue[T]{}, s)
			kernel.ColumnSums(o.dbData[low:high], part, s)
		})
	})
	if o.dx != nil {
		return o.dx, nil
	}
	return o.dw, nil
}
