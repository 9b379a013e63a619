package nn

import (
	"context"
	"errors"
	"fmt"

	"sgdwalk/record"
	"sgdwalk/train"
	"sgdwalk/train/nn/op"
)

// EvalOptions are the options of NewEvaluator. The zero value uses all cores, and
// the running statistics of a new model.
type EvalOptions struct {
	Workers int // goroutines; 0 means one per usable core. Results do not depend on it

	// Chunk is the largest number of examples that are computed together. 0 means
	// as many as fit 64 MB, at most 1000, or 100 for a policy that normalizes by
	// chunk. All chunks have nearly the same size. The results of such a policy
	// depend on it; other results depend on it by rounding of gradients only.
	Chunk int

	Policy Policy    // statistics of normalization layers; "" means Running
	State  []float32 // running statistics, borrowed and read by every evaluation; nil means mean 0, variance 1
}

// Validate checks the ranges. The error names the option, its value and the
// allowed range.
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
// Evaluating twice gives the same bits. An Evaluator has its own theta. It shares
// nothing with a Model in training except the State that it reads. It is not safe
// for concurrent use.
type Evaluator struct {
	plan         *plan
	inputs       []float32
	labels       []int32
	chunks       int // number of chunks
	size         int // examples of the largest chunk
	workers      *op.Workers
	policy       Policy
	defaultState []float32 // EvalOptions.State
	usedState    []float32 // the same, or the vector that UseState has set

	theta, state  []float32
	lossGraph     *graph[float32]
	statsGraph    *graph[float32] // computes statistics for the policy Recompute; nil without statistics
	gradientGraph *graph[float32] // compiled for the first gradient
	sum           []float64       // of gradients
	cache         *productCache   // allocated for the first product
	cacheBytes    int             // limit of the passes that cache stores
	mlp           *mlpBatch       // allocated for the first span
	conv          *spanConv       // the same, for networks that share the first convolution
	replicas      *replicas       // the same, for other networks
}

