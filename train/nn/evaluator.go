package nn

import (
	"context"
	"fmt"
	"runtime"

	"sgdwalk/record"
	"sgdwalk/train"
	"sgdwalk/train/nn/op"
)

// EvalOptions of NewEvaluator. The zero value uses all cores and running
// statistics that are those of a new model.
type EvalOptions struct {
	Workers int // goroutines to compute with; 0 means one for each usable core. Results do not depend on it

	// Chunk is the most examples that are computed at a time; 0 means what fits
	// about 64 MB, at most 1000, or 100 under the policies that normalize by chunk.
	// All chunks have nearly the same size. Only those policies' results depend on
	// it, apart from rounding in gradients.
	Chunk int

	Policy Policy    // statistics of normalization layers; empty means Running
	State  []float32 // running statistics, borrowed and read at every evaluation; nil means mean 0, variance 1
}

// Validate checks the ranges.
func (o EvalOptions) Validate() error {
	if o.Chunk < 0 || o.Chunk > maxExtent {
		return fmt.Errorf("nn: options: chunk is %d; allowed are 0 (default) to %d", o.Chunk, maxExtent)
	}
	if _, err := o.Policy.orDefault(); err != nil {
		return err
	}
	return checkWorkers(o.Workers)
}

// Evaluator computes the loss and the gradient of a model over a whole data set
// at any theta: the mean over all examples in their order, summed in float64.
// Evaluating twice gives the same bits. It has a theta of its own and shares
// nothing with a Model in training but the State that it was given to read. It
// is not safe for concurrent use.
type Evaluator struct {
	plan         *plan
	inputs       []float32
	labels       []int32
	chunks       int // number of them
	size         int // of the largest
	workers      *op.Workers
	workerCount  int // of them
	policy       Policy
	defaultState []float32 // EvalOptions.State
	usedState    []float32 // that, or what UseState has set

	theta, state  []float32
	lossGraph     *graph[float32]
	statsGraph    *graph[float32] // measures statistics, under the policy Recompute
	gradientGraph *graph[float32] // with gradient; made when first asked for
	sum           []float64       // of gradients
	cache         *productCache   // of vectors with the Hessian; made when first asked for
	cacheBytes    int             // bytes of the passes at theta that exact may keep
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
	if opts.State != nil && len(opts.State) != p.state.Len() {
		return nil, fmt.Errorf("nn: evaluator: state has %d elements; model %q has %d", len(opts.State), spec, p.state.Len())
	}
	e := &Evaluator{plan: p, inputs: inputs, labels: labels, defaultState: opts.State, usedState: opts.State, cacheBytes: maxCacheBytes}
	e.workers, e.workerCount = newWorkers(e, opts.Workers), opts.Workers
	if e.workerCount == 0 {
		e.workerCount = min(runtime.GOMAXPROCS(0), maxWorkers)
	}
	e.policy, _ = opts.Policy.orDefault()
	e.split(opts.Chunk)
	e.theta, e.state = make([]float32, p.params.Len()), make([]float32, p.state.Len())
	use := forFrozen
	if e.policy == Batch {
		use = forLoss
	}
	if e.lossGraph, err = compile(p, e.theta, e.state, e.size, e.workers, use); err != nil {
		return nil, err
	}
	if e.policy == Recompute && len(p.state) > 0 {
		e.statsGraph, err = compile(p, e.theta, e.state, e.size, e.workers, forLoss)
	}
	return e, err
}

// split decides the number of chunks.
func (e *Evaluator) split(most int) {
	n := len(e.labels)
	switch {
	case most > 0:
	case e.policy != Running && len(e.plan.state) > 0:
		most = 100
	default:
		most = min(1000, max(1, (64<<20)/e.plan.activations()))
	}
	e.chunks = (n + most - 1) / most
	e.size = (n + e.chunks - 1) / e.chunks
}

// activations is about how many bytes one example needs in a forward graph.
func (p *plan) activations() int {
	n := p.in.Len()
	for _, l := range p.layers {
		n += l.shape().len()
	}
	return 4 * n
}

// Close ends the goroutines that compute and drops what is kept for products. An
// evaluator that is used again makes new ones, and one that is forgotten without
// Close loses them with its memory.
func (e *Evaluator) Close() {
	e.workers.Close()
	e.cache = nil
}

// Layout describes theta and gradients.
func (e *Evaluator) Layout() record.Layout { return e.plan.params }

// StateLayout describes the running statistics.
func (e *Evaluator) StateLayout() record.Layout { return e.plan.state }

// Loss returns the mean loss over all examples at theta.
func (e *Evaluator) Loss(ctx context.Context, theta []float32) (float64, error) {
	m, err := e.Evaluate(ctx, theta)
	return m.Loss, err
}

// Evaluate returns the mean loss and the accuracy over all examples at theta.
// The context is looked at between chunks.
func (e *Evaluator) Evaluate(ctx context.Context, theta []float32) (train.Measure, error) {
	if err := e.prepare(theta); err != nil {
		return train.Measure{}, err
	}
	if e.statsGraph != nil {
		if err := e.recompute(ctx); err != nil {
			return train.Measure{}, err
		}
	}
	return e.pass(ctx, e.lossGraph, func(int) {})
}

