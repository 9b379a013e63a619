package curvature

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"sgdwalk/analyze/internal/eigen"
)

// Pair is an eigenvalue with its eigenvector.
type Pair struct {
	Value     float64
	Residual  float64   // |Hu - Value u| for the products that were made, their errors included
	Estimate  float64   // the same for exact products (Lanczos' estimate): what more of them could still change
	Converged bool      // the estimate is within the tolerance
	Vector    []float32 // u, of unit length up to float32 rounding, length P; the caller's
}

// krylov is the Lanczos basis q_0, q_1, ... and the matrix of the products in
// it: h[j][i] = <q_i, H q_j> for i <= j, next[j] = |what is left of H q_j|, which
// is the coefficient of q_{j+1}. With exact products h is tridiagonal and
// symmetric; the difference shows how exact they are.
type krylov struct {
	products *products
	basis    [][]float32
	h        [][]float64
	next     []float64
	first    int // vectors that come from the first start; later ones from restarts
	seed     uint64
	w        []float64
}

func newKrylov(p *products, start []float32, seed uint64) *krylov {
	return &krylov{products: p, basis: [][]float32{start}, seed: seed, w: make([]float64, len(start))}
}

// invariant is the size of a remainder, in units of the largest product, that is
// taken for rounding: the space is then invariant.
const invariant = 1e-7

// grow multiplies the last vector of the basis by H and orthogonalizes the
// product against all of them, twice, because once loses what cancels (Parlett,
// The Symmetric Eigenvalue Problem, 6.9).
func (k *krylov) grow(ctx context.Context) error {
	j := len(k.basis) - 1
	if err := k.products.apply(ctx, k.w, k.basis[j], k.products.step); err != nil {
		return err
	}
	column := make([]float64, j+1)
	for range 2 {
		for i, q := range k.basis {
			c := dot(q, k.w)
			column[i] += c
			addScaled(k.w, -c, q)
		}
	}
	k.h = append(k.h, column)
	k.next = append(k.next, norm(k.w))
	return nil
}

// extend puts the next vector into the basis. Where nothing is left of the last
// product, the iteration starts again from a random vector outside the space, so
// that a small or degenerate problem is solved completely. It reports false when
// the basis spans everything.
func (k *krylov) extend() bool {
	n := len(k.w)
	m := len(k.basis)
	if m == n {
		return false
	}
	if left := k.next[m-1]; left > invariant*k.scale() {
		k.basis = append(k.basis, rounded(k.w, 1/left))
		return true
	}
	if k.first == 0 {
		k.first = m
	}
	k.next[m-1] = 0
	rng := rand.New(rand.NewPCG(k.seed, streamRestart+uint64(m)))
	for range 3 {
		for i := range k.w {
			k.w[i] = rng.NormFloat64()
		}
		before := norm(k.w)
		for range 2 {
			for _, q := range k.basis {
				addScaled(k.w, -dot(q, k.w), q)
			}
		}
		// Less is rounding, the basis being float32.
		if left := norm(k.w); left > 1e-5*before {
			k.basis = append(k.basis, rounded(k.w, 1/left))
			return true
		}
	}
	return false
}

// scale is the largest norm of a product so far.
func (k *krylov) scale() float64 {
	s := 0.0
	for j, column := range k.h {
		s = max(s, math.Hypot(norm(column), k.next[j]))
	}
	return s
}

// symmetric returns the leading m x m part of the matrix, symmetrized, and the
// largest difference between an element and its mirror image: what the products
// lack in symmetry.
func (k *krylov) symmetric(m int) (t *mat.SymDense, asymmetry float64) {
	t = mat.NewSymDense(m, nil)
	for j := range m {
		for i := range j + 1 {
			upper := k.h[j][i]
			lower := upper
			switch {
			case i == j-1:
				lower = k.next[i] // q_j is what was left of H q_i
			case i < j-1:
				lower = 0 // H q_i has nothing of q_j left
			}
			asymmetry = max(asymmetry, math.Abs(upper-lower))
			t.SetSym(i, j, (upper+lower)/2)
		}
	}
	return t, asymmetry
}

// tridiagonal returns what the matrix would be for exact products.
func (k *krylov) tridiagonal(m int) *mat.SymDense {
	t := mat.NewSymDense(m, nil)
	for j := range m {
		t.SetSym(j, j, k.h[j][j])
		if j+1 < m {
			t.SetSym(j, j+1, k.next[j])
		}
	}
	return t
}

