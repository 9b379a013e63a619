package op

import (
	"math"

	"sgdwalk/train/nn/kernel"
)

// TapeNorm describes a batch normalization of a Tape.
type TapeNorm[T Float] struct {
	In             int // the value that is normalized
	Scale, Shift   int // offsets of gamma and beta in theta
	Mean, Variance []T // running statistics, borrowed; used if the batch is Frozen
	Residual       int // the value that is added before the ReLU, 0 for none; see NormOptions
	ReLU           bool
}

// Norm appends a batch normalization; see the op of that name.
func (t *Tape[T]) Norm(o TapeNorm[T]) {
	m := t.shapes[o.In].Image
	n := m.Channels
	l := &tapeNorm[T]{
		Tape: t, TapeNorm: o, image: m, out: t.nextValue(),
		sums: newBatchStats[T](n), cross: newBatchStats[T](n), zeros: make([]T, n),
		mean: make([]T, n), shift: make([]T, n), slope: make([]T, n), slopeT: make([]T, n),
		gradient: kernel.NormGradient[T]{Gradient: make([]T, n), Centred: make([]T, n), Constant: make([]T, n)},
		invT:     make([]float64, m.Real), centred: make([]T, n),
	}
	if o.Residual > 0 && t.shapes[o.Residual].Image.Image != m.Image {
		l.shortcut = make([]T, t.batch.Size*m.Len())
	}
	t.addLayer(l, Shape{Image: m})
}

// tapeNorm is y = gamma r (z-m) + beta for each channel, with the mean m and r =
// 1/sqrt(variance + Epsilon), plus a residual, rectified. With the statistics of
// the batch, m and r have tangents too. In the comments below, a prime marks a
// tangent, slope is gamma r, g is the adjoint masked by the ReLU, and S1 and S2
// are the sums of g and of g (z-m).
type tapeNorm[T Float] struct {
	*Tape[T]
	TapeNorm[T]
	image    Image
	out      int
	shortcut []T // the residual in the result's geometry; nil if it has that geometry

	sums, cross *batchStats[T]
	zeros       []T
	mean, shift []T // tangent of the mean; beta or its tangent
	invT        []float64
	slope       []T // gamma r of the channels
	slopeT      []T // its tangent
	centred     []T
	gradient    kernel.NormGradient[T]
	gamma       []T // of theta
	gammaV      []T // of the vector
}

// normPass is the part of a Pass that belongs to a normalization.
type normPass[T Float] struct {
	mean          []T
	inv           []float64 // 1/sqrt(variance + Epsilon)
	first, second []float64 // S1 and S2
}

// newNormPass allocates the statistics and sums of a normalization.
func newNormPass[T Float](m Image) *normPass[T] {
	return &normPass[T]{
		mean: make([]T, m.Channels), inv: make([]float64, m.Real),
		first: make([]float64, m.Real), second: make([]float64, m.Real),
	}
}

// reads says that a normalization always needs its own adjoint: the product for gamma has
// it as a factor.
func (l *tapeNorm[T]) reads() (ownAdjoint bool, inputs []int) { return true, []int{l.In, l.Residual} }

func (l *tapeNorm[T]) setTheta(theta []T) { l.gamma = theta[l.Scale : l.Scale+l.image.Real] }

// count returns the number of values of a channel.
func (l *tapeNorm[T]) count() float64 {
	return float64(l.batch.Rows * l.image.Height * l.image.Width)
}

// blocks calls f for a few images at a time.
func (l *tapeNorm[T]) blocks(f func(low, high int)) {
	l.batch.blocks(l.batch.Rows, l.image.Block(), f)
}

// sumChunks sums over the images with f, in fixed chunks.
func (l *tapeNorm[T]) sumChunks(to *batchStats[T], f func(to *kernel.Stats[T], low, high int)) *kernel.Stats[T] {
	to.used = l.batch.chunks(chunks, func(chunk, low, high int) { f(to.chunk(chunk), low, high) })
	return to.sum()
}

// residual returns images low to high of the residual's value or tangent, in the
// geometry of the result. Without a residual the images have no data.
func (l *tapeNorm[T]) residual(values [][]T, low, high int) (r kernel.Images[T]) {
	switch {
	case l.Residual == 0:
		return r
	case l.shortcut == nil:
		return l.images(l.Residual, values[l.Residual]).Slice(low, high)
	}
	r = kernel.Images[T]{Image: l.image.Image, Data: l.shortcut}.Slice(low, high)
	copyShortcut(r, l.images(l.Residual, values[l.Residual]).Slice(low, high), l.shapes[l.Residual].Image.Real)
	return r
}

