package op

import "math"

// loss computes the softmax and the adjoint of the logits for the mean
// cross-entropy.
func (t *Tape[T]) loss(p *Pass[T], labels []int32) {
	last, n := len(t.layers), t.classes()
	// The adjoint is nil in a network of one layer, which needs none.
	logits, adjoint, scale := p.values[last], p.adjoints[last], 1/float64(p.rows)
	t.batch.blocks(p.rows, 4*rowBlock, func(low, high int) {
		for r := low; r < high; r++ {
			at, end := r*n, (r+1)*n
			if adjoint != nil {
				CrossEntropyRow(logits[at:end], adjoint[at:end], int(labels[r]), scale)
			}
			softmaxRow(p.softmax[at:end], logits[at:end])
		}
	})
}

// softmaxRow sets p to the softmax of x.
func softmaxRow[T Float](p, x []T) {
	top := math.Inf(-1)
	for _, v := range x {
		top = max(top, float64(v))
	}
	sum := 0.0
	for _, v := range x {
		sum += math.Exp(float64(v) - top)
	}
	for i, v := range x {
		p[i] = T(math.Exp(float64(v)-top) / sum)
	}
}

// lossTangent computes the tangent of the adjoint of the logits: the Hessian of the
// loss with respect to the logits, times the tangent of the logits.
func (t *Tape[T]) lossTangent(p *Pass[T]) {
	last, n := len(t.layers), t.classes()
	values, adjoints, scale := t.tangent.values[last], t.tangent.adjoints[last], 1/float64(p.rows)
	t.batch.blocks(p.rows, 4*rowBlock, func(low, high int) {
		for r := low; r < high; r++ {
			at, end := r*n, (r+1)*n
			softmaxTangentRow(adjoints[at:end], p.softmax[at:end], values[at:end], scale)
		}
	})
}

// softmaxTangentRow sets d to scale (diag(p) - p p') x. It subtracts the tangent
// of the most probable class from all tangents. Otherwise, if that probability is
// nearly 1, rounding would remove all digits of the difference to the mean under
// p.
func softmaxTangentRow[T Float](d, p, x []T, scale float64) {
	best := 0
	for i, v := range p {
		if v > p[best] {
			best = i
		}
	}
	mean := 0.0
	for i, v := range x {
		mean += float64(p[i]) * (float64(v) - float64(x[best]))
	}
	for i, v := range x {
		d[i] = T(scale * float64(p[i]) * (float64(v) - float64(x[best]) - mean))
	}
}
