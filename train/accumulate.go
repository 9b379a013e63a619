package train

// Accumulator is a Model for batches that are larger than the wrapped model can
// hold, such as the whole training set in gradient descent. It splits a batch
// into micro-batches, computes their gradients one after the other and adds them
// up. Each micro-batch is weighted by its number of examples, so the result is the
// mean over all examples even if the last micro-batch is smaller. The sum is in
// float64, because hundreds of float32 gradients would lose digits.
//
// Normalization layers see micro-batches, not the whole batch. The released code
// of Xing et al. (2018) does the same.
type Accumulator struct {
	Model
	MicroBatch int // examples per micro-batch, at least 1

	part []float32 // gradient of one micro-batch
	sum  []float64
}

// Gradient fills grad with the gradient of the mean loss over all examples.
func (a *Accumulator) Gradient(inputs []float32, labels []int32, grad []float32) (Measure, error) {
	n := len(labels)
	if n <= a.MicroBatch {
		return a.Model.Gradient(inputs, labels, grad)
	}
	if a.part == nil {
		a.part, a.sum = make([]float32, len(grad)), make([]float64, len(grad))
	}
	clear(a.sum)
	width := len(inputs) / n
	total := Measure{Examples: n}
	for i := 0; i < n; i += a.MicroBatch {
		end := min(i+a.MicroBatch, n)
		m, err := a.Model.Gradient(inputs[i*width:end*width], labels[i:end], a.part)
		if err != nil {
			return Measure{}, err
		}
		w := float64(end-i) / float64(n)
		total.Loss += w * m.Loss
		total.Accuracy += w * m.Accuracy
		for j, g := range a.part {
			a.sum[j] += w * float64(g)
		}
	}
	for j, g := range a.sum {
		grad[j] = float32(g)
	}
	return total, nil
}
