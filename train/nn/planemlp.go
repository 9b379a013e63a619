package nn

import (
	"context"
	"fmt"

	"sgdwalk/train/nn/kernel"
	"sgdwalk/train/nn/op"
)

// planeMLP evaluates fully connected networks on a plane. The first layer is
// linear in the coordinates: with the data X,
//
//	X (W0 + a U + b V)^T + bias = Z0 + a Z1 + b Z2,
//
// so its three products are computed once. A pass over them serves several
// points: a band of rows of the products stays in the cache while every point
// combines it and sends it through the other layers.
type planeMLP struct {
	e        *Evaluator
	plane    plane
	units    int // of the first layer
	products [3][]float32
	layers   []linearLayer // after the first
	from     int           // offset of their parameters in theta
	points   []mlpPoint
	scratch  []mlpScratch // of each worker
}

// mlpPoint is one point of the current pass.
type mlpPoint struct {
	a, b   float32
	theta  []float32   // parameters of the layers after the first
	packed [][]float32 // their weights in the kernel's order
	losses []float64   // of each row
	hits   []bool
}

// mlpScratch is the memory of one worker for a band of activations.
type mlpScratch struct {
	x, y   []float32
	kernel kernel.Scratch[float32]
}

// bandRows is the number of rows in a band.
const bandRows = 32

// newPlaneMLP computes the three products of the first layer with the data.
func newPlaneMLP(e *Evaluator, p plane) (*planeMLP, error) {
	first := e.plan.layers[0].(linearLayer)
	m := &planeMLP{e: e, plane: p, units: first.out.len(), scratch: make([]mlpScratch, e.workers.Count())}
	width := m.units
	for _, l := range e.plan.layers[1:] {
		m.layers = append(m.layers, l.(linearLayer))
		width = max(width, l.shape().len())
	}
	w, bias := e.plan.params[first.weight], e.plan.params[first.bias]
	m.from = bias.Offset + bias.Len()
	for i := range m.scratch {
		m.scratch[i].x, m.scratch[i].y = make([]float32, bandRows*width), make([]float32, bandRows*width)
	}
	n, in := len(e.labels), e.plan.in.Len()
	packed := make([]float32, kernel.PackedLen(m.units, in))
	x := kernel.Dense(e.inputs, n, in)
	for i, theta := range [][]float32{p.origin, p.u, p.v} {
		m.products[i] = make([]float32, n*m.units)
		kernel.Pack(packed, kernel.Dense(w.View(theta), m.units, in))
		z := kernel.Dense(m.products[i], n, m.units)
		epilogue := kernel.Epilogue[float32]{Bias: bias.View(theta)}
		err := parallel(e.workers.Count(), (n+bandRows-1)/bandRows, func(worker, band int) error {
			low, high := band*bandRows, min((band+1)*bandRows, n)
			kernel.MulPacked(z.Band(low, high), x.Band(low, high), packed, epilogue, &m.scratch[worker].kernel)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return m, nil
}

// evaluate sets the points first, then sends all bands of rows through the layers of all
// points, and adds the losses in the order of the examples at the end.
func (m *planeMLP) evaluate(ctx context.Context, a, b, loss, accuracy []float64) error {
	for len(m.points) < len(a) {
		m.points = append(m.points, m.newPoint())
	}
	points := m.points[:len(a)]
	if err := parallel(m.e.workers.Count(), len(points),
		func(_, i int) error { m.moveTo(&points[i], a[i], b[i]); return nil }); err != nil {
		return err
	}
	n := len(m.e.labels)
	err := parallel(m.e.workers.Count(), (n+bandRows-1)/bandRows, func(worker, band int) error {
		low, high := band*bandRows, min((band+1)*bandRows, n)
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("nn: evaluator: stopped after %d of %d examples: %w", low, n, err)
		}
		for i := range points {
			m.band(&points[i], &m.scratch[worker], low, high)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range points {
		hits := 0
		for _, h := range points[i].hits {
			if h {
				hits++
			}
		}
		loss[i], accuracy[i] = mean(points[i].losses), float64(hits)/float64(n)
	}
	return nil
}

// newPoint allocates a point.
func (m *planeMLP) newPoint() mlpPoint {
	n := len(m.e.labels)
	p := mlpPoint{theta: make([]float32, len(m.e.theta)-m.from), losses: make([]float64, n), hits: make([]bool, n)}
	for _, l := range m.layers {
		p.packed = append(p.packed, make([]float32, kernel.PackedLen(l.out.len(), l.in.len())))
	}
	return p
}

// moveTo sets the point to other coordinates.
func (m *planeMLP) moveTo(p *mlpPoint, a, b float64) {
	p.a, p.b = float32(a), float32(b)
	m.plane.point(a, b, m.from, len(m.e.theta), p.theta)
	for i, l := range m.layers {
		w := m.e.plan.params[l.weight]
		kernel.Pack(p.packed[i], kernel.Dense(p.theta[w.Offset-m.from:][:w.Len()], l.out.len(), l.in.len()))
	}
}

// band computes the losses of rows low to high at the point.
func (m *planeMLP) band(p *mlpPoint, s *mlpScratch, low, high int) {
	rows := high - low
	at, end := low*m.units, high*m.units
	x, y := s.x[:rows*m.units], s.y
	kernel.ScaleAdd(x, p.a, m.products[1][at:end], 1, m.products[0][at:end])
	kernel.Axpy(x, p.b, m.products[2][at:end])
	if len(m.layers) > 0 {
		kernel.MaskReLU(x, x, x)
	}
	width := m.units
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
