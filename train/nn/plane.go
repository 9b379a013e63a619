package nn

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// OnPlane prepares the evaluation of points origin + a u + b v, which is faster
// for many points than one Loss after the other; v may be nil, for a line. The
// slices have the length of theta and are borrowed for as long as evaluate is
// used.
//
// evaluate sets loss[i] to the mean loss over all examples at the point (a[i],
// b[i]), and accuracy[i] unless accuracy is nil. The bits depend on the point
// alone, not on the points beside it or on the number of workers; they differ
// from those of Loss by rounding. Passing batch points at a time is fastest.
// evaluate is not safe for concurrent use, and shares what it needs with the
// evaluator: use one of the two at a time. The context is looked at between
// pieces of the data.
//
// A fully connected first layer is linear in the coordinates: its products with
// the data are made once, and every point combines them. A convolution is
// computed anew (BenchmarkFirstConv has what combining it would gain); such
// networks gain from pieces of the data that go through all layers on one core.
func (e *Evaluator) OnPlane(origin, u, v []float32) (batch int, evaluate func(ctx context.Context, a, b, loss, accuracy []float64) error, err error) {
	if v == nil {
		v = make([]float32, len(u))
	}
	for _, s := range [][]float32{origin, u, v} {
		if len(s) != len(e.theta) {
			return 0, nil, fmt.Errorf("nn: evaluator: a vector of the plane has %d elements; the model has %d", len(s), len(e.theta))
		}
	}
	p := plane{origin, u, v}
	var on planeEvaluator
	switch {
	case e.statsGraph != nil:
		batch, on = 1, &pointByPoint{e: e, plane: p}
	case e.plan.allLinear() && len(e.labels)*e.plan.layers[0].shape().len() <= maxProducts:
		batch = sharedPoints
		on, err = newPlaneMLP(e, p)
	default:
		batch = replicaPoints
		on, err = newReplicas(e, p, max(1, min(replicaRows, replicaBytes/e.plan.activations())))
	}
	if err != nil {
		return 0, nil, err
	}
	return batch, func(ctx context.Context, a, b, loss, accuracy []float64) error {
		if len(b) != len(a) || len(loss) != len(a) || accuracy != nil && len(accuracy) != len(a) {
			return fmt.Errorf("nn: evaluator: %d and %d coordinates with room for %d losses; they must be equal", len(a), len(b), len(loss))
		}
		if accuracy == nil {
			accuracy = make([]float64, len(a))
		}
		for low := 0; low < len(a); low += batch {
			high := min(low+batch, len(a))
			if err := on.evaluate(ctx, a[low:high], b[low:high], loss[low:high], accuracy[low:high]); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

const (
	// sharedPoints is how many points share a pass over the first layer's products.
	sharedPoints = 16
	// replicaPoints is how many points are in one queue of work: the cores wait for
	// each other once at its end.
	replicaPoints = 4
	// maxProducts bounds the elements of a first layer's result over all examples;
	// three such results are kept.
	maxProducts = 1 << 27
)

// planeEvaluation evaluates some points, at most as many as its batch.
type planeEvaluator interface {
	evaluate(ctx context.Context, a, b, loss, accuracy []float64) error
}

// affine is a plane in the space of theta.
type plane struct{ origin, u, v []float32 }

// point sets dst to elements low to high of a point: computed in float64 and
// rounded once, as analyze.Plane does.
func (p *plane) point(a, b float64, low, high int, dst []float32) {
	origin, u, v := p.origin[low:high], p.u[low:high], p.v[low:high]
	for i, o := range origin {
		dst[i] = float32(float64(o) + float64(a*float64(u[i])) + float64(b*float64(v[i])))
	}
}

// pointByPoint is the evaluator itself, for what has no faster way.
type pointByPoint struct {
	e     *Evaluator
	plane plane
	theta []float32
}

func (p *pointByPoint) evaluate(ctx context.Context, a, b, loss, accuracy []float64) error {
	if p.theta == nil {
		p.theta = make([]float32, len(p.plane.origin))
	}
	for i := range a {
		p.plane.point(a[i], b[i], 0, len(p.theta), p.theta)
		m, err := p.e.Evaluate(ctx, p.theta)
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

// spread calls f(worker, i) for i from 0 to n-1, each once, on so many
// goroutines, and returns the first error in the order of i. Pieces are taken in
// order; after an error no more are.
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
