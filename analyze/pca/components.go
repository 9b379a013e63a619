package pca

import (
	"context"
	"fmt"
	"math"
	"slices"

	"sgdwalk/analyze/internal/parallel"
)

// secondPass makes the components V_k = X^T u_k / |X^T u_k|, and from them the
// scores X V and the residuals. mean says that the rows are centred at their
// mean and not at the reference.
//
// Scores could be had without the data, as sqrt(lambda_k) u_k. But eigenvalues
// that are 1e-8 of the largest one are as wrong as the Gram matrix is; products
// with the components themselves are not.
func secondPass(ctx context.Context, s *source, pairs []pair, mean bool) (*decomposition, error) {
	u := make([][]float64, len(pairs))
	for c, p := range pairs {
		u[c] = p.vector
	}
	n, p, k := len(s.rows), len(s.reference), len(u)
	d := &decomposition{
		reference: make([]float32, p), components: make([][]float32, k), scores: make([][]float64, k),
		residual: make([]float64, n), distance: make([]float64, n),
	}
	for c := range k {
		d.components[c], d.scores[c] = make([]float32, p), make([]float64, n)
	}
	w := newWorker(s, u, mean, d)
	s.progress.Begin("components", p)
	s.reach = span{0, len(s.blocks)}
	for _, b := range s.blocks {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("pca: %w", err)
		}
		if err := w.block(b); err != nil {
			return nil, err
		}
		s.progress.Add(b.len())
	}
	w.finishResiduals()
	for c := range k {
		for i := range n {
			d.scores[c][i] = w.raw[i*k+c] - w.shift[c]
		}
	}
	if err := d.orthonormalize(w.products, s.workers); err != nil {
		return nil, err
	}
	for i := range n {
		d.variance += s.weight(i) * w.inside[i]
		d.excluded += s.weight(i) * (d.distance[i] - w.inside[i])
		d.residual[i], d.distance[i] = math.Sqrt(d.residual[i]), math.Sqrt(d.distance[i])
	}
	d.excluded = max(d.excluded, 0)
	return d, nil
}

// worker has the buffers and running sums of the second pass.
type worker struct {
	s        *source
	u        [][]float64
	combiner *combiner // of the components, and of the mean where that is the center
	d        *decomposition

	x      []float32   // the rows' block, less the reference
	stride int         // of a row of x and of narrow
	v      [][]float64 // components of the block, not yet of unit length; then m
	m      []float64   // mean of x over the rows, or zero
	narrow []float32   // the same in float32, a row each, and rows of zeros up to a multiple of kernelA and kernelB
	raw    []float64   // per row and component, inner products of x with narrow
	shift  []float64   // per component, inner product of the mean with it

	inside []float64 // per row, squared distance over the coordinates that take part
	// per component of the plane and row, inner product of what is left of the row with the
	// component
	rest     [][]float64
	products []float64 // k x k, inner products of the components
}

func newWorker(s *source, u [][]float64, mean bool, d *decomposition) *worker {
	n, k := len(s.rows), len(u)
	stride := paddedStride(min(s.width, len(s.reference)))
	w := &worker{
		s: s, u: u, d: d,
		x: make([]float32, roundUp(n, kernelA)*stride), v: make([][]float64, k+1),
		narrow: make([]float32, roundUp(k, kernelA*kernelB)*stride), raw: make([]float64, n*k), shift: make([]float64,
			k),
		inside: make([]float64, n), rest: [][]float64{
			make([]float64, n),
			make([]float64, n),
		}, products: make([]float64, k*k),
	}
	for c := range w.v {
		w.v[c] = make([]float64, stride)
	}
	w.m = w.v[k]
	coefficients := slices.Clone(u)
	if s.scale != nil {
		// With y_i = s_i (x_i - mean) the component is sum u_i y_i, in which the mean
		// drops out, and a row's share of it is u_i / s_i.
		w.u = make([][]float64, k)
		for c := range u {
			coefficients[c], w.u[c] = make([]float64, n), make([]float64, n)
			for i, v := range u[c] {
				coefficients[c][i], w.u[c][i] = v*s.scale[i], v/s.scale[i]
			}
		}
	}
	if mean {
		equal := make([]float64, n)
		for i := range equal {
			equal[i] = s.weight(i) / float64(n)
		}
		coefficients = append(coefficients, equal)
	}
	w.combiner = newCombiner(coefficients)
	return w
}

