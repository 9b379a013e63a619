package op

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sgdwalk/train/nn/kernel"
)

// normBackward computes dbeta = sum g, dgamma = sum g u, and dz = scale (g -
// dbeta/N - u dgamma/N), or dz = scale g if frozen. Here g is dy masked by the
// ReLU, and u is the normalized z. The gradient of the residual is g.
//
// The sums need a pass over the batch. The backward op of the convolution that
// reads the result makes it, if the normalization is deferred to that convolution.
// Then g takes the place of dy. The backward op of the convolution before the
// normalization calls fill for dz.
type normBackward[T Float] struct {
	base
	forward               *Norm[T]
	placeholder           *tensor.Dense // the result; no op reads it
	dgamma, dbeta, dr     *tensor.Dense
	dgammaData, dbetaData []T
	drData                []T            // gradient of a residual with another geometry
	stats                 *batchStats[T] // sums of g and of g (z-mean)
	coefficients          kernel.NormGradient[T]
	g                     kernel.Images[T] // of the last run
}

// newNormBackward allocates the gradients of a normalization.
func newNormBackward[T Float](o *Norm[T]) *normBackward[T] {
	n := o.image.Channels
	c := &normBackward[T]{forward: o, stats: newBatchStats[T](n)}
	c.placeholder, _ = newTensor[T](1)
	c.dgamma, c.dgammaData = newTensor[T](o.image.Real)
	c.dbeta, c.dbetaData = newTensor[T](o.image.Real)
	if from := o.opts.ResidualImage; o.opts.Residual != nil && from != o.image {
		c.dr, c.drData = newTensor[T](from.Shape(o.batch.Size)...)
	}
	c.coefficients = kernel.NormGradient[T]{
		Mean: o.apply.Mean, Gradient: make([]T, n), Centred: make([]T, n), Constant: make([]T, n),
	}
	return c
}

func (o *normBackward[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.recoverError(&err)
	f := o.forward
	o.g = images(f.image, elements[T](inputs[2]), o.batch.Rows)
	if f.next == nil {
		o.begin()
		o.stats.used = o.batch.chunks(chunks, func(chunk, low, high int) {
			o.addSums(o.stats.chunk(chunk), o.g.Slice(low, high), f.result.Slice(low, high), low, high)
		})
	}
	o.reduce()
	return o.placeholder, nil
}

// begin prepares the sums of a run.
func (o *normBackward[T]) begin() { copy(o.stats.total.Pivot, o.forward.apply.Mean) }

// addSums masks dy, the gradient of images low to high of the result y, in place,
// and adds their sums.
func (o *normBackward[T]) addSums(sums *kernel.Stats[T], dy, y kernel.Images[T], low, high int) {
	f, keep := o.forward, dy
	if !f.opts.ReLU {
		y, keep = kernel.Images[T]{}, kernel.Images[T]{}
	}
	kernel.NormSums(sums, dy, y, f.z.Slice(low, high), keep)
	if o.dr != nil {
		from := f.opts.ResidualImage
		copyShortcutGradient(kernel.Images[T]{Image: from.Image, Data: o.drData}.Slice(low, high), dy, from.Real)
	}
}

// fill computes dz of images low to high.
func (o *normBackward[T]) fill(to kernel.Images[T], low, high int) {
	kernel.NormInput(to, o.g.Slice(low, high), kernel.Images[T]{}, o.forward.z.Slice(low, high), o.coefficients)
}

// reduce computes the gradients of gamma and beta and the coefficients of dz.
func (o *normBackward[T]) reduce() {
	f, sum := o.forward, o.stats.sum()
	count := float64(o.batch.Rows * f.image.Height * f.image.Width)
	for c, inv := range f.inv {
		o.dbetaData[c], o.dgammaData[c] = T(sum.First[c]), T(sum.Second[c]*inv)
		scale := float64(f.gamma[c]) * inv
		o.coefficients.Gradient[c] = T(scale)
		o.coefficients.Centred[c], o.coefficients.Constant[c] = 0, 0
		if !o.batch.Frozen {
			o.coefficients.Centred[c] = T(-scale * inv * inv * sum.Second[c] / count)
			o.coefficients.Constant[c] = T(-scale * sum.First[c] / count)
		}
	}
}
