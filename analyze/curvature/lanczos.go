package curvature

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"sgdwalk/analyze/internal/eigen"
)

// Pair is an eigenvalue with its eigenvector.
type Pair struct {
	Value float64
	// |Au - Value u|: an eigenvalue of A lies within it. Differences of gradients add their spread
	// over three steps
	Residual  float64
	Estimate  float64   // the part of Residual outside the Lanczos space: what more products could still change
	Converged bool      // Estimate is within the tolerance
	Vector    []float32 // u, of unit length up to float32 rounding, length P; the caller's
}

// krylov is the basis of a block Lanczos iteration with full reorthogonalization.
//
// Every vector of the basis is multiplied by the matrix A, and the product is split
// into its coefficients in the basis and a remainder. The remainder becomes a new
// vector of the basis. With exact products the coefficients form a banded symmetric
// matrix. All of them are kept: they show how far the products are from symmetric,
// and residuals are computed from them.
//
// A block of b start vectors finds up to b copies of a multiple eigenvalue; solve
// starts again outside the space that it found when there may be more (Golub and Van
// Loan, Matrix Computations, 10.3.6; Wu and Simon 2000 for the restart).
type krylov struct {
	products *products
	block    int
	limit    int // most vectors of the basis, from the memory that is allowed; at least 3 blocks above the wanted pairs
	seed     uint64

	q        [][]float32 // orthonormal; those from len(columns) on are not multiplied yet
	columns  [][]float64 // columns[j][i] = <q_i, A q_j>; elements that are missing at the end are 0
	kept     []float64   // kept[j] is the residual that q_j had as a Ritz vector of an earlier pass
	scale    float64     // largest norm of a product so far
	injected uint64      // random vectors so far
	w        [][]float64 // products of one block
}

// newKrylov starts an iteration with the given vectors, which are copied, and random
// ones until the block is full.
func newKrylov(p *products, block, limit int, start [][]float32, seed uint64) *krylov {
	k := &krylov{products: p, block: max(min(block, p.dimension()), 1), limit: limit, seed: seed}
	for _, v := range start {
		k.add(widened(v))
	}
	k.inject(max(k.block-len(k.q), 1)) // a random one at least: what rises from outside the start space is found
	k.block = max(k.block, len(k.q))
	for range k.block {
		k.w = append(k.w, make([]float64, len(p.theta)))
	}
	return k
}

// invariant is the size of a remainder, in units of the largest product, that counts
// as rounding.
const invariant = 1e-7

// cancelled is the share of a product below which its remainder is projected once more on
// the whole basis. The vectors of the basis are rounded to float32: subtracting a new
// vector of the block from another product that is nearly parallel to it leaves the
// rounding of the new vector, which is not orthogonal to the older vectors.
const cancelled = 1e-3

// dependent is the same for a start vector, in units of its length.
const dependent = 1e-4

// project splits every w into its coefficients in the basis, which it returns, and what
// is left in w. It does so twice, because once loses what cancels (Parlett, The
// Symmetric Eigenvalue Problem, 6.9).
func project(basis [][]float32, ws ...[]float64) [][]float64 {
	columns := make([][]float64, len(ws))
	for j := range ws {
		columns[j] = make([]float64, len(basis))
	}
	for range 2 {
		c := innerProducts(basis, ws)
		inChunks(len(ws[0]), func(_, from, to int) {
			for j, w := range ws {
				for i, q := range basis {
					addScaled(w[from:to], -c[j][i], q[from:to])
				}
			}
		})
		for j := range ws {
			floats.Add(columns[j], c[j])
		}
	}
	return columns
}

// add puts a start vector into the basis, unless it lies in the space of the others.
func (k *krylov) add(w []float64) bool {
	before := norm(w)
	if len(k.q) == k.products.dimension() || !(before > 0) || math.IsInf(before, 0) {
		return false
	}
	project(k.q, w)
	left := norm(w)
	if left <= dependent*before {
		return false
	}
	k.q = append(k.q, rounded(w, 1/left))
	return true
}

// inject adds random vectors outside the space. They are Gaussian, not signs: two sign
// vectors are often parallel in the space of an eigenvalue with few copies.
func (k *krylov) inject(count int) {
	for tries := 0; count > 0 && tries < count+3; tries++ {
		v := gaussian(len(k.products.theta), k.seed, streamStart+k.injected)
		k.injected++
		k.products.mask(v)
		if k.add(widened(v)) {
			count--
		}
	}
}

// pending returns the number of vectors that are not multiplied yet.
func (k *krylov) pending() int { return len(k.q) - len(k.columns) }