// ritz is an approximate eigenpair in the coordinates of the basis.
type ritz struct {
	value, residual, estimate float64
	vector                    []float64
}

var errEigen = errors.New("curvature: the eigenvalues of the Lanczos matrix could not be computed")

// pairs returns all Ritz pairs, largest first. A residual is |HQy - value Qy|,
// from the products as they were made: errors of the products are in it, and keep
// it from falling below a floor however many products are made. Whether the
// iteration has converged is therefore asked of the tridiagonal matrix alone,
// which takes them for exact.
func (k *krylov) pairs() ([]ritz, float64, error) {
	m := len(k.h)
	t, asymmetry := k.symmetric(m)
	values, vectors, err := decompose(t)
	if err != nil {
		return nil, 0, err
	}
	_, tridiagonal, err := decompose(k.tridiagonal(m))
	if err != nil {
		return nil, 0, err
	}
	pairs := make([]ritz, m)
	for r := range pairs {
		y := mat.Col(nil, m-1-r, vectors)
		pairs[r] = ritz{values[m-1-r], 0, math.Abs(k.next[m-1] * tridiagonal.At(m-1, m-1-r)), y}
		inside := make([]float64, m)
		outside := k.next[m-1] * y[m-1]
		for j := range m {
			for i, c := range k.h[j] {
				inside[i] += c * y[j]
			}
			if j+1 < m {
				inside[j+1] += k.next[j] * y[j]
			}
			inside[j] -= pairs[r].value * y[j]
		}
		pairs[r].residual = math.Hypot(norm(inside), outside)
	}
	return pairs, asymmetry, nil
}

// decompose returns the eigenvalues in ascending order and the eigenvectors.
func decompose(t *mat.SymDense) ([]float64, *mat.Dense, error) {
	values, vectors, ok := eigen.Symmetric(t)
	if !ok {
		return nil, nil, errEigen
	}
	return values, vectors, nil
}

// quadrature returns the nodes and weights of the spectral density as the first
// starting vector sees it: the eigenvalues of its tridiagonal matrix and the
// squared first components of the eigenvectors (Golub and Welsch).
func (k *krylov) quadrature() (nodes, weights []float64, err error) {
	m := len(k.h)
	if k.first > 0 {
		m = min(m, k.first)
	}
	values, vectors, err := decompose(k.tridiagonal(m))
	if err != nil {
		return nil, nil, err
	}
	for r, v := range values {
		y := vectors.At(0, r)
		nodes, weights = append(nodes, v), append(weights, y*y)
	}
	return nodes, weights, nil
}

// vector returns the vector with the coordinates y.
func (k *krylov) vector(y []float64) []float32 {
	v := make([]float64, len(k.w))
	for i, q := range k.basis[:len(y)] {
		addScaled(v, y[i], q)
	}
	return rounded(v, 1/norm(v))
}

// spectrum is what the iteration ended with.
type spectrum struct {
	top, bottom []Pair
	asymmetry   float64 // of the products, in units of the largest absolute Ritz value
	largest     float64 // absolute Ritz value
	complete    bool    // the basis spans the whole space
}

// solve grows the basis until the wanted pairs have converged, the budget is
// spent or the basis spans everything.
func (k *krylov) solve(ctx context.Context, o *Options) (*spectrum, error) {
	n := len(k.w)
	top := min(o.Top, n)
	bottom := min(max(o.Bottom, 0), n)
	s := &spectrum{}
	for {
		if err := k.grow(ctx); err != nil {
			return nil, err
		}
		pairs, asymmetry, err := k.pairs()
		if err != nil {
			return nil, err
		}
		m := len(pairs)
		s.largest = max(math.Abs(pairs[0].value), math.Abs(pairs[m-1].value))
		limit := o.Tolerance * s.largest
		done := m >= min(n, top+bottom)
		for i, p := range pairs {
			if (i < top || i >= m-bottom) && p.estimate > limit {
				done = false
			}
		}
		if !done && m < o.MaxProducts && k.extend() {
			continue
		}
		s.complete = m == n
		if s.largest > 0 {
			s.asymmetry = asymmetry / s.largest
		}
		pair := func(i int) Pair {
			p := pairs[i]
			return Pair{p.value, p.residual, p.estimate, p.estimate <= limit, k.vector(p.vector)}
		}
		for i := range min(top, m) {
			s.top = append(s.top, pair(i))
		}
		for i := range min(bottom, m) {
			s.bottom = append(s.bottom, pair(m-1-i))
		}
		return s, nil
	}
}
