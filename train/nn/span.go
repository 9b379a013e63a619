package nn

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"sgdwalk/record"
)

// BatchSize is the number of points per call of evaluate that is fastest; see OnSpan.
func (e *Evaluator) BatchSize() int {
	switch {
	case e.statsGraph != nil:
		return 1
	case e.plan.allLinear():
		first := e.plan.params[e.plan.layers[0].(linearLayer).bias]
		later := len(e.theta) - first.Offset - first.Len()
		return max(4, min(mlpPoints, mlpBytes/(8*later+1)))
	case e.sharesConv():
		return convPoints
	default:
		_, chunks := e.pieces()
		return max(4, min(replicaPoints, 128/chunks))
	}
}

// OnSpan prepares the evaluation of points in a span. For many points it is faster than calling Loss for
// each of them. The vectors have the length of theta and are borrowed as long as
// evaluate is used.
//
// evaluate sets loss[i] to the mean loss over all examples at the point at[i], and
// accuracy[i] unless accuracy is nil. The bits depend on the point only: on its base
// and on the vectors with a coefficient other than 0, not on the other points of the
// call or on the number of workers. They differ from those of Loss by rounding.
// evaluate checks the context between pieces of the data. It is not safe for
// concurrent use and must not run at the same time as the evaluator.
//
// A fully connected first layer is linear in the coordinates: its products with
// the data are computed once for each vector, and every point combines them.
// A first convolution without a normalization is combined while a piece of the data is
// in the cache. Other networks with convolutions gain because a piece of the data goes
// through all layers on one core.
func (e *Evaluator) OnSpan(s record.Span) (
	evaluate func(ctx context.Context, at []record.Coordinates, loss, accuracy []float64) error, err error,
) {
	if err := e.checkSpan(&s); err != nil {
		return nil, err
	}
	var batch batchEvaluator
	switch {
	case e.statsGraph != nil:
		batch = &pointByPoint{e}
	case e.plan.allLinear():
		if e.mlp == nil {
			e.mlp = newMLPBatch(e)
		}
		batch = e.mlp.newSpanMLP(&s)
	case e.sharesConv():
		if e.conv == nil {
			if e.conv, err = newSpanConv(e); err != nil {
				return nil, err
			}
		}
		batch = e.conv
	default:
		if e.replicas == nil {
			if e.replicas, err = newReplicas(e); err != nil {
				return nil, err
			}
		}
		batch = e.replicas
	}
	size := e.BatchSize()
	return func(ctx context.Context, at []record.Coordinates, loss, accuracy []float64) error {
		if len(loss) != len(at) || accuracy != nil && len(accuracy) != len(at) {
			return fmt.Errorf("nn: evaluator: %d points with room for %d losses and %d accuracies; they must be equal",
				len(at), len(loss), len(accuracy))
		}
		for i := range at {
			if err := e.checkPoint(&s, &at[i]); err != nil {
				return err
			}
		}
		if accuracy == nil {
			accuracy = make([]float64, len(at))
		}
		for low := 0; low < len(at); low += size {
			high := min(low+size, len(at))
			if err := batch.evaluate(ctx, &s, at[low:high], loss[low:high], accuracy[low:high]); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// batchEvaluator evaluates some points of a span together.
type batchEvaluator interface {
	evaluate(ctx context.Context, s *record.Span, at []record.Coordinates, loss, accuracy []float64) error
}

// checkSpan returns an error unless the vectors have the length of theta.
func (e *Evaluator) checkSpan(s *record.Span) error {
	for k := range s.Len() {
		if v := s.Vector(k); len(v) != len(e.theta) {
			return fmt.Errorf("nn: evaluator: vector %d of the span has %d elements; the model has %d",
				k, len(v), len(e.theta))
		}
	}
	return nil
}

// checkPoint returns an error unless the coordinates fit the span and the model.
func (e *Evaluator) checkPoint(s *record.Span, at *record.Coordinates) error {
	switch {
	case at.Base < 0 || at.Base >= len(s.Points):
		return fmt.Errorf("nn: evaluator: the base is point %d; the span has %d points", at.Base, len(s.Points))
	case at.Along != nil && len(at.Along) != s.Len():
		return fmt.Errorf("nn: evaluator: a point has %d coordinates; the span has %d vectors", len(at.Along), s.Len())
	case at.State != nil && len(at.State) != len(e.state):
		return fmt.Errorf("nn: evaluator: state has %d elements; the model has %d", len(at.State), len(e.state))
	}
	return nil
}

// pointByPoint uses the evaluator itself, for a policy without a faster way.
type pointByPoint struct{ e *Evaluator }

// evaluate computes one loss per point.
func (p *pointByPoint) evaluate(ctx context.Context, s *record.Span, at []record.Coordinates, loss, accuracy []float64) error {
	theta := make([]float32, len(p.e.theta))
	for i := range at {
		s.Point(&at[i], 0, theta)
		m, err := p.e.Evaluate(ctx, theta)
		if err != nil {
			return err
		}
		loss[i], accuracy[i] = m.Loss, m.Accuracy
	}
	return nil
}

// allLinear reports whether the network has fully connected layers only.
func (p *plan) allLinear() bool {
	for _, l := range p.layers {
		if _, ok := l.(linearLayer); !ok {
			return false
		}
	}
	return true
}

// farCoefficient is the largest coefficient of a point with which a difference of two
// results of the first layer is multiplied. A larger one would magnify their rounding too
// much.
const farCoefficient = 8

// withFarPoints makes every point with a larger coefficient a vector of its own, behind
// the other vectors.
func withFarPoints(s *record.Span, at []record.Coordinates) (*record.Span, []record.Coordinates) {
	isFar := func(c *record.Coordinates) (far bool) {
		c.Terms(func(k int, a float64) { far = far || k < len(s.Points) && math.Abs(a) > farCoefficient })
		return far
	}
	if !slices.ContainsFunc(at, func(c record.Coordinates) bool { return isFar(&c) }) {
		return s, at
	}
	s, at = &record.Span{Points: s.Points, Directions: slices.Clone(s.Directions)}, slices.Clone(at)
	for i := range at {
		if isFar(&at[i]) {
			theta := make([]float32, len(s.Vector(0)))
			s.Point(&at[i], 0, theta)
			at[i] = record.Coordinates{Base: s.Len()}
			s.Directions = append(s.Directions, theta)
		}
	}
	return s, at
}

// neededVectors reports which vectors of a span the points use.
func neededVectors(s *record.Span, at []record.Coordinates) []bool {
	needed := make([]bool, s.Len())
	for i := range at {
		needed[at[i].Base] = true
		at[i].Terms(func(k int, _ float64) { needed[k] = true })
	}
	return needed
}

// mean returns the mean of the losses of all rows, with one running sum in their
// order.
func mean(losses []float64) float64 {
	sum := 0.0
	for _, l := range losses {
		sum += l
	}
	return sum / float64(len(losses))
}

// parallel calls f(worker, i) for i from 0 to n-1, each once, on the given number
// of goroutines. It starts the calls in order and starts no more after an error.
// It returns the error with the smallest i.
func parallel(workers, n int, f func(worker, i int) error) error {
	var next atomic.Int64
	var failed atomic.Bool
	errs := make([]error, n)
	work := func(worker int) {
		for !failed.Load() {
			i := int(next.Add(1)) - 1
			if i >= n {
				return
			}
			if errs[i] = f(worker, i); errs[i] != nil {
				failed.Store(true)
			}
		}
	}
	var wait sync.WaitGroup
	for w := 1; w < min(workers, n); w++ {
		wait.Go(func() { work(w) })
	}
	work(0)
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