// step multiplies the next count vectors of the basis, at most a block.
func (k *krylov) step(ctx context.Context, count int) error {
	first := len(k.columns)
	if err := k.products.multiply(ctx, k.q[first:first+count], k.w[:count]); err != nil {
		return err
	}
	for _, w := range k.w[:count] {
		k.scale = max(k.scale, norm(w))
	}
	before, columns := len(k.q), project(k.q, k.w[:count]...)
	for j, w := range k.w[:count] {
		length := norm(w)
		column := append(columns[j], project(k.q[before:], w)[0]...)
		left := norm(w)
		if left < cancelled*length {
			floats.Add(column, project(k.q, w)[0])
			left = norm(w)
		}
		if left > invariant*k.scale && len(k.q) < k.products.dimension() {
			k.q, column = append(k.q, rounded(w, 1/left)), append(column, left)
		}
		k.columns = append(k.columns, column)
	}
	return nil
}

// matrix returns the symmetrized coefficients from index first on and the largest
// difference between an element and its mirror image.
func (k *krylov) matrix(first int) (t *mat.SymDense, asymmetry float64) {
	m := len(k.columns)
	t = mat.NewSymDense(m-first, nil)
	at := func(i, j int) float64 { // <q_i, A q_j>
		if i < len(k.columns[j]) {
			return k.columns[j][i]
		}
		return 0
	}
	for j := first; j < m; j++ {
		for i := first; i <= j; i++ {
			upper, lower := at(i, j), at(j, i)
			asymmetry = max(asymmetry, math.Abs(upper-lower))
			t.SetSym(i-first, j-first, (upper+lower)/2)
		}
	}
	return t, asymmetry
}

// ritz is the eigenvalues of the coefficients, largest first, and their eigenvectors
// in the coordinates of the basis.
type ritz struct {
	values    []float64
	vectors   *mat.Dense // ascending, as they are computed
	asymmetry float64
	first     int // index of the basis at which the coordinates begin
}

var errEigen = errors.New("curvature: the eigenvalues of the Lanczos matrix could not be computed")

// decompose returns the Ritz pairs of the basis from index first on.
func (k *krylov) decompose(first int) (*ritz, error) {
	t, asymmetry := k.matrix(first)
	values, vectors, ok := eigen.Symmetric(t)
	if !ok {
		return nil, errEigen
	}
	slices.Reverse(values)
	return &ritz{values, vectors, asymmetry, first}, nil
}

// coordinates returns the r-th Ritz vector, largest value first, in the basis.
func (z *ritz) coordinates(r int) []float64 {
	m := len(z.values)
	return append(make([]float64, z.first, z.first+m), mat.Col(nil, m-1-r, z.vectors)...)
}

// residual returns |A Qy - value Qy| and the part of it outside the multiplied basis.
func (k *krylov) residual(value float64, y []float64) (all, outside float64) {
	r := make([]float64, len(k.q))
	for j, c := range y {
		for i, v := range k.columns[j] {
			r[i] += v * c
		}
		r[j] -= value * c
	}
	outside = norm(r[len(y):])
	for j, v := range k.kept {
		outside = math.Hypot(outside, v*y[j])
	}
	return math.Hypot(norm(r[:len(y)]), outside), outside
}

// vector returns the vector with the coordinates y.
func (k *krylov) vector(y []float64) []float32 {
	v := make([]float64, len(k.products.theta))
	for i, c := range y {
		addScaled(v, c, k.q[i])
	}
	return rounded(v, 1/norm(v))
}

// spectrum is what the iteration ended with.
type spectrum struct {
	top, bottom []Pair
	asymmetry   float64 // of the products, in units of the largest absolute Ritz value
	largest     float64 // absolute Ritz value
	complete    bool    // the basis spans the whole space: all has every eigenvalue
	all         []float64
	exhausted   bool // the budget of products was spent before the wanted pairs converged
}

// crowd is the width, in units of the largest absolute eigenvalue, within which a
// block of eigenvalues may hide further ones.
const crowd = 0.01

// fresh is the residual, in the same units, to which a further pass follows its own
// extreme eigenvalues before it says that nothing was hidden.
const fresh = 1e-3

// wanted is how many pairs are requested at each end.
type wanted struct{ top, bottom int }

