package op

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sgdwalk/train/nn/kernel"
)

// Epsilon is added to a variance before its root is taken. It is the value of
// PyTorch.
const Epsilon = 1e-5

// NormOptions are the options of NewNorm.
type NormOptions struct {
	ReLU bool // rectify the result

	// Residual is added before the ReLU. If its image is larger than the result
	// by a stride, every stride-th pixel is added. If it has fewer channels, the
	// other channels get zeros (He et al. 2016, option A).
	Residual      *G.Node
	ResidualImage Image
	Skip          *Skip // receives the gradient of the residual; required with a residual
}

// Norm is batch normalization (Ioffe & Szegedy 2015): y = gamma (z-mean) /
// sqrt(variance + Epsilon) + beta for each channel, plus a residual, rectified.
//
// If Batch.Frozen is false, mean and variance are those of the current batch (the
// biased variance), and the gradients include their derivatives. If it is true,
// they are RunningMean and RunningVariance, which are constants, so the op is
// affine. The op never writes the running statistics.
type Norm[T Float] struct {
	base
	Mean, Variance               []float64 // of each channel of the last batch; not set if frozen
	Count                        int       // number of values per channel in that batch
	RunningMean, RunningVariance []T

	opts           NormOptions
	image          Image
	mean, variance []float64      // of all stored channels
	stats          *batchStats[T] // filled by the convolution
	inv            []float64      // 1/sqrt(variance + Epsilon) of the last run
	gamma          []T
	apply          kernel.Norm[T] // of the last run
	shortcut       []T            // the residual in the result's geometry; nil if it has that size
	y              *tensor.Dense
	yData          []T

	conv                *Conv[T] // the convolution whose result is normalized
	deferred            bool     // the next convolution calls normalize
	z, result, residual kernel.Images[T]
}

// NewNorm appends a normalization of z, the result of a convolution. gamma and beta
// are (channels). mean and variance are the running statistics, which are borrowed.
func NewNorm[T Float](conv *Conv[T], z, gamma, beta *G.Node, mean, variance []T, opts NormOptions) (*Norm[T], *G.Node,
	error,
) {
	b, image := conv.batch, conv.out
	if err := checkNorm(image, gamma, beta, mean, variance); err != nil {
		return nil, nil, err
	}
	n := image.Channels
	o := &Norm[T]{
		conv: conv, mean: make([]float64, n), variance: make([]float64, n),
		RunningMean: mean, RunningVariance: variance,
		opts: opts, image: image, stats: newBatchStats[T](n), inv: make([]float64, image.Real),
		apply: kernel.Norm[T]{Mean: make([]T, n), Scale: make([]T, n), Shift: make([]T, n), ReLU: opts.ReLU},
	}
	o.Mean, o.Variance = o.mean[:image.Real], o.variance[:image.Real]
	conv.stats = o.stats
	o.y, o.yData = newTensor[T](image.Shape(b.Size)...)
	inputs := G.Nodes{z, gamma, beta}
	if opts.Residual != nil {
		if opts.Skip == nil {
			return nil, nil, fmt.Errorf("op: normalization: a residual needs a Skip")
		}
		if err := checkResidual(image, opts.ResidualImage, opts.Residual, b.Size); err != nil {
			return nil, nil, err
		}
		if !o.sameSize() {
			o.shortcut = make([]T, b.Size*image.Len())
		}
		inputs = append(inputs, opts.Residual)
	}
	o.base = newBase(b, "norm", o.y.Shape(), inputs...)
	node, err := G.ApplyOp(o, inputs...)
	return o, node, err
}

// sameSize reports whether residual and result differ in their halo only.
func (o *Norm[T]) sameSize() bool {
	from := o.opts.ResidualImage
	from.Halo = o.image.Halo
	return from == o.image
}

// checkNorm returns an error unless parameters and statistics have one value per channel.
func checkNorm[T Float](image Image, gamma, beta *G.Node, mean, variance []T) error {
	for _, p := range []int{gamma.Shape().TotalSize(), beta.Shape().TotalSize(), len(mean), len(variance)} {
		if p != image.Real {
			return fmt.Errorf("op: normalization: parameters or statistics of %d channels; wanted %d", p, image.Real)
		}
	}
	return nil
}

// DeferTo leaves the last pass of every run to the convolution that reads the
// result first. It normalizes a few images just before it convolves them, so that
// they are still in the cache. No other op may read the result before that
// convolution.
func (o *Norm[T]) DeferTo(next *Conv[T]) {
	o.deferred = true
	next.prepareInput = o.normalize
}

// Do normalizes the batch.
func (o *Norm[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.recoverError(&err)
	rows := o.batch.Rows
	o.prepare(elements[T](inputs[1]), elements[T](inputs[2]))
	o.z, o.result = images(o.image, elements[T](inputs[0]), rows), images(o.image, o.yData, rows)
	if o.opts.Residual != nil {
		o.residual = images(o.opts.ResidualImage, elements[T](inputs[3]), rows)
	}
	if !o.deferred {
		o.batch.blocks(rows, o.image.Block(), o.normalize)
	}
	return o.y, nil
}

// normalize computes images low to high.
func (o *Norm[T]) normalize(low, high int) {
	var residual kernel.Images[T]
	switch {
	case o.shortcut != nil:
		residual = kernel.Images[T]{Image: o.image.Image, Data: o.shortcut}.Slice(low, high)
		copyShortcut(residual, o.residual.Slice(low, high), o.opts.ResidualImage.Real)
	case o.opts.Residual != nil:
		residual = o.residual.Slice(low, high)
	}
	kernel.NormForward(o.result.Slice(low, high), o.z.Slice(low, high), residual, o.apply)
}

// prepare computes the coefficients of this run.
func (o *Norm[T]) prepare(gamma, beta []T) {
	o.gamma = gamma
	if !o.batch.Frozen {
		o.Count = o.batch.Rows * o.image.Height * o.image.Width
		o.stats.sum().Moments(o.Count, o.mean, o.variance)
	}
	for c := range o.inv {
		mean, variance := float64(o.RunningMean[c]), float64(o.RunningVariance[c])
		if !o.batch.Frozen {
			mean, variance = o.Mean[c], o.Variance[c]
		}
		o.inv[c] = 1 / math.Sqrt(variance+Epsilon)
		o.apply.Mean[c], o.apply.Scale[c], o.apply.Shift[c] = T(mean), T(float64(gamma[c])*o.inv[c]), beta[c]
	}
}

// DiffWRT excludes the residual, whose gradient goes through the Skip.
func (o *Norm[T]) DiffWRT(inputs int) []bool { return []bool{true, true, true, false}[:inputs] }

// SymDiff appends the backward ops.
func (o *Norm[T]) SymDiff(inputs G.Nodes, output, grad *G.Node) (G.Nodes, error) {
	c := newNormBackward(o)
	o.conv.prepareGradient = c.input
	c.base = newBase(o.batch, "normBackward", c.dz.Shape(), inputs[0], output, grad)
	results := []*tensor.Dense{c.dgamma, c.dbeta}
	if c.dr != nil {
		results = append(results, c.dr)
	}
	grads, err := applyAll(o.batch, c, G.Nodes{inputs[0], output, grad}, results...)
	if err == nil && c.dr != nil {
		o.opts.Skip.grad, grads[3] = grads[3], nil
	}
	return grads, err
}
