package op

import (
	"math"
)

// loss sets the softmax and the signal of the logits: that of the mean
// cross-entropy.
func (t *Tape[T]) loss(b *Base[T], labels []int32) {
	last, n := len(t.layers), t.classes()
	logits, signal, scale := b.values[last], b.signals[last], 1/float64(b.rows) // a network of one layer has no signal
	t.batch.blocks(b.rows, 4*rowBlock, func(low, high int) {
		for r := low; r < high; r++ {
			at, end := r*n, (r+1)*n
			if signal != nil {
				crossEntropyRow(logits[at:end], signal[at:end], int(labels[r]), scale)
			}
			softmaxRow(b.softmax[at:end], logits[at:end])
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

// lossTangent sets the tangent of the signal of the logits: the Hessian of the
// loss in the logits times their tangent.
func (t *Tape[T]) lossTangent(b *Base[T]) {
	last, n := len(t.layers), t.classes()
	values, signals, scale := t.tangent.values[last], t.tangent.signals[last], 1/float64(b.rows)
	t.batch.blocks(b.rows, 4*rowBlock, func(low, high int) {
		for r := low; r < high; r++ {
			at, end := r*n, (r+1)*n
			softmaxTangentRow(signals[at:end], b.softmax[at:end], values[at:end], scale)
		}
	})
}

// softmaxTangentRow sets d to scale (diag(p) - p p') x. Tangents are taken
// relative to that of the most probable class: where its probability is nearly 1,
// the mean under p would otherwise keep none of the digits of the difference.
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
