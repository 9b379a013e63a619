package nn

import (
	"context"
	"fmt"

	"sgdwalk/record"
	"sgdwalk/train/nn/kernel"
	"sgdwalk/train/nn/op"
)

// mlpBatch evaluates fully connected networks at many points of a span. It has the
// memory that all spans share.
//
// The first layer is linear in the coordinates. With the data X and a vector V of the
// span, Z = X W(V)^T + bias(V), every point has the outputs
//
//	Z[base] + sum_k a[k] (Z[k] - Z[base]) + sum_k b[k] Z[directions + k].
//
// A pass over the data serves all points: a band of rows of the products stays in the
// cache while every point combines it and sends it through the other layers.
//
// The difference of two points is taken before it is scaled, so that the weights of the
// products add up to 1 exactly. With float32 weights (1-a) and a, the rounding of the
// weights would scale the outputs of all examples alike, which can exceed the change of
// the loss along a short step.
type mlpBatch struct {
	e       *Evaluator
	units   int // of the first layer
	width   int // of the widest layer
	layers  []linearLayer
	from    int         // offset of the parameters of layers, which come after the first layer
	packed  [][]float32 // weights of the first layer at each vector, in the kernel's order
	points  []mlpPoint
	scratch []mlpScratch // of each worker
}

// mlpPoint is one point of the current pass.
type mlpPoint struct {
	theta  []float32   // parameters of the layers after the first
	packed [][]float32 // their weights in the kernel's order
	losses []float64   // of each row
	hits   []bool
}

// mlpScratch is the memory of one worker for a band of rows.
type mlpScratch struct {
	x, y, difference []float32   // activations
	space, products  [][]float32 // outputs of the first layer at each vector, in space or stored
	kernel           kernel.Scratch[float32]
}

const (
	// bandRows is the number of rows in a band.
	bandRows = 32
	// mlpPoints is the largest number of points that share a pass over the data. The
	// pass computes a product for each segment of a line, and one more.
	mlpPoints = 128
	// mlpBytes limits the parameters of these points.
	mlpBytes = 64 << 20
	// maxProducts limits the stored elements of the first layer's products.
	maxProducts = 3 << 27
)

func newMLPBatch(e *Evaluator) *mlpBatch {
	first := e.plan.layers[0].(linearLayer)
	m := &mlpBatch{e: e, units: first.out.len(), scratch: make([]mlpScratch, e.workers.Count())}
	m.width = m.units
	for _, l := range e.plan.layers[1:] {
		m.layers = append(m.layers, l.(linearLayer))
		m.width = max(m.width, l.shape().len())
	}
	bias := e.plan.params[first.bias]
	m.from = bias.Offset + bias.Len()
	for i := range m.scratch {
		s := &m.scratch[i]
		s.x, s.y = make([]float32, bandRows*m.width), make([]float32, bandRows*m.width)
		s.difference = make([]float32, bandRows*m.units)
	}
	return m
}

// spanMLP evaluates the points of one span.
type spanMLP struct {
	*mlpBatch
	vectors []spanVector
}

// spanVector is a vector of a span. If a second call needs it, its products are stored,
// because a landscape calls many times and a walk once.
type spanVector struct {
	theta    []float32
	needed   bool      // by the current call
	calls    int       // that needed it
	stored   []float32 // products of all rows; nil before the second call
	complete bool      // stored is set
}

// newSpanMLP prepares a span.
func (m *mlpBatch) newSpanMLP(s *record.Span) *spanMLP {
	v := &spanMLP{mlpBatch: m}
	for k := range s.Len() {
		v.vectors = append(v.vectors, spanVector{theta: s.Vector(k)})
	}
	return v
}