// passToResidual copies the masked adjoint to the residual, if that one is needed.
func (l *tapeNorm[T]) passToResidual(adjoints [][]T, g kernel.Images[T], low, high int) {
	if adjoints[l.Residual] == nil {
		return
	}
	to := l.adjoint(l.Residual, adjoints[l.Residual]).Slice(low, high)
	if to.Image == g.Image {
		copy(to.Data, g.Data)
		return
	}
	clear(to.Data)
	copyShortcutGradient(to, g, l.shapes[l.Residual].Image.Real)
}

// forward computes y. With the statistics of the batch, the means of the first image are
// the pivot, as in the op.
func (l *tapeNorm[T]) forward(p *Pass[T]) {
	n, z, y := p.norms[l.out], l.images(l.In, p.values[l.In]), l.images(l.out, p.values[l.out])
	mean, variance := make([]float64, l.image.Channels), make([]float64, l.image.Channels)
	if !l.batch.Frozen {
		l.sums.begin(z.Slice(0, 1))
		l.sumChunks(l.sums, func(to *kernel.Stats[T], low,
			high int,
		) {
			to.AddImages(z.Slice(low, high))
		}).Moments(int(l.count()), mean, variance)
	}
	for c := range n.inv {
		if l.batch.Frozen {
			mean[c], variance[c] = float64(l.Mean[c]), float64(l.Variance[c])
		}
		n.mean[c], n.inv[c] = T(mean[c]), 1/math.Sqrt(variance[c]+Epsilon)
		l.slope[c] = T(float64(l.gamma[c]) * n.inv[c])
	}
	copy(l.shift, l.theta[l.Shift:l.Shift+l.image.Real])
	norm := kernel.Norm[T]{Mean: n.mean, Scale: l.slope, Shift: l.shift, ReLU: l.ReLU}
	l.blocks(func(low, high int) {
		kernel.NormForward(y.Slice(low, high), z.Slice(low, high), l.residual(p.values, low, high), norm)
	})
}

// mask masks an adjoint or its tangent by the ReLU. It returns its sum and the
// sum of its product with z-m.
func (l *tapeNorm[T]) mask(p *Pass[T], data []T) *kernel.Stats[T] {
	z, y, g := l.images(l.In, p.values[l.In]), l.images(l.out, p.values[l.out]), l.adjoint(l.out, data)
	copy(l.sums.total.Pivot, p.norms[l.out].mean)
	return l.sumChunks(l.sums, func(to *kernel.Stats[T], low, high int) {
		dy, behind, keep := g.Slice(low, high), y.Slice(low, high), g.Slice(low, high)
		if !l.ReLU {
			behind.Data, keep.Data = nil, nil
		}
		kernel.NormSums(to, dy, behind, z.Slice(low, high), keep)
	})
}

// backward computes dz = slope (g - S1/n - (z-m) r^2 S2/n), or slope g if frozen.
func (l *tapeNorm[T]) backward(p *Pass[T]) {
	n, z := p.norms[l.out], l.images(l.In, p.values[l.In])
	g := l.adjoint(l.out, p.adjoints[l.out])
	s := l.mask(p, p.adjoints[l.out])
	d := l.gradient
	d.Mean = n.mean
	for c, r := range n.inv {
		n.first[c], n.second[c] = s.First[c], s.Second[c]
		slope := float64(l.gamma[c]) * r
		d.Gradient[c], d.Centred[c], d.Constant[c] = T(slope), 0, 0
		if !l.batch.Frozen {
			d.Centred[c] = T(-slope * r * r * s.Second[c] / l.count())
			d.Constant[c] = T(-slope * s.First[c] / l.count())
		}
	}
	l.blocks(func(low, high int) {
		if l.needed[l.In] {
			dz := l.adjoint(l.In, p.adjoints[l.In])
			kernel.NormInput(dz.Slice(low, high), g.Slice(low, high), kernel.Images[T]{}, z.Slice(low, high), d)
		}
		l.passToResidual(p.adjoints, g.Slice(low, high), low, high)
	})
}

