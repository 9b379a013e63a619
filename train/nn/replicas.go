package nn

import (
	"context"
	"fmt"
	"sync/atomic"

	"sgdwalk/record"
	"sgdwalk/train/nn/op"
)

// replicas evaluates points with one graph per worker. A piece of the data goes
// through all layers on one core, so that its activations stay in the cache of
// that core and no layer waits for other cores.
type replicas struct {
	e      *Evaluator
	chunks int // pieces of the data, of nearly equal size
	graphs []*replica
	losses []float64 // of each row, point after point
	hits   []int     // correct rows of each piece, point after point
}

// replica is the graph of one worker.
type replica struct {
	graph        *graph[float32]
	theta, state []float32
	at           int // index of the point in theta; -1 if it is not a point of the current call
}

const (
	// replicaRows is the number of examples in a piece. Measured: fewer examples
	// show the cost of running a graph, more examples do not fit the caches.
	replicaRows = 64
	// replicaBytes limits the activations of a replica.
	replicaBytes = 256 << 20
	// replicaPoints is the largest number of points per queue of work. The cores wait
	// for each other only at the end of a queue. Large data have shorter queues,
	// because an interruption loses a queue.
	replicaPoints = 16
)

// pieces returns the size and the number of the pieces of the data that go through a
// replica. If losses do not depend on how the data are cut, the size is good for the
// caches; otherwise the pieces are the chunks of the evaluator, whose statistics they have.
func (e *Evaluator) pieces() (size, count int) {
	if e.policy != Running && len(e.plan.state) > 0 {
		return e.size, e.chunks
	}
	n := len(e.labels)
	most := min(n, max(1, min(replicaRows, replicaBytes/e.plan.activations())))
	count = (n + most - 1) / most
	return (n + count - 1) / count, count
}

// newReplicas compiles the graphs.
func newReplicas(e *Evaluator) (*replicas, error) {
	size, chunks := e.pieces()
	r := &replicas{e: e, chunks: chunks}
	use := forFrozen
	if e.policy == Batch {
		use = forLoss
	}
	points := e.BatchSize()
	for range min(e.workers.Count(), points*r.chunks) {
		g := &replica{theta: make([]float32, len(e.theta)), state: make([]float32, len(e.state))}
		var err error
		if g.graph, err = compile(e.plan, g.theta, g.state, size, op.NewWorkers(1), use); err != nil {
			return nil, err
		}
		r.graphs = append(r.graphs, g)
	}
	r.losses, r.hits = make([]float64, points*len(e.labels)), make([]int, points*r.chunks)
	return r, nil
}

// evaluate runs all pieces of all points. Each worker uses its own graph. It takes a
// whole point while there is one, because moving a graph to a point costs time, and then
// helps with the points of the others. Losses are added in the order of the examples
// afterwards.
func (r *replicas) evaluate(ctx context.Context, s *record.Span, at []record.Coordinates, loss, accuracy []float64) error {
	n := len(r.e.labels)
	for _, g := range r.graphs {
		g.at = -1
	}
	next := make([]atomic.Int64, len(at)) // the next piece of each point
	err := parallel(len(r.graphs), len(at)+len(r.graphs)-1, func(worker, i int) error {
		for point := min(i, len(at)-1); point >= 0; point-- {
			for {
				chunk := int(next[point].Add(1)) - 1
				if chunk >= r.chunks {
					break
				}
				if err := ctx.Err(); err != nil {
					return fmt.Errorf("nn: evaluator: stopped at piece %d of %d of point %d of %d: %w",
						chunk+1, r.chunks, point+1, len(at), err)
				}
				if err := r.run(r.graphs[worker], s, at, point, chunk); err != nil {
					return err
				}
			}
			if i < len(at) {
				break
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range at {
		loss[i] = mean(r.losses[i*n : (i+1)*n])
		accuracy[i] = accuracyOf(r.hits[i*r.chunks:(i+1)*r.chunks], n)
	}
	return nil
}

// accuracyOf returns the share of n rows that are correct. hits has the correct rows of
// each piece of the data.
func accuracyOf(hits []int, n int) float64 {
	sum := 0
	for _, h := range hits {
		sum += h
	}
	return float64(sum) / float64(n)
}

// run sends one piece through a graph, which it moves to the point if necessary.
func (r *replicas) run(g *replica, s *record.Span, at []record.Coordinates, point, chunk int) error {
	if g.graph.batch.Unchanged = g.at == point; g.at != point {
		s.Point(&at[point], 0, g.theta)
		r.e.copyState(g.state)
		copy(g.state, at[point].State)
		g.at = point
	}
	n := len(r.e.labels)
	low, high := chunk*n/r.chunks, (chunk+1)*n/r.chunks
	if err := g.graph.run(r.e.inputs[low*r.e.plan.in.Len():], r.e.labels[low:high]); err != nil {
		return err
	}
	copy(r.losses[point*n+low:point*n+high], g.graph.loss.RowLoss)
	r.hits[point*r.chunks+chunk] = g.graph.loss.Correct
	return nil
}
