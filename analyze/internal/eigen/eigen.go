// Package eigen decomposes small dense symmetric matrices.
package eigen

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// Symmetric returns the eigenvalues of a in ascending order and the eigenvectors, of
// unit length, in the columns of vectors. Absolute errors of the eigenvalues are of
// the order of n 2^-52 times the largest row sum. ok is false when a has an element
// that is not finite or the iteration did not converge. a is not changed.
//
// The matrix that gonum sees is 2^k a + 2 I, with k such that row sums of 2^k a are
// between 1/2 and 1. gonum's mat.EigenSym (v0.17.0, lapack/gonum.Dsteqr) is wrong
// about matrices that split into blocks one of which is smaller than 1e-122: what
// scaled that block up is undone on the blocks behind it too, and their eigenvalues
// come out 1e122 times as large. Gram matrices of rows that are next to equal have
// such blocks. With the shift every block has eigenvalues between 1 and 3.
func Symmetric(a mat.Symmetric) (values []float64, vectors *mat.Dense, ok bool) {
	n := a.SymmetricDim()
	norm := 0.0
	for i := range n {
		sum := 0.0
		for j := range n {
			sum += math.Abs(a.At(i, j))
		}
		norm = max(norm, sum) // NaN stays
	}
	if norm-norm != 0 {
		return nil, nil, false
	}
	_, exponent := math.Frexp(norm)
	const shift = 2
	b := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			v := math.Ldexp(a.At(i, j), -exponent)
			if i == j {
				v += shift
			}
			b.SetSym(i, j, v)
		}
	}
	var e mat.EigenSym
	if !e.Factorize(b, true) {
		return nil, nil, false
	}
	values = e.Values(nil)
	for i, v := range values {
		values[i] = math.Ldexp(v-shift, exponent)
	}
	vectors = new(mat.Dense)
	e.VectorsTo(vectors)
	return values, vectors, true
}
