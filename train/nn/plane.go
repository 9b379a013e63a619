package nn

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// OnPlane prepares the evaluation of points origin + a u + b v. For many points
// it is faster than calling Loss for each of them. v may be nil, for a line. The
// vectors have the length of theta and are borrowed as long as evaluate is used.
//
// evaluate sets loss[i] to the mean loss over all examples at the point (a[i],
// b[i]), and accuracy[i] unless accuracy is nil. The bits depend on the point
// only, not on the other points of the call or on the number of workers. They
// differ from those of Loss by rounding. Passing batch points at a time is
// fastest. evaluate checks the context between pieces of the data. It is not safe
// for concurrent use and must not run at the same time as the evaluator.
//
// A fully connected first layer is linear in the coordinates: its products with
// the data are computed once, and every point combines them. Convolutions are
// computed for every point (BenchmarkFirstConv has the gain of combining them).
// Networks with convolutions gain because a piece of the data goes through all
// layers on one core.
func (e *Evaluator) OnPlane(origin, u, v []float32) (batch int,
	evaluate func(ctx context.Context, a, b, loss, accuracy []float64) error, err error,
) {
	if v == nil {
		v = make([]float32, len(u))
	}
	for _, s := range [][]float32{origin, u, v} {
		if len(s) != len(e.theta) {
			return 0, nil, fmt.Errorf("nn: evaluator: a vector of the plane has %d elements; the model has %d",
				len(s), len(e.theta))
		}
	}
	p := plane{origin, u, v}
	var points planeEvaluator
	switch {
	case e.statsGraph != nil:
		batch, points = 1, &pointByPoint{e: e, plane: p}
	case e.plan.allLinear() && len(e.labels)*e.plan.layers[0].shape().len() <= maxProducts:
		batch = sharedPoints
		points, err = newPlaneMLP(e, p)
	default:
		batch = replicaPoints
		points, err = newReplicas(e, p, max(1, min(replicaRows, replicaBytes/e.plan.activations())))
	}
	if err != nil {
		return 0, nil, err
	}
	return batch, func(ctx context.Context, a, b, loss, accuracy []float64) error {
		if len(b) != len(a) || len(loss) != len(a) || accuracy != nil && len(accuracy) != len(a) {
			return fmt.Errorf("nn: evaluator: %d and %d coordinates with room for %d losses; they must be equal",
				len(a), len(b), len(loss))
		}
		if accuracy == nil {
			accuracy = make([]float64, len(a))
		}
		for low := 0; low < len(a); low += batch {
			high := min(low+batch, len(a))
			if err := points.evaluate(ctx, a[low:high], b[low:high], loss[low:high], accuracy[low:high]); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

const (
	// sharedPoints is the number of points that share a pass over the products of
	// the first layer.
	sharedPoints = 16
	// replicaPoints is the number of points per queue of work. The cores wait for
	// each other only at the end of a queue.
	replicaPoints = 4
	// maxProducts limits the elements of a first layer's result over all
	// examples. Three such results are stored.
	maxProducts = 1 << 27
)

// planeEvaluator evaluates at most batch points of a plane.
type planeEvaluator interface {
	evaluate(ctx context.Context, a, b, loss, accuracy []float64) error
}

// affine is a plane in the space of theta.
type plane struct{ origin, u, v []float32 }

// point sets dst to elements low to high of a point. It computes in float64 and
// rounds once, as analyze.Plane does.
func (p *plane) point(a, b float64, low, high int, dst []float32) {
	origin, u, v := p.origin[low:high], p.u[low:high], p.v[low:high]
	for i, o := range origin {
		dst[i] = float32(float64(o) + float64(a*float64(u[i])) + float64(b*float64(v[i])))
	}
}

// pointByPoint uses the evaluator itself, for a policy without a faster way.
type pointByPoint struct {
	e     *Evaluator
	plane plane
	theta []float32
}

// evaluate computes one loss per point.
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
