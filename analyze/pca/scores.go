package pca

import (
	"context"
	"fmt"
	"math"

	"sgdwalk/analyze/internal/parallel"
)

// fromGram computes scores and distances from the centred Gram matrix g and its leading
// eigenpairs, without components: x_i v_k = sqrt(lambda_k) u_k[i]. The matrix does not
// contain the coordinates that take no part. With weights, row i of g belongs to
// sqrt(weight) x_i.
func fromGram(ctx context.Context, s *source, g []float64, pairs []pair, mean bool) (*decomposition, error) {
	n := len(s.rows)
	d := &decomposition{scores: make([][]float64, len(pairs)), residual: make([]float64, n), distance: make([]float64,
		n)}
	outside, err := leftOut(ctx, s, mean)
	if err != nil {
		return nil, err
	}
	for k, p := range pairs {
		d.scores[k] = make([]float64, n)
		for i, u := range p.vector {
			d.scores[k][i] = math.Sqrt(p.value/s.weight(i)) * u
		}
	}
	for i := range n {
		inside := g[i*n+i] / s.weight(i)
		d.variance += s.weight(i) * inside
		d.excluded += s.weight(i) * outside[i]
		rest := inside
		for _, score := range d.scores[:min(2, len(pairs))] {
			rest -= score[i] * score[i]
		}
		d.residual[i] = math.Sqrt(max(rest, 0) + outside[i])
		d.distance[i] = math.Sqrt(inside + outside[i])
	}
	return d, nil
}

// leftOut returns for every row the squared distance from the center over the
// coordinates that take no part. It reads the blocks that have some.
func leftOut(ctx context.Context, s *source, mean bool) ([]float64, error) {
	n := len(s.rows)
	sums := make([]float64, n)
	if s.taking() == len(s.reference) {
		return sums, nil
	}
	stride := paddedStride(min(s.width, len(s.reference)))
	x, m := make([]float32, n*stride), make([]float64, stride)
	s.reach = span{0, len(s.blocks)}
	for _, b := range s.blocks {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("pca: %w", err)
		}
		out := b.out()
		if len(out) == 0 {
			continue
		}
		if err := s.pack(x, stride, b, out, nil); err != nil {
			return nil, err
		}
		columns := b.len() - b.inside()
		clear(m)
		for i := 0; mean && i < n; i++ {
			share := s.weight(i) / float64(n)
			for j, v := range x[i*stride:][:columns] {
				m[j] += share * float64(v)
			}
		}
		parallel.Each(s.workers, n, func(i int) {
			for j, v := range x[i*stride:][:columns] {
				c := float64(v) - m[j]
				sums[i] += c * c
			}
		})
	}
	return sums, nil
}
