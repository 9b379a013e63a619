package op

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sgdwalk/train/nn/kernel"
)

// normBackward computes dbeta = sum g, dgamma = sum g u, and dz = scale (g -
// dbeta/N - u dgamma/N), or dz = scale g if frozen. Here g is dy masked by the
// ReLU, and u is the normalized z. The gradient of the residual is g. The
// backward op of the convolution reads dz next, so it calls input, which computes
// dz, for a few images at a time.
type normBackward[T Float] struct {
	base
	forward               *Norm[T]
	dz, dgamma, dbeta, dr *tensor.Dense
	dzData                []T
	dgammaData, dbetaData []T
	drData                []T
	stats                 *batchStats[T] // sums of g and of g (z-mean)
	coefficients          kernel.NormGradient[T]
	run                   struct{ z, y, dy, dz kernel.Images[T] } // y has no data if dy is masked already
}

// newNormBackward allocates the gradients of a normalization.
func newNormBackward[T Float](o *Norm[T]) *normBackward[T] {
	size, n := o.batch.Size, o.image.Channels
	c := &normBackward[T]{forward: o, stats: newBatchStats[T](n)}
	c.dz, c.dzData = newTensor[T](o.image.Shape(size)...)
	c.dgamma, c.dgammaData = newTensor[T](o.image.Real)
	c.dbeta, c.dbetaData = newTensor[T](o.image.Real)
	if o.opts.Residual != nil {
		c.dr, c.drData = newTensor[T](o.opts.ResidualImage.Shape(size)...)
	}
	c.coefficients = kernel.NormGradient[T]{
		Mean: o.apply.Mean, Gradient: make([]T, n), Centred: make([]T, n), Constant: make([]T, n),
	}
	return c
}

func (o *normBackward[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.recoverError(&err)
	f, rows := o.forward, o.batch.Rows
	view := func(v G.Value) kernel.Images[T] { return images(f.image, elements[T](v), rows) }
	z, y, dy, dz := view(inputs[0]), view(inputs[1]), view(inputs[2]), images(f.image, o.dzData, rows)
	// If the residual needs g, store it and read it later instead of dy and y.
	var keep, dr kernel.Images[T]
	if o.dr != nil {
		dr = images(f.opts.ResidualImage, o.drData, rows)
		if keep = dr; f.shortcut != nil {
			keep = dz
		}
	}
	if !f.opts.ReLU {
		y.Data = nil
	}
	copy(o.stats.total.Pivot, f.apply.Mean)
	o.stats.used = o.batch.chunks(chunks, func(chunk, low, high int) {
		part := func(m kernel.Images[T]) kernel.Images[T] {
			if m.Data == nil {
				return m
			}
			return m.Slice(low, high)
		}
		kernel.NormSums(o.stats.chunk(chunk), part(dy), part(y), part(z), part(keep))
		if o.dr != nil && f.shortcut != nil {
			copyShortcutGradient(part(dr), part(keep), f.opts.ResidualImage.Real)
		}
	})
	o.reduce()
	if keep.Data != nil {
		dy, y.Data = keep, nil
	}
	o.run.z, o.run.y, o.run.dy, o.run.dz = z, y, dy, dz
	return o.dz, nil
}

// input computes dz of images low to high.
func (o *normBackward[T]) input(low, high int) {
	y := o.run.y
	if y.Data != nil {
		y = y.Slice(low, high)
	}
	kernel.NormInput(o.run.dz.Slice(low, high), o.run.dy.Slice(low, high), y, o.run.z.Slice(low, high), o.coefficients)
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