// block adds one block of columns to all sums. Parallel parts write to different columns,
// rows or products, and each of those is one sum in the order of rows or columns.
func (w *worker) block(b block) error {
	s, n, k := w.s, b.len(), len(w.u)
	w.stride = paddedStride(n)
	if err := s.pack(w.x, w.stride, b, []span{{0, n}}, nil); err != nil {
		return err
	}
	clear(w.narrow)
	const columns = 256
	parallel.Each(s.workers, (n+columns-1)/columns, func(c int) {
		w.columns(b, span{c * columns, min((c+1)*columns, n)})
	})
	const rows = 16
	parallel.Each(s.workers, (len(s.rows)+rows-1)/rows, func(c int) {
		w.scores(span{c * rows, min((c+1)*rows, len(s.rows))}, roundUp(n, lanes))
		for i := c * rows; i < min((c+1)*rows, len(s.rows)); i++ {
			w.row(b, i)
		}
	})
	parallel.Each(s.workers, (k+kernelA-1)/kernelA, func(c int) {
		v := matrix{w.narrow, w.stride, k}
		products(w.products[c*kernelA*k:], k, v.from(c*kernelA, kernelA, 0), v, roundUp(n, lanes), false)
	})
	for c := range k {
		for j, v := range w.narrow[c*w.stride:][:n] {
			w.shift[c] += w.m[j] * float64(v)
		}
	}
	return nil
}

// columns makes the mean and the components of some columns of the block. They
// begin at a multiple of lanes.
func (w *worker) columns(b block, c span) {
	w.combiner.to(w.v, matrix{w.x, w.stride, len(w.s.rows)}, c.first, c.end)
	for j := c.first; j < c.end; j++ {
		at := b.first + j
		w.d.reference[at] = float32(float64(w.s.reference[at]) + w.m[j])
	}
	for k := range w.u {
		v, narrow := w.v[k], w.narrow[k*w.stride:][:b.len()]
		next := c.first // everything before it is done
		for _, in := range b.in {
			first, end := max(in.first, next), min(in.end, c.end)
			if first >= end {
				continue
			}
			clear(v[next:first]) // takes no part
			for j := first; j < end; j++ {
				narrow[j] = float32(v[j])
			}
			next = end
		}
		clear(v[next:c.end])
		copy(w.d.components[k][b.first+c.first:], narrow[c.first:c.end])
	}
}

// scores adds the block's inner products of some rows with the components, as
// they are stored. The rows are not centred yet; that is a number for each
// component, see shift.
func (w *worker) scores(rows span, columns int) {
	k := len(w.u)
	x, v := matrix{w.x, w.stride, len(w.s.rows)}, matrix{w.narrow, w.stride, k}
	products(w.raw[rows.first*k:], k, x.from(rows.first, rows.end-rows.first, 0), v, columns, false)
}

// row adds the block's share of one row's residual and distances. For the
// residual it takes u u^T X away for the first two components, which leaves next
// to nothing of a row near their plane; see finishResiduals.
func (w *worker) row(b block, i int) {
	d := w.d
	n := roundUp(b.len(), lanes) // columns beyond the block are zero everywhere
	x, v0, u0 := w.x[i*w.stride:], w.v[0], w.u[0][i]
	v1, u1 := v0, 0.0
	if len(w.u) > 1 {
		v1, u1 = w.v[1], w.u[1][i]
	}
	var sums restSums
	rest(&sums, x, w.m, v0, v1, u0, u1, n)
	inside := sums[0]
	if b.inside() != b.len() {
		inside = 0
		for _, in := range b.in {
			for j := in.first; j < in.end; j++ {
				c := float64(x[j]) - w.m[j]
				inside += c * c
			}
		}
	}
	d.distance[i] += sums[0]
	d.residual[i] += sums[1]
	w.rest[0][i] += sums[2]
	w.rest[1][i] += sums[3]
	w.inside[i] += inside
}

// finishResiduals turns the squares of what was left of the rows into squared
// distances from the plane of the first two components. What was left still has
// a part along the plane, as large as the error of the eigenvectors, and that
// part is taken away here. Doing it in these two steps keeps the digits of a
// distance that is small against the row; one step from norms would not.
func (w *worker) finishResiduals() {
	k := len(w.u)
	a, b, c := w.products[0], 0.0, 0.0 // Gram matrix of the two components
	if k > 1 {
		b, c = w.products[1], w.products[k+1]
	}
	for i := range w.d.residual {
		r0, r1 := w.rest[0][i], w.rest[1][i]
		along := r0 * r0 / a
		if k > 1 {
			across := r1 - b/a*r0
			along += across * across / (c - b/a*b)
		}
		w.d.residual[i] = max(w.d.residual[i]-along, 0)
	}
}
