package optim

import "sgdwalk/train/nn/kernel"

// newtonSchulz is the memory of the Newton-Schulz iteration of [Muon].
type newtonSchulz struct {
	gram, square []float32 // A and A^2, later b A + c A^2
	product      []float32 // of that with X
	packed       []float32 // X in the order of kernel.Pack
	scratch      kernel.Scratch[float32]
}

// reserve allocates for a matrix of this shape.
func (w *newtonSchulz) reserve(rows, columns int) {
	grow := func(v *[]float32, n int) { *v = make([]float32, max(n, len(*v))) }
	n := min(rows, columns)
	grow(&w.gram, n*n)
	grow(&w.square, n*n)
	grow(&w.product, rows*columns)
	if rows <= columns {
		grow(&w.packed, kernel.PackedLen(rows, columns))
	}
}

// orthogonalize replaces x, whose shape was reserved, by its iterate. A is X X' or X' X,
// whichever is smaller; both give the same X.
func (w *newtonSchulz) orthogonalize(x kernel.Matrix[float32], iterations int) {
	const a, b, c = 3.4445, -4.7750, 2.0315
	n := min(x.Rows, x.Cols)
	gram, square := kernel.Dense(w.gram[:n*n], n, n), kernel.Dense(w.square[:n*n], n, n)
	product := kernel.Dense(w.product[:x.Rows*x.Cols], x.Rows, x.Cols)
	whole := kernel.Epilogue[float32]{}
	scale := float32(1 / (norm(x.Data) + 1e-7))
	for i := range x.Data {
		x.Data[i] *= scale
	}
	for range iterations {
		if x.Rows <= x.Cols {
			packed := w.packed[:kernel.PackedLen(x.Rows, x.Cols)]
			kernel.Pack(packed, x)
			kernel.MulPacked(gram, x, packed, whole, &w.scratch)
		} else {
			kernel.MulTN(gram, x, x, whole, &w.scratch)
		}
		kernel.MulNN(square, gram, gram, whole, &w.scratch)
		kernel.ScaleAdd(square.Data, b, gram.Data, c, square.Data)
		if x.Rows <= x.Cols {
			kernel.MulNN(product, square, x, whole, &w.scratch)
		} else {
			kernel.MulNN(product, x, square, whole, &w.scratch)
		}
		kernel.ScaleAdd(x.Data, a, x.Data, 1, product.Data)
	}
}
