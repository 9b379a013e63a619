package op

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Epsilon is what is added to a variance before its root is taken.
const Epsilon = 1e-5

// NormOptions modifies NewNorm.
type NormOptions struct {
	ReLU bool // rectify the result

	// Residual is added before the rectification. Where its image is larger than
	// the result by a stride, every stride-th pixel is taken; where it has fewer
	// channels, zeros are added for the others (He et al. 2016, option A).
	Residual      *G.Node
	ResidualImage Image
	Skip          *Skip // takes the gradient of the residual; required with one
}

// Norm is batch normalization (Ioffe & Szegedy 2015): y = gamma (z-mean) /
// sqrt(variance + Epsilon) + beta for each channel, plus a residual, rectified.
//
// With Batch.Frozen false, mean and variance are those of the current batch, the
// variance being the biased one, and the gradients go through them. With
// Batch.Frozen true they are RunningMean and RunningVariance, which are
// constants: the op is affine. The running values are never written by the op.
type Norm[T Float] struct {
	base
	Mean, Variance               []float64 // of the last batch, for each channel; set when not frozen
	Count                        int       // values per channel that they come from
	RunningMean, RunningVariance []T

	opts         NormOptions
	image        Image
	scale, shift []T // y = scale z + shift
	center, inv  []float64
	partial      [][]float64
	y            *tensor.Dense
	yData        []T
}

// NewNorm appends a normalization of z, whose geometry and the result's are
// image. gamma and beta are (channels); mean and variance, borrowed, are the
// running statistics.
func NewNorm[T Float](b *Batch, image Image, z, gamma, beta *G.Node, mean, variance []T, opts NormOptions) (*Norm[T], *G.Node, error) {
	if err := image.check(z, b.Size); err != nil {
		return nil, nil, err
	}
	n := image.Real
	for _, p := range []int{gamma.Shape().TotalSize(), beta.Shape().TotalSize(), len(mean), len(variance)} {
		if p != n {
			return nil, nil, fmt.Errorf("op: normalization: parameters and statistics of %d channels for %d", p, n)
		}
	}
	o := &Norm[T]{
		opts: opts, image: image,
		Mean: make([]float64, n), Variance: make([]float64, n), RunningMean: mean, RunningVariance: variance,
		scale: make([]T, image.Channels), shift: make([]T, image.Channels), center: make([]float64, n), inv: make([]float64, n),
		partial: make([][]float64, chunks),
	}
	for i := range o.partial {
		o.partial[i] = make([]float64, 2*image.Channels)
	}
	o.y, o.yData = newTensor[T](image.Shape(b.Size)...)
	inputs := G.Nodes{z, gamma, beta}
	if opts.Residual != nil {
		if err := o.checkResidual(); err != nil {
			return nil, nil, err
		}
		if err := opts.ResidualImage.check(opts.Residual, b.Size); err != nil {
			return nil, nil, err
		}
		inputs = append(inputs, opts.Residual)
	}
	o.base = newBase(b, "norm", o.y.Shape(), inputs...)
	node, err := G.ApplyOp(o, inputs...)
	return o, node, err
}

// residualStride is the distance of the residual's pixels that are used.
func (o *Norm[T]) residualStride() int {
	return (o.opts.ResidualImage.Height + o.image.Height - 1) / o.image.Height
}

func (o *Norm[T]) checkResidual() error {
	r, m, s := o.opts.ResidualImage, o.image, o.residualStride()
	if o.opts.Skip == nil {
		return fmt.Errorf("op: normalization: a residual needs a Skip")
	}
	if (r.Height-1)/s+1 != m.Height || (r.Width-1)/s+1 != m.Width || r.Real > m.Real {
		return fmt.Errorf("op: normalization: residual %v does not go to %v", r, m)
	}
	return nil
}

