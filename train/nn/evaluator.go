package nn

import (
	"context"
	"fmt"

	"sgdwalk/record"
	"sgdwalk/train"
)

// EvalOptions of NewEvaluator. The zero value uses all cores.
type EvalOptions struct {
	Workers int // goroutines to compute with; 0 means one for each usable core. Results do not depend on it
	Chunk   int // examples that are in memory as activations at a time; 0 means 1000, or fewer when that is all of them
}

// Validate checks the ranges.
func (o EvalOptions) Validate() error {
	if o.Chunk < 0 || o.Chunk > maxExtent {
		return fmt.Errorf("nn: options: chunk is %d; allowed are 0 (default) to %d", o.Chunk, maxExtent)
	}
	return checkWorkers(o.Workers)
}

const defaultChunk = 1000

// Evaluator computes the loss and the gradient of a model over a whole data set
// at any theta: the mean over all examples in their order, summed in float64.
// Evaluating twice gives the same bits. It has a theta of its own and shares
// nothing with a Model in training. It is not safe for concurrent use.
type Evaluator struct {
	plan    *plan
	inputs  []float32
	labels  []int32
	chunk   int
	workers int

	theta   []float32
	forward *graph[float32]
	full    *graph[float32] // with gradient; made when first asked for
	sum     []float64
}

// NewEvaluator makes an evaluator of the model that spec names over the given
// examples, of which there must be at least one. inputs and labels are borrowed
// for as long as the evaluator is used; it does not change them.
func NewEvaluator(spec string, in Input, inputs []float32, labels []int32, opts EvalOptions) (*Evaluator, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	p, err := parse(spec, in)
	if err != nil {
		return nil, err
	}
	if len(labels) == 0 {
		return nil, fmt.Errorf("nn: evaluator: there are no examples; wanted at least 1")
	}
	if err := in.checkExamples(inputs, labels); err != nil {
		return nil, err
	}
	e := &Evaluator{plan: p, inputs: inputs, labels: labels, workers: workers(opts.Workers)}
	if e.chunk = opts.Chunk; e.chunk == 0 {
		e.chunk = defaultChunk
	}
	e.chunk = min(e.chunk, len(labels))
	e.theta = make([]float32, p.params.Len())
	if e.forward, err = compile(p, e.theta, e.chunk, e.workers, false); err != nil {
		return nil, err
	}
	return e, nil
}

// Layout describes theta and gradients.
func (e *Evaluator) Layout() record.Layout { return e.plan.params }

// Loss returns the mean loss over all examples at theta.
func (e *Evaluator) Loss(ctx context.Context, theta []float32) (float64, error) {
	m, err := e.Evaluate(ctx, theta)
	return m.Loss, err
}

// Evaluate returns the mean loss and the accuracy over all examples at theta.
// The context is looked at between chunks.
func (e *Evaluator) Evaluate(ctx context.Context, theta []float32) (train.Measure, error) {
	return e.pass(ctx, e.forward, theta, func(int) {})
}

// Gradient fills grad with the gradient of the mean loss over all examples at
// theta and returns that loss. Chunks are added in float64.
func (e *Evaluator) Gradient(ctx context.Context, theta, grad []float32) (float64, error) {
	if len(grad) != len(e.theta) {
		return 0, fmt.Errorf("nn: evaluator: gradient has room for %d elements; the model has %d", len(grad), len(e.theta))
	}
	if e.full == nil {
		full, err := compile(e.plan, e.theta, e.chunk, e.workers, true)
		if err != nil {
			return 0, err
		}
		e.full, e.sum = full, make([]float64, len(e.theta))
	}
	clear(e.sum)
	m, err := e.pass(ctx, e.full, theta, func(rows int) {
		share := float64(rows) / float64(len(e.labels))
		e.full.gradients(func(offset int, g []float32) {
			sum := e.sum[offset : offset+len(g)]
			for i, v := range g {
				sum[i] += share * float64(v)
			}
		})
	})
	if err != nil {
		return 0, err
	}
	for i, v := range e.sum {
		grad[i] = float32(v)
	}
	return m.Loss, nil
}

// pass runs g over all chunks and calls done with the number of rows of each.
func (e *Evaluator) pass(ctx context.Context, g *graph[float32], theta []float32, done func(rows int)) (train.Measure, error) {
	if len(theta) != len(e.theta) {
		return train.Measure{}, fmt.Errorf("nn: evaluator: theta has %d elements; the model has %d", len(theta), len(e.theta))
	}
	copy(e.theta, theta)
	n, size := len(e.labels), e.plan.in.Len()
	sum, hits := 0.0, 0
	for low := 0; low < n; low += e.chunk {
		if err := ctx.Err(); err != nil {
			return train.Measure{}, fmt.Errorf("nn: evaluator: stopped after %d of %d examples: %w", low, n, context.Cause(ctx))
		}
		high := min(low+e.chunk, n)
		copy(g.inbuf, e.inputs[low*size:high*size])
		if err := g.run(e.labels[low:high]); err != nil {
			return train.Measure{}, err
		}
		// One running sum over the examples, so that the result does not depend on
		// where the chunks end.
		for _, l := range g.loss.RowLoss[:high-low] {
			sum += l
		}
		hits += g.loss.Hits
		done(high - low)
	}
	return train.Measure{Loss: sum / float64(n), Accuracy: float64(hits) / float64(n), Examples: n}, nil
}
