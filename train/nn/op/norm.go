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

	conv *Conv[T] // the convolution whose result is normalized

	// next calls normalize, and addSums of backward. nil means that this op does it.
	next     *Conv[T]
	kept     bool // the whole result is stored
	backward *normBackward[T]

	z, result, residual kernel.Images[T] // of the last run
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
		conv: conv, kept: true, mean: make([]float64, n), variance: make([]float64, n),
		RunningMean: mean, RunningVariance: variance,
		opts: opts, image: image, stats: newBatchStats[T](n), inv: make([]float64, image.Real),
		apply: kernel.Norm[T]{Mean: make([]T, n), Scale: make([]T, n), Shift: make([]T, n), ReLU: opts.ReLU},
	}
	o.Mean, o.Variance = o.mean[:image.Real], o.variance[:image.Real]
	conv.stats = o.stats
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
	o.base = newBase(b, "norm", image.Shape(b.Size), inputs...)
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
// result, and the first pass of every backward run to the backward op of that
// convolution. Both then work on a few images while these are in the cache.
//
// If kept is false, no other op may read the result. It is then never stored: the
// backward op normalizes once more. If kept is true, the result may also be the
// residual of a later normalization whose Skip is that of next. It is then read
// after next has computed it.
func (o *Norm[T]) DeferTo(next *Conv[T], kept bool) {
	o.next, next.source = next, o
	o.kept = kept || convByChannel(next.v)
}

// Do normalizes the batch.
func (o *Norm[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.recoverError(&err)
	rows := o.batch.Rows
	o.prepare(elements[T](inputs[1]), elements[T](inputs[2]))
	if o.y == nil {
		shape := []int{1} // no op reads it
		if o.kept {
			shape = o.image.Shape(o.batch.Size)
		}
		o.y, o.yData = newTensor[T](shape...)
	}
	o.z = images(o.image, elements[T](inputs[0]), rows)
	if o.kept {
		o.result = images(o.image, o.yData, rows)
	}
	if o.opts.Residual != nil {
		o.residual = images(o.opts.ResidualImage, elements[T](inputs[3]), rows)
	}
	if o.next == nil {
		o.batch.blocks(rows, o.image.Block(), func(low, high int) { o.normalize(kernel.Images[T]{}, low, high) })
	}
	return o.y, nil
}

// stored returns images low to high of the result after normalize has computed
// them. If the result is not stored, it computes them again, into memory.
func (o *Norm[T]) stored(memory kernel.Images[T], low, high int) kernel.Images[T] {
	if o.kept {
		return o.result.Slice(low, high)
	}
	return o.normalize(memory, low, high)
}

// normalize computes and returns images low to high. If the result is not stored,
// it writes them to memory.
func (o *Norm[T]) normalize(memory kernel.Images[T], low, high int) kernel.Images[T] {
	var y kernel.Images[T]
	if o.kept {
		y = o.result.Slice(low, high)
	} else {
		y = memory.Slice(0, high-low)
	}
	var residual kernel.Images[T]
	switch {
	case o.shortcut != nil:
		residual = kernel.Images[T]{Image: o.image.Image, Data: o.shortcut}.Slice(low, high)
		copyShortcut(residual, o.residual.Slice(low, high), o.opts.ResidualImage.Real)
	case o.opts.Residual != nil:
		residual = o.residual.Slice(low, high)
	}
	kernel.NormForward(y, o.z.Slice(low, high), residual, o.apply)
	return y
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
	o.backward = c
	o.conv.result = &resultGradient[T]{o.image, c.fill}
	c.base = newBase(o.batch, "normBackward", o.image.Shape(o.batch.Size), inputs[0], output, grad)
	results := []*tensor.Dense{c.dgamma, c.dbeta}
	if c.dr != nil {
		results = append(results, c.dr)
	}
	grads, err := applyAll(o.batch, c, G.Nodes{inputs[0], output, grad}, results...)
	if err != nil || o.opts.Residual == nil {
		return grads, err
	}
	if o.opts.Skip.grad = grad; c.dr != nil { // else dy, masked in place, is the gradient of the residual
		o.opts.Skip.grad = grads[3]
	}
	return append(grads[:3], nil), nil
}