// solve finds the wanted pairs. As long as a pass found a block of eigenvalues that
// are nearly equal, another pass looks for more outside the space of the found ones.
func (k *krylov) solve(ctx context.Context, o *Options) (*spectrum, error) {
	n := k.products.dimension()
	want := wanted{min(o.Top, n), min(max(o.Bottom, 0), n)}
	budget := k.products.made + o.MaxProducts
	for {
		z, done, err := k.converge(ctx, o, want, budget)
		if err != nil {
			return nil, err
		}
		again := done && len(k.columns) < n && k.hides(z, o, want)
		if !again || k.products.made >= budget {
			return k.spectrum(z, o, want, done), nil
		}
		k.deflate(z, want)
	}
}

// hides reports whether eigenvalues that belong to the wanted ones may be missing: in
// the first pass, when as many as the block are nearly equal; in a further pass, when
// as many as the block were new.
func (k *krylov) hides(z *ritz, o *Options, want wanted) bool {
	m := len(z.values)
	largest := max(math.Abs(z.values[0]), math.Abs(z.values[m-1]))
	if len(k.kept) == 0 {
		crowded := func(v []float64) bool {
			for i := k.block - 1; i < len(v); i++ {
				if math.Abs(v[i-k.block+1]-v[i]) <= crowd*largest {
					return true
				}
			}
			return false
		}
		return crowded(z.values[:min(want.top, m)]) || crowded(z.values[m-min(want.bottom, m):])
	}
	inner, err := k.decompose(len(k.kept))
	if err != nil {
		return false
	}
	found := 0
	for _, v := range inner.values {
		if want.top > 0 && v >= z.values[min(want.top, m)-1]-o.Tolerance*largest {
			found++
		}
	}
	below := 0
	for _, v := range inner.values {
		if want.bottom > 0 && v <= z.values[m-min(want.bottom, m)]+o.Tolerance*largest {
			below++
		}
	}
	return max(found, below) >= k.block
}

// converge extends the basis until the wanted pairs have converged, the budget is
// spent, or the basis spans everything. The basis is decomposed when it has grown by
// a tenth, because that costs its third power.
func (k *krylov) converge(ctx context.Context, o *Options, want wanted, budget int) (z *ritz, done bool, err error) {
	n := k.products.dimension()
	next := len(k.kept) + min(want.top+want.bottom, n-len(k.kept))
	for {
		if k.pending() == 0 {
			k.inject(min(k.block, n-len(k.q)))
		}
		spent := k.pending() == 0 || k.products.made >= budget
		if !spent {
			if err := k.step(ctx, min(k.pending(), k.block, budget-k.products.made)); err != nil {
				return nil, false, err
			}
		}
		m := len(k.columns)
		full := len(k.q)+k.block > k.limit && k.pending() > 0
		if m < next && !full && !spent && m < n {
			continue
		}
		next = m + max(k.block, m/10)
		if z, err = k.decompose(0); err != nil {
			return nil, false, err
		}
		if done = k.done(z, o, want); done || spent || m == n {
			return z, done || m == n, nil
		}
		if full {
			if z, err = k.decompose(len(k.kept)); err != nil {
				return nil, false, err
			}
			k.compress(z, want, k.block)
		}
	}
}

// done reports whether the wanted pairs have converged and, in a further pass, also
// the extreme pairs of that pass alone.
func (k *krylov) done(z *ritz, o *Options, want wanted) bool {
	m := len(z.values)
	if m < min(k.products.dimension(), want.top+want.bottom) {
		return false
	}
	largest := max(math.Abs(z.values[0]), math.Abs(z.values[m-1]))
	within := func(z *ritz, r int, tolerance float64) bool {
		_, outside := k.residual(z.values[r], z.coordinates(r))
		return outside <= tolerance*largest
	}
	for r := range m {
		if (r < want.top || r >= m-want.bottom) && !within(z, r, o.Tolerance) {
			return false
		}
	}
	if len(k.kept) == 0 || m == len(k.kept) {
		return len(k.kept) == 0
	}
	inner, err := k.decompose(len(k.kept))
	if err != nil {
		return false
	}
	return (want.top == 0 || within(inner, 0, fresh)) && (want.bottom == 0 || within(inner, len(inner.values)-1, fresh))
}