// Predict sets classes, one for every example, to the class with the largest
// logit at theta, -1 where a NaN leaves none, and returns what Evaluate does.
func (e *Evaluator) Predict(ctx context.Context, theta []float32, classes []int32) (train.Measure, error) {
	if len(classes) != len(e.labels) {
		return train.Measure{}, fmt.Errorf("nn: evaluator: there is room for %d predictions; there are %d examples", len(classes), len(e.labels))
	}
	if err := e.prepare(theta); err != nil {
		return train.Measure{}, err
	}
	if e.statsGraph != nil {
		if err := e.recompute(ctx); err != nil {
			return train.Measure{}, err
		}
	}
	e.lossGraph.loss.Predicted = make([]int32, e.size)
	defer func() { e.lossGraph.loss.Predicted = nil }()
	at := 0
	return e.pass(ctx, e.lossGraph, func(rows int) {
		at += copy(classes[at:], e.lossGraph.loss.Predicted[:rows])
	})
}

// UseState sets the running statistics for what is evaluated from now on, in place of
// EvalOptions.State; nil is that again. The vector is borrowed and read at every
// evaluation; its length is that of StateLayout. Policies that have statistics of
// their own do not look at it.
func (e *Evaluator) UseState(state []float32) {
	if e.usedState = state; state == nil {
		e.usedState = e.defaultState
	}
}

// Labels returns the class of every example, which the caller must not change.
func (e *Evaluator) Labels() []int32 { return e.labels }

// Gradient fills grad with the gradient of the mean loss over all examples at
// theta and returns that loss. Chunks are added in float64. Under the policy
// Running the statistics are constants; Recompute has no gradient and gives an
// error, unless the model has no statistics.
func (e *Evaluator) Gradient(ctx context.Context, theta, grad []float32) (float64, error) {
	if e.statsGraph != nil {
		return 0, fmt.Errorf("nn: evaluator: normalization policy is %q, which has no gradient; allowed are %q and %q", e.policy, Running, Batch)
	}
	if len(grad) != len(e.theta) {
		return 0, fmt.Errorf("nn: evaluator: gradient has room for %d elements; the model has %d", len(grad), len(e.theta))
	}
	if err := e.prepare(theta); err != nil {
		return 0, err
	}
	if e.gradientGraph == nil {
		full, err := compile(e.plan, e.theta, e.state, e.size, e.workers, forGradient)
		if err != nil {
			return 0, err
		}
		full.batch.Frozen = e.policy != Batch
		e.gradientGraph, e.sum = full, make([]float64, len(e.theta))
	}
	clear(e.sum)
	m, err := e.pass(ctx, e.gradientGraph, func(rows int) {
		share := float64(rows) / float64(len(e.labels))
		e.gradientGraph.gradients(func(offset int, g []float32) {
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

// prepare takes over theta and the running statistics.
func (e *Evaluator) prepare(theta []float32) error {
	if len(theta) != len(e.theta) {
		return fmt.Errorf("nn: evaluator: theta has %d elements; the model has %d", len(theta), len(e.theta))
	}
	if e.usedState != nil && len(e.usedState) != len(e.state) {
		return fmt.Errorf("nn: evaluator: state has %d elements; the model has %d", len(e.usedState), len(e.state))
	}
	copy(e.theta, theta)
	if e.usedState == nil {
		e.plan.initialState(e.state)
	}
	copy(e.state, e.usedState)
	return nil
}

// pass runs g over all chunks and calls done with the number of rows of each.
func (e *Evaluator) pass(ctx context.Context, g *graph[float32], done func(rows int)) (train.Measure, error) {
	n, size := len(e.labels), e.plan.in.Len()
	sum, hits := 0.0, 0
	for i := range e.chunks {
		low, high := i*n/e.chunks, (i+1)*n/e.chunks
		if err := ctx.Err(); err != nil {
			return train.Measure{}, fmt.Errorf("nn: evaluator: stopped after %d of %d examples: %w", low, n, err)
		}
		g.batch.Unchanged = i > 0
		if err := g.run(e.inputs[low*size:], e.labels[low:high]); err != nil {
			return train.Measure{}, err
		}
		// One running sum over the examples, so that the result does not depend on
		// where the chunks end.
		for _, l := range g.loss.RowLoss[:high-low] {
			sum += l
		}
		hits += g.loss.Correct
		done(high - low)
	}
	return train.Measure{Loss: sum / float64(n), Accuracy: float64(hits) / float64(n), Examples: n}, nil
}

// recompute sets the running statistics to the averages over the chunks.
func (e *Evaluator) recompute(ctx context.Context) error {
	total := make([]float64, len(e.state))
	// Statistics lie in the state in the order of the normalizations, the mean
	// before the variance.
	_, err := e.pass(ctx, e.statsGraph, func(rows int) {
		share, at := float64(rows)/float64(len(e.labels)), 0
		for _, n := range e.statsGraph.norms {
			mean, variance := total[at:at+len(n.Mean)], total[at+len(n.Mean):]
			for c := range n.Mean {
				mean[c] += share * n.Mean[c]
				variance[c] += share * unbiased(n, c)
			}
			at += 2 * len(n.Mean)
		}
	})
	for i, v := range total {
		e.state[i] = float32(v)
	}
	return err
}

// unbiased is the variance of channel c of the last batch, corrected for the
// number of values; a single value has the variance 0.
func unbiased[T op.Float](n *op.Norm[T], c int) float64 {
	return n.Variance[c] * float64(n.Count) / float64(max(n.Count-1, 1))
}
