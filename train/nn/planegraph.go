package nn

import (
	"context"
	"fmt"

	"sgdwalk/train/nn/op"
)

// replicas evaluates points with one graph per worker. A piece of the data goes
// through all layers on one core, so that its activations stay in the cache of
// that core and no layer waits for other cores.
type replicas struct {
	e      *Evaluator
	plane  plane
	chunks int // pieces of the data, of nearly equal size
	graphs []*replica
	losses []float64 // of each row, point after point
	hits   []int     // correct rows of each piece, point after point
}

// replica is the graph of one worker.
type replica struct {
	graph        *graph[float32]
	theta, state []float32
	at           [2]float64 // the coordinates of theta
	set          bool       // theta is a point of the current call
}

const (
	// replicaRows is the number of examples in a piece. Measured: fewer examples
	// show the cost of running a graph, more examples do not fit the caches.
	replicaRows = 64
	// replicaBytes limits the activations of a replica.
	replicaBytes = 256 << 20
)

// newReplicas compiles the graphs. If losses do not depend on how the data are cut, it
// cuts them into pieces of at most the given number of examples; otherwise the pieces
// are the chunks of the evaluator, whose statistics they have.
func newReplicas(e *Evaluator, p plane, most int) (*replicas, error) {
	r := &replicas{e: e, plane: p, chunks: e.chunks}
	size, n := e.size, len(e.labels)
	if e.policy == Running || len(e.plan.state) == 0 { // the losses do not depend on the pieces
		most = min(most, n)
		r.chunks = (n + most - 1) / most
		size = (n + r.chunks - 1) / r.chunks
	}
	use := forFrozen
	if e.policy == Batch {
		use = forLoss
	}
	for range min(e.workers.Count(), replicaPoints*r.chunks) {
		g := &replica{theta: make([]float32, len(e.theta)), state: make([]float32, len(e.state))}
		var err error
		if g.graph, err = compile(e.plan, g.theta, g.state, size, op.NewWorkers(1), use); err != nil {
			return nil, err
		}
		r.graphs = append(r.graphs, g)
	}
	r.losses, r.hits = make([]float64, replicaPoints*n), make([]int, replicaPoints*r.chunks)
	return r, nil
}

// evaluate runs all pieces of all points as one queue of work. Each worker uses its own
// graph, which changes to another point only when the queue does. Losses are added in
// the order of the examples afterwards.
func (r *replicas) evaluate(ctx context.Context, a, b, loss, accuracy []float64) error {
	n := len(r.e.labels)
	for _, g := range r.graphs {
		g.set = false
	}
	err := parallel(len(r.graphs), len(a)*r.chunks, func(worker, i int) error {
		point, chunk := i/r.chunks, i%r.chunks
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("nn: evaluator: stopped after %d of %d pieces: %w", i, len(a)*r.chunks, err)
		}
		g := r.graphs[worker]
		g.graph.batch.Unchanged = g.set && g.at == [2]float64{a[point], b[point]}
		if !g.graph.batch.Unchanged {
			g.moveTo(r, a[point], b[point])
		}
		low, high := chunk*n/r.chunks, (chunk+1)*n/r.chunks
		if err := g.graph.run(r.e.inputs[low*r.e.plan.in.Len():], r.e.labels[low:high]); err != nil {
			return err
		}
		copy(r.losses[point*n+low:point*n+high], g.graph.loss.RowLoss)
		r.hits[i] = g.graph.loss.Correct
		return nil
	})
	if err != nil {
		return err
	}
	for i := range a {
		hits := 0
		for _, h := range r.hits[i*r.chunks : (i+1)*r.chunks] {
			hits += h
		}
		loss[i], accuracy[i] = mean(r.losses[i*n:(i+1)*n]), float64(hits)/float64(n)
	}
	return nil
}

// moveTo sets the replica to a point, with the running statistics of the evaluator.
func (g *replica) moveTo(r *replicas, a, b float64) {
	r.plane.point(a, b, 0, len(g.theta), g.theta)
	r.e.copyState(g.state)
	g.at, g.set = [2]float64{a, b}, true
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