// compress replaces the vectors of the basis from z.first on by the wanted Ritz
// vectors of z and extra ones at both ends (a thick restart); vectors that are not
// multiplied yet stay.
func (k *krylov) compress(z *ritz, want wanted, extra int) {
	m, first := len(k.columns), z.first
	top := min(want.top+extra, m-first)
	bottom := min(want.bottom+extra, m-first-top)
	size := first + top + bottom
	var y, columns [][]float64
	for r := range m - first {
		if r >= top && r < m-first-bottom {
			continue
		}
		c := z.coordinates(r)
		column := make([]float64, size+k.pending())
		for j, v := range c {
			for i, a := range k.columns[j] {
				switch {
				case i < first:
					column[i] += a * v
				case i >= m:
					column[size+i-m] += a * v
				}
			}
		}
		column[first+len(y)] = z.values[r]
		y, columns = append(y, c), append(columns, column)
	}
	part := make([]float64, len(y))
	for at := range k.products.theta { // in place, element by element
		clear(part)
		for j := first; j < m; j++ {
			v := float64(k.q[j][at])
			for i := range y {
				part[i] += float64(y[i][j] * v)
			}
		}
		for i, v := range part {
			k.q[first+i][at] = float32(v)
		}
	}
	k.q = slices.Delete(k.q, size, m)
	k.columns = append(k.columns[:first], columns...)
}

// deflate ends a pass. The wanted Ritz vectors stay in the basis with the residuals
// that they have; the next pass starts from random vectors outside their space.
func (k *krylov) deflate(z *ritz, want wanted) {
	var kept []float64
	m := len(z.values)
	for r := range m {
		if r < want.top || r >= m-want.bottom {
			all, _ := k.residual(z.values[r], z.coordinates(r))
			kept = append(kept, all)
		}
	}
	k.compress(z, want, 0)
	k.kept, k.q = kept, k.q[:len(k.columns)]
	for i := range k.columns {
		k.columns[i] = k.columns[i][:len(k.columns)]
	}
	k.inject(k.block)
}

// spectrum makes the result of the Ritz pairs.
func (k *krylov) spectrum(z *ritz, o *Options, want wanted, done bool) *spectrum {
	m := len(z.values)
	s := &spectrum{complete: m == k.products.dimension(), exhausted: !done}
	s.largest = max(math.Abs(z.values[0]), math.Abs(z.values[m-1]))
	if s.largest > 0 {
		s.asymmetry = z.asymmetry / s.largest
	}
	if s.complete {
		s.all = z.values
	}
	pair := func(r int) Pair {
		y := z.coordinates(r)
		all, outside := k.residual(z.values[r], y)
		return Pair{z.values[r], all, outside, outside <= o.Tolerance*s.largest, k.vector(y)}
	}
	for r := range min(want.top, m) {
		s.top = append(s.top, pair(r))
	}
	for r := range min(want.bottom, m) {
		s.bottom = append(s.bottom, pair(m-1-r))
	}
	return s
}

// capacity returns how many vectors the basis may have, or an error that says how
// many eigenvalues fit into the memory that is allowed.
func (o *Options) capacity(parameters int) (int, error) {
	want := min(o.Top, parameters) + min(max(o.Bottom, 0), parameters)
	most := min(parameters, o.MaxProducts+o.Block) + o.Block
	if o.MaxMemory <= 0 {
		return most, nil
	}
	fit := int(min((o.MaxMemory-o.fixedMemory(parameters))/(4*int64(parameters)), int64(most+want)))
	// The wanted vectors are there twice at the end: in the basis and as the result.
	if least := min(2*want+4*o.Block, most+want); fit < least {
		return 0, fmt.Errorf("curvature: %d eigenvalues of %d parameters need %s of memory; %s are allowed: %s "+
			"(--top, --max-memory)",
			want, parameters, bytesText(o.fixedMemory(parameters)+4*int64(parameters)*int64(least)),
			bytesText(o.MaxMemory), fits(fit, o.Block))
	}
	return min(fit-want, most), nil
}

func fits(vectors, block int) string {
	if n := (vectors - 4*block) / 2; n > 0 {
		return fmt.Sprintf("%d fit", n)
	}
	return "none fits"
}

// fixedMemory is what a computation takes besides the basis: the points and gradients
// of the products and a block of products, in float64.
func (o *Options) fixedMemory(parameters int) int64 {
	return int64(parameters) * int64(6*4+o.Block*(8+4))
}

// Memory returns the most bytes that the vectors of a computation take: the basis,
// the result and the products. What the loss itself takes is not in it.
func (o Options) Memory(parameters int) (int64, error) {
	o = o.Effective()
	capacity, err := o.capacity(parameters)
	want := min(o.Top, parameters) + min(max(o.Bottom, 0), parameters)
	return o.fixedMemory(parameters) + 4*int64(parameters)*int64(capacity+want), err
}

func bytesText(n int64) string {
	const unit = 1 << 20
	if n < 10*unit {
		return fmt.Sprintf("%.1f MiB", float64(n)/unit)
	}
	return fmt.Sprintf("%d MiB", n/unit)
}