// evaluate sets the points first, then sends all bands of rows through the layers of all
// points, and adds the losses in the order of the examples at the end.
func (m *spanMLP) evaluate(ctx context.Context, s *record.Span, at []record.Coordinates, loss, accuracy []float64) error {
	own := len(m.vectors)
	defer func() { m.vectors = m.vectors[:own] }()
	s, at = withFarPoints(s, at)
	for k := own; k < s.Len(); k++ {
		m.vectors = append(m.vectors, spanVector{theta: s.Vector(k)})
	}
	for len(m.points) < len(at) {
		m.points = append(m.points, m.newPoint())
	}
	workers := m.e.workers.Count()
	err := parallel(workers, len(at), func(_, i int) error { m.moveTo(&m.points[i], s, &at[i]); return nil })
	if err != nil {
		return err
	}
	if err := m.prepare(s, at, own); err != nil {
		return err
	}
	n := len(m.e.labels)
	err = parallel(workers, (n+bandRows-1)/bandRows, func(worker, band int) error {
		low, high := band*bandRows, min((band+1)*bandRows, n)
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("nn: evaluator: stopped after %d of %d examples: %w", low, n, err)
		}
		w := &m.scratch[worker]
		m.multiply(w, low, high)
		for i := range at {
			m.combine(w, s, &at[i], high-low)
			m.band(&m.points[i], w, low, high)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for k := range m.vectors[:own] {
		v := &m.vectors[k]
		v.complete = v.complete || v.needed && v.stored != nil
	}
	for i := range at {
		hits := 0
		for _, h := range m.points[i].hits {
			if h {
				hits++
			}
		}
		loss[i], accuracy[i] = mean(m.points[i].losses), float64(hits)/float64(n)
	}
	return nil
}

// prepare finds the vectors that the points need, packs the weights of the first layer at
// those whose products are not stored, and allocates the memory to store them. Only the
// first own vectors are stored.
func (m *spanMLP) prepare(s *record.Span, at []record.Coordinates, own int) error {
	for k, needed := range neededVectors(s, at) {
		m.vectors[k].needed = needed
	}
	n, in := len(m.e.labels), m.e.plan.in.Len()
	for k := range m.vectors[:own] {
		v := &m.vectors[k]
		if v.needed {
			v.calls++
		}
		if v.calls > 1 && v.stored == nil && own*n*m.units <= maxProducts {
			v.stored = make([]float32, n*m.units)
		}
	}
	for len(m.packed) < len(m.vectors) {
		m.packed = append(m.packed, make([]float32, kernel.PackedLen(m.units, in)))
	}
	first := m.e.plan.params[m.e.plan.layers[0].(linearLayer).weight]
	return parallel(m.e.workers.Count(), len(m.vectors), func(_, k int) error {
		if v := &m.vectors[k]; v.needed && !v.complete {
			kernel.Pack(m.packed[k], kernel.Dense(first.View(v.theta), m.units, in))
		}
		return nil
	})
}

// multiply sets the products of a worker to the outputs of the first layer for rows low
// to high at the needed vectors.
func (m *spanMLP) multiply(w *mlpScratch, low, high int) {
	for len(w.products) < len(m.vectors) {
		w.products = append(w.products, nil)
		w.space = append(w.space, make([]float32, bandRows*m.units))
	}
	bias, in, rows := m.e.plan.params[m.e.plan.layers[0].(linearLayer).bias], m.e.plan.in.Len(), high-low
	x := kernel.Dense(m.e.inputs[low*in:high*in], rows, in)
	for k := range m.vectors {
		v := &m.vectors[k]
		z := w.space[k][:rows*m.units]
		if v.stored != nil {
			z = v.stored[low*m.units : high*m.units]
		}
		if v.needed && !v.complete {
			e := kernel.Epilogue[float32]{Bias: bias.View(v.theta)}
			kernel.MulPacked(kernel.Dense(z, rows, m.units), x, m.packed[k], e, &w.kernel)
		}
		w.products[k] = z
	}
}

// combine sets the x of a worker to the outputs of the first layer at a point, for the
// rows of its products.
func (m *mlpBatch) combine(w *mlpScratch, s *record.Span, at *record.Coordinates, rows int) {
	x, difference, base := w.x[:rows*m.units], w.difference[:rows*m.units], w.products[at.Base]
	sum := base
	at.Terms(func(k int, c float64) {
		v := w.products[k]
		if k < len(s.Points) {
			kernel.ScaleAdd(difference, 1, v, -1, base)
			v = difference
		}
		kernel.ScaleAdd(x, float32(c), v, 1, sum)
		sum = x
	})
	if len(m.layers) > 0 {
		kernel.MaskReLU(x, sum, sum)
	} else {
		copy(x, sum)
	}
}

// newPoint allocates a point.
func (m *mlpBatch) newPoint() mlpPoint {
	n := len(m.e.labels)
	p := mlpPoint{theta: make([]float32, len(m.e.theta)-m.from), losses: make([]float64, n), hits: make([]bool, n)}
	for _, l := range m.layers {
		p.packed = append(p.packed, make([]float32, kernel.PackedLen(l.out.len(), l.in.len())))
	}
	return p
}

// moveTo sets the layers after the first to a point.
func (m *mlpBatch) moveTo(p *mlpPoint, s *record.Span, at *record.Coordinates) {
	s.Point(at, m.from, p.theta)
	for i, l := range m.layers {
		w := m.e.plan.params[l.weight]
		kernel.Pack(p.packed[i], kernel.Dense(p.theta[w.Offset-m.from:][:w.Len()], l.out.len(), l.in.len()))
	}
}

// band computes the losses of rows low to high at a point from the activations s.x.
func (m *mlpBatch) band(p *mlpPoint, s *mlpScratch, low, high int) {
	rows, width := high-low, m.units
	x, y := s.x[:rows*width], s.y
	for i, l := range m.layers {
		bias := m.e.plan.params[l.bias]
		e := kernel.Epilogue[float32]{Bias: p.theta[bias.Offset-m.from:][:bias.Len()], ReLU: l.relu}
		out := l.out.len()
		kernel.MulPacked(kernel.Dense(y[:rows*out], rows, out), kernel.Dense(x, rows, width), p.packed[i], e, &s.kernel)
		x, y, width = y[:rows*out], x[:cap(x)], out
	}
	for r := range rows {
		p.losses[low+r], p.hits[low+r] = op.CrossEntropyRow(x[r*width:(r+1)*width], nil, int(m.e.labels[low+r]), 1)
	}
}
