package train

// Accumulate is a Model that takes batches larger than the wrapped model's: it
// sums the gradients of micro-batches of at most Micro examples, each weighted
// by its size, so that the result is the mean over all examples whatever the
// last micro-batch's size. It is what makes full-batch gradient descent of a
// model whose activations for the whole data set would not fit. A model with
// batch statistics sees micro-batches, as the released code of Xing et al. does.
type Accumulate struct {
	Model
	Micro int // examples per micro-batch, at least 1

	part []float32
	sum  []float64
}

// Gradient fills grad with the gradient of the mean loss over all examples.
func (a *Accumulate) Gradient(inputs []float32, labels []int32, grad []float32) (Measure, error) {
	n := len(labels)
	if n <= a.Micro {
		return a.Model.Gradient(inputs, labels, grad)
	}
	if a.part == nil {
		a.part, a.sum = make([]float32, len(grad)), make([]float64, len(grad))
	}
	clear(a.sum)
	width := len(inputs) / n
	total := Measure{Examples: n}
	for i := 0; i < n; i += a.Micro {
		end := min(i+a.Micro, n)
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
