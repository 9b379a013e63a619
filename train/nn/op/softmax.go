package op

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// CrossEntropy is the last op of a graph: the mean over the batch of -log
// softmax(logits)[label]. After a run its fields have the results.
type CrossEntropy[T Float] struct {
	base
	RowLoss []float64 // loss of each row of the batch
	Loss    float64   // mean of RowLoss, summed in order
	Correct int       // rows whose largest logit is that of their label; of equal logits the first counts

	// Predicted, if not nil, is set to the class of each row's largest logit (the
	// first of equal ones), and to -1 for a row whose loss is NaN.
	Predicted []int32

	classes int
	correct []bool
	value   G.Value
	dlogits *tensor.Dense
	dData   []T
}

// SoftmaxCrossEntropy appends the mean cross-entropy of the logits, (Size,
// classes), with the labels of the batch. It returns the op, which has the
// results, and the node of the loss, a scalar.
//
// The maximum of each row is subtracted and the exponentials are summed in
// float64, so no finite row overflows or underflows. A row with a NaN or an
// infinite maximum has the loss NaN and is never correct.
func SoftmaxCrossEntropy[T Float](b *Batch, logits *G.Node) (*CrossEntropy[T], *G.Node, error) {
	s := logits.Shape()
	if s.Dims() != 2 || s[0] != b.Size {
		return nil, nil, fmt.Errorf("op: cross-entropy: logits have shape %v; wanted (%d, classes)", s, b.Size)
	}
	o := &CrossEntropy[T]{classes: s[1], RowLoss: make([]float64, b.Size), correct: make([]bool, b.Size)}
	o.dlogits, o.dData = newTensor[T](s[0], s[1])
	o.base = newBase(b, "crossEntropy", tensor.ScalarShape(), logits)
	n, err := G.ApplyOp(o, logits)
	return o, n, err
}

// Do computes the loss, and also the gradient with respect to the logits, because
// both need the softmax.
func (o *CrossEntropy[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.recoverError(&err)
	if err := o.batch.checkRows(); err != nil {
		return nil, err
	}
	rows, labels := o.batch.Rows, o.batch.Labels
	if len(labels) != rows {
		return nil, fmt.Errorf("op: cross-entropy: %d labels for %d rows", len(labels), rows)
	}
	for i, l := range labels {
		if l < 0 || int(l) >= o.classes {
			return nil, fmt.Errorf("op: cross-entropy: label of row %d is %d; allowed are 0 to %d", i, l, o.classes-1)
		}
	}
	logits, scale := elements[T](inputs[0]), 1/float64(rows)
	o.batch.blocks(rows, 4*rowBlock, func(low, high int) {
		for r := low; r < high; r++ {
			at := r * o.classes
			o.RowLoss[r], o.correct[r] = CrossEntropyRow(logits[at:at+o.classes], o.dData[at:at+o.classes],
				int(labels[r]), scale)
		}
	})
	if o.Predicted != nil {
		for r := range rows {
			o.Predicted[r] = argmax(logits[r*o.classes : (r+1)*o.classes])
		}
	}
	sum := 0.0
	o.Correct = 0
	for r := range rows {
		sum += o.RowLoss[r]
		if o.correct[r] {
			o.Correct++
		}
	}
	o.Loss = sum / float64(rows)
	switch v := any(T(o.Loss)).(type) {
	case float32:
		o.value = G.NewF32(v)
	case float64:
		o.value = G.NewF64(v)
	}
	return o.value, nil
}

// argmax returns the index of the largest logit, or -1 if one is NaN or the
// largest is infinite.
func argmax[T Float](x []T) int32 {
	b := 0
	for i, v := range x {
		if v != v {
			return -1
		}
		if v > x[b] {
			b = i
		}
	}
	if x[b]-x[b] != 0 {
		return -1
	}
	return int32(b)
}

// CrossEntropyRow returns the loss of one row of logits and whether the largest
// logit is that of the label. It sets d to scale*(softmax - onehot); a nil d
// skips this.
func CrossEntropyRow[T Float](x, d []T, label int, scale float64) (loss float64, correct bool) {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	top := float64(x[best])
	own, others := 0.0, 0.0
	for i, v := range x {
		e := math.Exp(float64(v) - top)
		if d != nil {
			d[i] = T(e)
		}
		if i == label {
			own = e
		} else {
			others += e
		}
	}
	sum := own + others
	if d != nil {
		factor := scale / sum
		for i := range d {
			d[i] = T(float64(d[i]) * factor)
		}
		// Not d[label]-scale: if softmax is nearly 1, that difference has no
		// digits of 1-softmax left, which is the share of the others.
		d[label] = T(-others * factor)
	}
	switch {
	case sum != sum:
		return sum, false
	case best == label:
		// log(sum) with sum = 1+others; Log1p keeps the digits of a small loss.
		return math.Log1p(others), true
	default:
		return math.Log(sum) - (float64(x[label]) - top), false
	}
}

// SymDiff appends the op that returns the gradient which Do computed.
func (o *CrossEntropy[T]) SymDiff(_ G.Nodes, output, grad *G.Node) (G.Nodes, error) {
	c := &crossEntropyBackward[T]{forward: o}
	c.base = newBase(o.batch, "crossEntropyBackward", o.dlogits.Shape(), output, grad)
	n, err := G.ApplyOp(c, output, grad)
	return G.Nodes{n}, err
}

// crossEntropyBackward scales the gradient by the gradient of the loss, which is
// 1 if the loss itself is differentiated. It reads the loss only so that Gorgonia
// runs it after the loss.
type crossEntropyBackward[T Float] struct {
	base
	forward *CrossEntropy[T]
}

func (o *crossEntropyBackward[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.recoverError(&err)
	if by := scalar[T](inputs[1]); by != 1 {
		d := o.forward.dData[:o.batch.Rows*o.forward.classes]
		for i := range d {
			d[i] *= by
		}
	}
	return o.forward.dlogits, nil
}
