package nn

import (
	"context"
	"fmt"
	"slices"

	"sgdwalk/record"
	"sgdwalk/train/nn/kernel"
	"sgdwalk/train/nn/op"
)

// spanConv evaluates networks that begin with a convolution, without a normalization
// after it, at many points of a span. The convolution is linear in the coordinates: a
// piece of the data is convolved with each vector of the span once, and then every point
// combines the results and sends them through the other layers, while the piece is in
// the cache. See mlpBatch for the differences of points.
type spanConv struct {
	e       *Evaluator
	conv    kernel.Conv
	chunks  int         // pieces of the data, of nearly equal size
	packed  [][]float32 // weights of the convolution at each vector, in the kernel's order
	biases  [][]float32
	points  []convPoint
	workers []convWorker
}

// convPoint is one point of the current call.
type convPoint struct {
	theta  []float32 // the graphs of all workers read it
	terms  []term
	losses []float64 // of each row
	hits   []int     // of each piece
}

// convWorker is the memory of one worker.
type convWorker struct {
	graphs      []*graph[float32] // of each point
	moved       []bool            // whether the graph has the current point
	input       kernel.Images[float32]
	kernel      kernel.Scratch[float32]
	results     []kernel.Images[float32] // of the convolution with each vector
	differences []difference             // of each term
	sum         []float32                // of the base sumBase and sumTerms
	sumBase     int                      // -1 if sum is of another piece
	sumTerms    []term
}

// term is a vector of a span with its coefficient.
type term struct {
	vector      int
	coefficient float64
}

// difference is the difference of two results.
type difference struct {
	base, vector int // -1 if the piece is another one
	values       []float32
}

const (
	// convValues limits the elements of a convolution's results for a piece of the data:
	// those of two vectors fit the second-level cache.
	convValues = 1 << 17
	// convPoints is the number of points per call. Each has a graph for each worker.
	convPoints = 24
	// convBytes limits the parameters of these graphs.
	convBytes = 256 << 20
)

// sharesConv reports whether spanConv can evaluate the network.
func (e *Evaluator) sharesConv() bool {
	first, ok := e.plan.layers[0].(convLayer)
	return ok && len(e.plan.state) == 0 && first.relu && !first.skip &&
		e.workers.Count()*convPoints*len(e.theta) <= convBytes/8
}

// newSpanConv compiles the graphs.
func newSpanConv(e *Evaluator) (*spanConv, error) {
	l, n := e.plan.layers[0].(convLayer), len(e.labels)
	image := func(v value) op.Image { return op.NewImage(v.height, v.width, v.channels, e.plan.halo[v.index]) }
	c := &spanConv{e: e, workers: make([]convWorker, e.workers.Count())}
	c.conv = kernel.Conv{
		In:     op.NewInput(l.in.height, l.in.width, l.in.channels, e.plan.halo[0]).Image,
		Out:    image(l.out).Image,
		Inputs: l.in.channels, Outputs: l.out.channels, Kernel: l.size, Stride: l.stride, Pad: l.pad,
	}
	most := max(1, min(replicaRows, convValues/c.conv.Out.Len()))
	c.chunks = (n + most - 1) / most
	size := (n + c.chunks - 1) / c.chunks
	for range convPoints {
		c.points = append(c.points, convPoint{
			theta: make([]float32, len(e.theta)), losses: make([]float64, n), hits: make([]int, c.chunks),
		})
	}
	for w := range c.workers {
		w := &c.workers[w]
		w.input, w.moved = kernel.NewImages[float32](c.conv.In, size), make([]bool, convPoints)
		for i := range c.points {
			g, err := compile(e.plan, c.points[i].theta, nil, size, op.NewWorkers(1), forShared)
			if err != nil {
				return nil, err
			}
			w.graphs = append(w.graphs, g)
		}
	}
	return c, nil
}