// Do normalizes the batch.
func (o *Norm[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.guard(&err)
	z, gamma, beta := elements[T](inputs[0]), elements[T](inputs[1]), elements[T](inputs[2])
	if o.batch.Frozen {
		for c := range o.center {
			o.center[c], o.inv[c] = float64(o.RunningMean[c]), 1/math.Sqrt(float64(o.RunningVariance[c])+Epsilon)
		}
	} else {
		o.measure(z)
		for c := range o.center {
			o.center[c], o.inv[c] = o.Mean[c], 1/math.Sqrt(o.Variance[c]+Epsilon)
		}
	}
	for c := range o.center {
		s := float64(gamma[c]) * o.inv[c]
		o.scale[c], o.shift[c] = T(s), T(float64(beta[c])-o.center[c]*s)
	}
	var residual []T
	if o.opts.Residual != nil {
		residual = elements[T](inputs[3])
	}
	size := o.image.Len()
	o.batch.each(o.batch.Rows, func(_, i int) {
		o.apply(z[i*size:(i+1)*size], o.yData[i*size:(i+1)*size])
		if residual != nil {
			n := o.opts.ResidualImage.Len()
			o.addResidual(residual[i*n:(i+1)*n], o.yData[i*size:(i+1)*size])
		}
		if o.opts.ReLU {
			rectify(o.yData[i*size : (i+1)*size])
		}
	})
	return o.y, nil
}

// measure computes mean and variance of the batch. The second pass is over the
// deviations: the mean of squares minus the square of the mean would lose the
// digits of a variance that is small beside the mean.
func (o *Norm[T]) measure(z []T) {
	o.Count = o.batch.Rows * o.image.Height * o.image.Width
	o.moment(z, o.Mean, func(dst []float64, pixel []T) {
		for c := range dst {
			dst[c] += float64(pixel[c])
		}
	})
	o.moment(z, o.Variance, func(dst []float64, pixel []T) {
		for c := range dst {
			d := float64(pixel[c]) - o.Mean[c]
			dst[c] += d * d
		}
	})
}

// moment averages f over all pixels of the batch.
func (o *Norm[T]) moment(z []T, dst []float64, f func(dst []float64, pixel []T)) {
	m := o.image
	used := o.batch.chunks(chunks, func(_, chunk, low, high int) {
		sum := o.partial[chunk][:m.Real]
		clear(sum)
		for i := low; i < high; i++ {
			for h := range m.Height {
				at := i*m.Len() + m.At(h, 0)
				for w := range m.Width {
					f(sum, z[at+w*m.Channels:at+(w+1)*m.Channels])
				}
			}
		}
	})
	clear(dst)
	for _, p := range o.partial[:used] {
		for c := range dst {
			dst[c] += p[c]
		}
	}
	for c := range dst {
		dst[c] /= float64(o.Count)
	}
}

func (o *Norm[T]) apply(z, y []T) {
	m := o.image
	for h := range m.Height {
		at := m.At(h, 0)
		for range m.Width {
			for c, v := range z[at : at+m.Channels] {
				y[at+c] = v*o.scale[c] + o.shift[c]
			}
			at += m.Channels
		}
	}
}

func (o *Norm[T]) addResidual(r, y []T) {
	m, from, s := o.image, o.opts.ResidualImage, o.residualStride()
	for h := range m.Height {
		for w := range m.Width {
			at := m.At(h, w)
			src := from.At(h*s, w*s)
			for c, v := range r[src : src+from.Real] {
				y[at+c] += v
			}
		}
	}
}

// DiffWRT: the gradient of the residual goes by way of the Skip.
func (o *Norm[T]) DiffWRT(inputs int) []bool { return []bool{true, true, true, false}[:inputs] }

// SymDiff appends the backward ops.
func (o *Norm[T]) SymDiff(inputs G.Nodes, output, grad *G.Node) (G.Nodes, error) {
	c := &normBackward[T]{forward: o}
	size := o.batch.Size
	c.dz, c.dzData = newTensor[T](o.image.Shape(size)...)
	c.dgamma, c.dgammaData = newTensor[T](o.image.Real)
	c.dbeta, c.dbetaData = newTensor[T](o.image.Real)
	c.base = newBase(o.batch, "normBackward", c.dz.Shape(), inputs[0], output, grad)
	core, err := G.ApplyOp(c, inputs[0], output, grad)
	if err != nil {
		return nil, err
	}
	dgamma, err := newFetch(o.batch, "normScale", core, c.dgamma)
	if err != nil {
		return nil, err
	}
	dbeta, err := newFetch(o.batch, "normShift", core, c.dbeta)
	if err != nil {
		return nil, err
	}
	grads := G.Nodes{core, dgamma, dbeta}
	if o.opts.Residual != nil {
		c.dr, c.drData = newTensor[T](o.opts.ResidualImage.Shape(size)...)
		if o.opts.Skip.grad, err = newFetch(o.batch, "normResidual", core, c.dr); err != nil {
			return nil, err
		}
		grads = append(grads, nil)
	}
	return grads, nil
}

// normBackward computes, with g = dy where y > 0 (or dy without ReLU) and u the
// normalized z: dbeta = sum g, dgamma = sum g u, and dz = scale (g - dbeta/N - u
// dgamma/N), or scale g when frozen. The gradient of the residual is g.
type normBackward[T Float] struct {
	base
	forward                       *Norm[T]
	dz, dgamma, dbeta, dr         *tensor.Dense
	dzData, dgammaData, dbetaData []T
	drData                        []T
}

func (o *normBackward[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.guard(&err)
	f := o.forward
	z, y, dy := elements[T](inputs[0]), elements[T](inputs[1]), elements[T](inputs[2])
	m := f.image
	size := m.Len()
	used := o.batch.chunks(chunks, func(_, chunk, low, high int) {
		sum := f.partial[chunk]
		clear(sum)
		for i := low; i < high; i++ {
			at := i * size
			o.mask(dy[at:at+size], y[at:at+size], o.dzData[at:at+size])
			o.sums(sum, z[at:at+size], o.dzData[at:at+size])
			if o.dr != nil {
				n := f.opts.ResidualImage.Len()
				o.residual(o.dzData[at:at+size], o.drData[i*n:(i+1)*n])
			}
		}
	})
	// dz = a g + b z + c
	var total [3][]T
	for i := range total {
		total[i] = make([]T, m.Channels)
	}
	count := float64(o.batch.Rows * m.Height * m.Width)
	for c := range m.Real {
		g, gu := 0.0, 0.0
		for _, p := range f.partial[:used] {
			g += p[c]
			gu += p[m.Channels+c]
		}
		o.dbetaData[c], o.dgammaData[c] = T(g), T(gu)
		s := float64(f.scale[c])
		total[0][c] = f.scale[c]
		if !o.batch.Frozen {
			slope := -s * f.inv[c] * gu / count
			total[1][c] = T(slope)
			total[2][c] = T(-s*g/count - slope*f.center[c])
		}
	}
	o.batch.each(o.batch.Rows, func(_, i int) {
		o.combine(z[i*size:(i+1)*size], o.dzData[i*size:(i+1)*size], total)
	})
	return o.dz, nil
}

// mask writes g.
func (o *normBackward[T]) mask(dy, y, g []T) {
	if !o.forward.opts.ReLU {
		copy(g, dy)
		return
	}
	maskReLU(g, dy, y)
}

func (o *normBackward[T]) sums(sum []float64, z, g []T) {
	m := o.forward.image
	shift := sum[m.Channels:]
	for h := range m.Height {
		at := m.At(h, 0)
		for range m.Width {
			for c := range m.Real {
				v := float64(g[at+c])
				sum[c] += v
				shift[c] += v * (float64(z[at+c]) - o.forward.center[c]) * o.forward.inv[c]
			}
			at += m.Channels
		}
	}
}

// residual hands g on to the pixels and channels that it came from; the others
// are zero and stay so.
func (o *normBackward[T]) residual(g, dr []T) {
	m, to, s := o.forward.image, o.forward.opts.ResidualImage, o.forward.residualStride()
	for h := range m.Height {
		for w := range m.Width {
			at := m.At(h, w)
			copy(dr[to.At(h*s, w*s):][:to.Real], g[at:])
		}
	}
}

func (o *normBackward[T]) combine(z, g []T, k [3][]T) {
	m := o.forward.image
	for h := range m.Height {
		at := m.At(h, 0)
		for range m.Width {
			for c := range m.Channels {
				g[at+c] = k[0][c]*g[at+c] + k[1][c]*z[at+c] + k[2][c]
			}
			at += m.Channels
		}
	}
}

// rectify sets negative values to 0 and leaves NaN alone.
func rectify[T Float](v []T) {
	for i, a := range v {
		if a < 0 {
			v[i] = 0
		}
	}
}