// NewEvaluator makes an evaluator of a model over at least one example. inputs
// and labels are borrowed as long as the evaluator is used. The evaluator does
// not change them.
func NewEvaluator(spec string, in Input, inputs []float32, labels []int32, opts EvalOptions) (*Evaluator, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	p, err := parse(spec, in)
	if err != nil {
		return nil, err
	}
	if len(labels) == 0 {
		return nil, errors.New("nn: evaluator: there are no examples; at least 1 is needed")
	}
	if err := in.checkExamples(inputs, labels); err != nil {
		return nil, err
	}
	if opts.State != nil && len(opts.State) != p.state.Len() {
		return nil, fmt.Errorf("nn: evaluator: state has %d elements; model %q has %d",
			len(opts.State), spec, p.state.Len())
	}
	e := &Evaluator{
		plan: p, inputs: inputs, labels: labels, defaultState: opts.State, usedState: opts.State,
		cacheBytes: maxCacheBytes,
	}
	e.workers = newWorkers(e, opts.Workers)
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

// split chooses the number of chunks for a largest chunk size, 0 for the default.
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

// activations returns about how many bytes one example needs in a forward graph.
func (p *plan) activations() int {
	n := p.in.Len()
	for _, l := range p.layers {
		n += l.shape().len()
	}
	return 4 * n
}

// Close ends the goroutines and frees the memory for products and spans. The evaluator
// starts new goroutines if it is used again. The garbage collector does the same
// with an evaluator that is not closed.
func (e *Evaluator) Close() {
	e.workers.Close()
	e.cache, e.mlp, e.conv, e.replicas = nil, nil, nil, nil
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

// Evaluate returns the mean loss and the accuracy over all examples at theta. It
// checks the context between chunks.
func (e *Evaluator) Evaluate(ctx context.Context, theta []float32) (train.Measure, error) {
	return e.evaluate(ctx, theta, func(int) {})
}

// evaluate computes the loss at theta and calls done after each chunk.
func (e *Evaluator) evaluate(ctx context.Context, theta []float32, done func(rows int)) (train.Measure, error) {
	if err := e.setPoint(theta); err != nil {
		return train.Measure{}, err
	}
	if e.statsGraph != nil {
		if err := e.recompute(ctx); err != nil {
			return train.Measure{}, err
		}
	}
	return e.pass(ctx, e.lossGraph, done)
}

// Predict sets classes, which has one element per example, to the class with the
// largest logit at theta, or to -1 if a logit is NaN. It returns the same as
// Evaluate.
func (e *Evaluator) Predict(ctx context.Context, theta []float32, classes []int32) (train.Measure, error) {
	if len(classes) != len(e.labels) {
		return train.Measure{}, fmt.Errorf("nn: evaluator: there is room for %d predictions; there are %d examples",
			len(classes), len(e.labels))
	}
	loss, done := e.lossGraph.loss, 0
	loss.Predicted = make([]int32, e.size)
	defer func() { loss.Predicted = nil }()
	return e.evaluate(ctx, theta, func(rows int) { done += copy(classes[done:], loss.Predicted[:rows]) })
}

// UseState replaces EvalOptions.State in later evaluations; nil restores it. The
// vector is borrowed and read by every evaluation; its length is that of
// StateLayout. Policies that compute their own statistics ignore it.
func (e *Evaluator) UseState(state []float32) {
	if e.usedState = state; state == nil {
		e.usedState = e.defaultState
	}
}

// Labels returns the class of every example. The caller must not change the slice.
func (e *Evaluator) Labels() []int32 { return e.labels }

// Gradient fills grad with the gradient of the mean loss over all examples at
// theta, and returns that loss. It adds the chunks in float64. With the policy
// Running the statistics are constants. Recompute has no gradient, so it returns
// an error if the model has statistics.
func (e *Evaluator) Gradient(ctx context.Context, theta, grad []float32) (float64, error) {
	if e.statsGraph != nil {
		return 0, fmt.Errorf("nn: evaluator: normalization policy is %q, which has no gradient; allowed are %q and %q",
			e.policy, Running, Batch)
	}
	if len(grad) != len(e.theta) {
		return 0, fmt.Errorf("nn: evaluator: gradient has room for %d elements; the model has %d",
			len(grad), len(e.theta))
	}
	if err := e.setPoint(theta); err != nil {
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
		weight := float64(rows) / float64(len(e.labels))
		e.gradientGraph.gradients(func(offset int, g []float32) {
			sum := e.sum[offset : offset+len(g)]
			for i, v := range g {
				sum[i] += weight * float64(v)
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

// setPoint copies theta and the running statistics to the vectors that the graphs
// read.
func (e *Evaluator) setPoint(theta []float32) error {
	if len(theta) != len(e.theta) {
		return fmt.Errorf("nn: evaluator: theta has %d elements; the model has %d", len(theta), len(e.theta))
	}
	if e.usedState != nil && len(e.usedState) != len(e.state) {
		return fmt.Errorf("nn: evaluator: state has %d elements; the model has %d", len(e.usedState), len(e.state))
	}
	copy(e.theta, theta)
	e.copyState(e.state)
	return nil
}

// copyState sets dst to the running statistics, or to those of a new model.
func (e *Evaluator) copyState(dst []float32) {
	if e.usedState == nil {
		e.plan.initialState(dst)
	}
	copy(dst, e.usedState)
}

// pass runs g on all chunks and calls done with the number of rows of each chunk.
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
		// One running sum over all examples, so that the result does not depend
		// on the chunk size.
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
	// The state has the normalizations in their order, the mean before the
	// variance.
	_, err := e.pass(ctx, e.statsGraph, func(rows int) {
		weight, at := float64(rows)/float64(len(e.labels)), 0
		for _, n := range e.statsGraph.norms {
			mean, variance := total[at:at+len(n.Mean)], total[at+len(n.Mean):]
			for c := range n.Mean {
				mean[c] += weight * n.Mean[c]
				variance[c] += weight * unbiased(n, c)
			}
			at += 2 * len(n.Mean)
		}
	})
	for i, v := range total {
		e.state[i] = float32(v)
	}
	return err
}

// unbiased returns the variance of channel c of the last batch, corrected for the
// number of values. A single value has the variance 0.
func unbiased[T op.Float](n *op.Norm[T], c int) float64 {
	return n.Variance[c] * float64(n.Count) / float64(max(n.Count-1, 1))
}