// evaluate moves the graphs to the points, then sends all pieces of the data through
// them, and adds the losses in the order of the examples at the end.
func (c *spanConv) evaluate(ctx context.Context, s *record.Span, at []record.Coordinates, loss, accuracy []float64) error {
	s, at = withFarPoints(s, at)
	needed := neededVectors(s, at)
	for len(c.packed) < s.Len() {
		c.packed = append(c.packed, make([]float32, c.conv.PackedLen()))
		c.biases = append(c.biases, make([]float32, c.conv.Out.Channels))
	}
	l := c.e.plan.layers[0].(convLayer)
	for k, need := range needed {
		if need {
			kernel.PackConv(c.conv, c.packed[k], c.e.plan.params[l.weight].View(s.Vector(k)))
			if l.bias {
				copy(c.biases[k], c.e.plan.params[l.offset].View(s.Vector(k)))
			}
		}
	}
	err := parallel(len(c.workers), len(at), func(_, i int) error {
		p := &c.points[i]
		s.Point(&at[i], 0, p.theta)
		p.terms = p.terms[:0]
		at[i].Terms(func(k int, a float64) { p.terms = append(p.terms, term{k, a}) })
		return nil
	})
	if err != nil {
		return err
	}
	for w := range c.workers {
		clear(c.workers[w].moved)
	}
	n := len(c.e.labels)
	err = parallel(len(c.workers), c.chunks, func(worker, chunk int) error {
		w, low, high := &c.workers[worker], chunk*n/c.chunks, (chunk+1)*n/c.chunks
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("nn: evaluator: stopped after %d of %d examples: %w", low, n, err)
		}
		c.convolve(w, needed, low, high)
		for i := range at {
			g := w.graphs[i]
			w.combine(g.combined, s, at[i].Base, c.points[i].terms)
			g.batch.Unchanged, w.moved[i] = w.moved[i], true
			if err := g.run(c.e.inputs[low*c.e.plan.in.Len():], c.e.labels[low:high]); err != nil {
				return err
			}
			copy(c.points[i].losses[low:high], g.loss.RowLoss)
			c.points[i].hits[chunk] = g.loss.Correct
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range at {
		loss[i], accuracy[i] = mean(c.points[i].losses), accuracyOf(c.points[i].hits, n)
	}
	return nil
}

// convolve sets the results of a worker to the convolutions of rows low to high with the
// needed vectors.
func (c *spanConv) convolve(w *convWorker, needed []bool, low, high int) {
	in := c.e.plan.in.Len()
	for i := range high - low {
		w.input.Load(i, c.e.inputs[(low+i)*in:], c.conv.In.Channels)
	}
	for len(w.results) < len(needed) {
		w.results = append(w.results, kernel.NewImages[float32](c.conv.Out, w.input.Count()))
	}
	for k, need := range needed {
		if need {
			kernel.ConvForward(c.conv, w.results[k].Slice(0, high-low), w.input.Slice(0, high-low), c.packed[k],
				kernel.ConvEpilogue[float32]{Bias: c.biases[k]}, &w.kernel)
		}
	}
	w.sumBase = -1
	for i := range w.differences {
		w.differences[i].base = -1
	}
}

// combine sets the operands of the first op of a point's graph. All terms except the first
// are added to the base here, and consecutive points share this sum: a row of a grid has
// one coordinate in common.
func (w *convWorker) combine(o *op.Combined[float32], s *record.Span, base int, terms []term) {
	o.Base, o.Term, o.Scale = w.results[base].Data, nil, 0
	if len(terms) == 0 {
		return
	}
	if others := terms[1:]; len(others) > 0 {
		if w.sumBase != base || !slices.Equal(w.sumTerms, others) {
			if w.sum == nil {
				w.sum = make([]float32, len(o.Base))
			}
			from := o.Base
			for i, t := range others {
				kernel.ScaleAdd(w.sum, float32(t.coefficient), w.operand(s, i+1, base, t.vector), 1, from)
				from = w.sum
			}
			w.sumBase, w.sumTerms = base, append(w.sumTerms[:0], others...)
		}
		o.Base = w.sum
	}
	o.Term, o.Scale = w.operand(s, 0, base, terms[0].vector), float32(terms[0].coefficient)
}

// operand returns what the coefficient of a vector is multiplied with: the result of a
// direction, or the difference of the results of a point and the base. Points on one line
// share the difference of its ends.
func (w *convWorker) operand(s *record.Span, slot, base, vector int) []float32 {
	result := w.results[vector].Data
	if vector >= len(s.Points) {
		return result
	}
	for slot >= len(w.differences) {
		w.differences = append(w.differences, difference{-1, -1, make([]float32, len(result))})
	}
	d := &w.differences[slot]
	if d.base != base || d.vector != vector {
		kernel.ScaleAdd(d.values, 1, result, -1, w.results[base].Data)
		d.base, d.vector = base, vector
	}
	return d.values
}