// forwardTangent computes y' = slope' (z-m) + slope (z'-m') + beta' plus the
// tangent of the residual, where m' is the mean of z', and r' = -r^3 times the
// mean of (z-m) z'.
func (l *tapeNorm[T]) forwardTangent(p *Pass[T], v []T) {
	n, z, y := p.norms[l.out], l.images(l.In, p.values[l.In]), l.images(l.out, p.values[l.out])
	zt, yt := l.images(l.In, l.tangent.values[l.In]), l.images(l.out, l.tangent.values[l.out])
	l.gammaV = v[l.Scale : l.Scale+l.image.Real]
	copy(l.shift, v[l.Shift:l.Shift+l.image.Real])
	var s *kernel.Stats[T]
	if !l.batch.Frozen {
		copy(l.sums.total.Pivot, n.mean)
		s = l.sumChunks(l.sums, func(to *kernel.Stats[T], low, high int) {
			kernel.NormSums(to, zt.Slice(low, high), kernel.Images[T]{}, z.Slice(low, high), kernel.Images[T]{})
		})
	}
	for c, r := range n.inv {
		l.mean[c], l.invT[c] = 0, 0
		if s != nil {
			l.mean[c], l.invT[c] = T(s.First[c]/l.count()), -r*r*r*s.Second[c]/l.count()
		}
		l.slope[c] = T(float64(l.gamma[c]) * r)
		l.slopeT[c] = T(float64(l.gammaV[c])*r + float64(l.gamma[c])*l.invT[c])
	}
	of, with := kernel.Norm[T]{Mean: n.mean, Scale: l.slopeT, Shift: l.shift},
		kernel.Norm[T]{Mean: l.mean, Scale: l.slope, Shift: l.zeros}
	l.blocks(func(low, high int) {
		to := yt.Slice(low, high)
		kernel.NormForward(to, z.Slice(low, high), l.residual(l.tangent.values, low, high), of)
		kernel.NormForward(to, zt.Slice(low, high), to, with)
		if l.ReLU {
			kernel.MaskReLUImages(to, to, y.Slice(low, high), nil)
		}
	})
}

// backwardTangent computes the tangent of dz,
//
//	slope g' + slope' g + centred' (z-m) + centred (z'-m') + constant'
//
// with centred = -slope r^2 S2/n and constant = -slope S1/n, which are 0 if
// frozen. The product is S1' for beta and (r S2)' for gamma. The Gauss-Newton
// matrix leaves out the terms with the factor g.
func (l *tapeNorm[T]) backwardTangent(p *Pass[T], product []T) {
	n, z := p.norms[l.out], l.images(l.In, p.values[l.In])
	zt, g := l.images(l.In, l.tangent.values[l.In]), l.adjoint(l.out, p.adjoints[l.out])
	gt, to := l.adjoint(l.out, l.tangent.adjoints[l.out]), l.adjoint(l.In, l.tangent.adjoints[l.In])
	s := l.mask(p, l.tangent.adjoints[l.out])
	var cross *kernel.Stats[T]
	if !l.gaussNewton {
		copy(l.cross.total.Pivot, l.mean)
		cross = l.sumChunks(l.cross, func(to *kernel.Stats[T], low, high int) {
			kernel.NormSums(to, g.Slice(low, high), kernel.Images[T]{}, zt.Slice(low, high), kernel.Images[T]{})
		})
	}
	d := l.gradient
	d.Mean = n.mean
	for c, r := range n.inv {
		slope, slopeT := float64(l.gamma[c])*r, float64(l.gammaV[c])*r+float64(l.gamma[c])*l.invT[c]
		first, second, firstT, secondT, invT := n.first[c], n.second[c], s.First[c], s.Second[c], l.invT[c]
		if cross == nil {
			first, second, invT = 0, 0, 0
		} else {
			secondT += cross.Second[c]
		}
		product[l.Scale+c], product[l.Shift+c] = T(invT*second+r*secondT), T(firstT)
		d.Gradient[c], d.Centred[c], d.Constant[c], l.centred[c] = T(slope), 0, 0, 0
		if !l.batch.Frozen {
			d.Centred[c] = T(-((slopeT*r*r+2*slope*r*invT)*second + slope*r*r*secondT) / l.count())
			d.Constant[c] = T(-(slopeT*first + slope*firstT) / l.count())
			l.centred[c] = T(-slope * r * r * second / l.count())
		}
	}
	none := kernel.Images[T]{}
	cent, base := kernel.Norm[T]{Mean: l.mean, Scale: l.centred, Shift: l.zeros},
		kernel.Norm[T]{Mean: l.zeros, Scale: l.slopeT, Shift: l.zeros}
	l.blocks(func(low, high int) {
		to := to.Slice(low, high)
		kernel.NormInput(to, gt.Slice(low, high), none, z.Slice(low, high), d)
		if !l.gaussNewton {
			kernel.NormForward(to, g.Slice(low, high), to, base)
			if !l.batch.Frozen {
				kernel.NormForward(to, zt.Slice(low, high), to, cent)
			}
		}
		l.passToResidual(l.tangent.adjoints, gt.Slice(low, high), low, high)
	})
}
