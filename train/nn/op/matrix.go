package op

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

// matrix is a row-major view: row i starts at data[i*stride].
type matrix[T Float] struct {
	rows, cols, stride int
	data               []T
}

func dense[T Float](rows, cols int, data []T) matrix[T] {
	return matrix[T]{rows, cols, cols, data}
}

// band returns rows low to high.
func (m matrix[T]) band(low, high int) matrix[T] {
	return matrix[T]{high - low, m.cols, m.stride, m.data[low*m.stride:]}
}

// columns returns columns low to high.
func (m matrix[T]) columns(low, high int) matrix[T] {
	return matrix[T]{m.rows, high - low, m.stride, m.data[low:]}
}

// multiply computes c = op(a) op(b), where op transposes if asked. This is the
// one place where matrix products are computed.
func multiply[T Float](transposeA, transposeB bool, a, b, c matrix[T]) {
	k := a.cols
	if transposeA {
		k = a.rows
	}
	if c.rows == 0 || c.cols == 0 {
		return
	}
	ta, tb := blas.NoTrans, blas.NoTrans
	if transposeA {
		ta = blas.Trans
	}
	if transposeB {
		tb = blas.Trans
	}
	var impl gonum.Implementation
	switch data := any(c.data).(type) {
	case []float32:
		impl.Sgemm(ta, tb, c.rows, c.cols, k, 1, any(a.data).([]float32), a.stride, any(b.data).([]float32), b.stride, 0, data, c.stride)
	case []float64:
		impl.Dgemm(ta, tb, c.rows, c.cols, k, 1, any(a.data).([]float64), a.stride, any(b.data).([]float64), b.stride, 0, data, c.stride)
	}
}
