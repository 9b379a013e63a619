package pca

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"sgdwalk/analyze/internal/eigen"
	"sgdwalk/analyze/internal/parallel"
)

const (
	// denseRows is the size up to which the full decomposition is used. It grows
	// with the third power: 128 rows take some ten milliseconds, 512 a second.
	denseRows = 128
	// krylovTolerance is the residual at which an eigenpair is taken as found, in
	// units of the largest eigenvalue.
	krylovTolerance = 1e-11
	// maxBasis is where the iteration gives up. A walk needs 20 to 60 vectors; a
	// stationary cloud, whose leading eigenvalues are next to equal, would need
	// nearly all, for directions that mean nothing.
	maxBasis = 384
)

var errEigen = errors.New("pca: the eigenvalues of the gram matrix could not be computed")

// operator multiplies a symmetric positive semidefinite matrix by a vector:
// dst = A v.
type operator func(dst, v []float64)

// dense returns the operator of a full matrix. Each element of the product is
// one sum in one order.
func dense(g []float64, n, workers int) operator {
	return func(dst, v []float64) {
		const rows = 64
		parallel.Each(workers, (n+rows-1)/rows, func(c int) {
			for i := c * rows; i < min((c+1)*rows, n); i++ {
				dst[i] = blas64.Dot(blas64.Vector{N: n, Data: g[i*n : (i+1)*n], Inc: 1}, blas64.Vector{
					N: n, Data: v,
					Inc: 1,
				})
			}
		})
	}
}

// pair is an eigenvalue and its eigenvector of unit length.
type pair struct {
	value  float64
	vector []float64
}

// leadingDense returns all eigenpairs of an n x n matrix, largest first.
func leadingDense(g []float64, n int) ([]pair, error) {
	values, vectors, ok := eigen.Symmetric(mat.NewSymDense(n, g))
	if !ok {
		return nil, fmt.Errorf("%w: the decomposition of %d rows did not converge", errEigen, n)
	}
	pairs := make([]pair, n)
	for k := range n {
		pairs[k] = pair{values[n-1-k], mat.Col(nil, n-1-k, vectors)}
	}
	return pairs, nil
}

// leadingKrylov returns the k leading eigenpairs of an n x n operator, largest
// first, and the largest of their residuals in units of the largest eigenvalue:
// block Krylov iteration with full reorthogonalization and a Rayleigh-Ritz step.
// Blocks, where a single starting vector would do for generic data, so that an
// eigenvalue that occurs several times is found as often. The starting block is
// fixed. The iteration ends at the tolerance, or with a basis of maxBasis.
func leadingKrylov(a operator, n, k int, tolerance float64) ([]pair, float64, error) {
	size := min(n, max(maxBasis, 4*k))
	rng := rand.New(rand.NewPCG(0x9e3779b97f4a7c15, uint64(n)))
	width := min(k+2, n)
	var basis, image [][]float64 // orthonormal vectors and their products
	check, next := 4*width, 0
	for {
		var v []float64
		if len(basis) >= width && next < len(basis) {
			v = slices.Clone(image[next])
			next++
		} else {
			// The starting block, or a new start once the space reached is
			// invariant: what lies outside may matter as much.
			v = gaussian(rng, n)
		}
		if orthonormalize(v, basis) {
			w := make([]float64, n)
			a(w, v)
			basis, image = append(basis, v), append(image, w)
		}
		if len(basis) < min(check, size) {
			continue
		}
		pairs, residual, err := ritz(basis, image, k)
		if err != nil {
			return nil, 0, err
		}
		if residual /= math.Max(pairs[0].value, math.SmallestNonzeroFloat64); len(basis) == size ||
			residual <= tolerance {
			return pairs, residual, nil
		}
		check = len(basis) + len(basis)/2
	}
}

func gaussian(rng *rand.Rand, n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = rng.NormFloat64()
	}
	return v
}

// orthonormalize makes v orthogonal to the basis and of unit length. It reports
// false when nothing but rounding is left of it.
func orthonormalize(v []float64, basis [][]float64) bool {
	before := floats.Norm(v, 2)
	if before == 0 {
		return false
	}
	for range 2 { // twice is enough (Parlett, The Symmetric Eigenvalue Problem, 6.9)
		for _, q := range basis {
			floats.AddScaled(v, -floats.Dot(q, v), q)
		}
	}
	after := floats.Norm(v, 2)
	if after <= 1e-12*before {
		return false
	}
	floats.Scale(1/after, v)
	return true
}

// ritz returns the k best approximations in the span of the basis and the
// largest of their residuals.
func ritz(basis, image [][]float64, k int) ([]pair, float64, error) {
	m, n := len(basis), len(basis[0])
	h := mat.NewSymDense(m, nil)
	for i := range m {
		for j := i; j < m; j++ {
			h.SetSym(i, j, (floats.Dot(basis[i], image[j])+floats.Dot(basis[j], image[i]))/2)
		}
	}
	inner, err := leadingDense(h.RawSymmetric().Data, m)
	if err != nil {
		return nil, 0, err
	}
	k = min(k, m)
	pairs := make([]pair, k)
	worst := 0.0
	for c := range pairs {
		v, w := make([]float64, n), make([]float64, n)
		for i, coefficient := range inner[c].vector {
			floats.AddScaled(v, coefficient, basis[i])
			floats.AddScaled(w, coefficient, image[i])
		}
		pairs[c] = pair{inner[c].value, v}
		floats.AddScaled(w, -inner[c].value, v)
		worst = math.Max(worst, floats.Norm(w, 2))
	}
	return pairs, worst, nil
}
