package nn

import (
	"context"
	"fmt"
	"math"
	"slices"

	"sgdwalk/train/nn/op"
)

// products is what an evaluator needs for products with the Hessian or the
// Gauss-Newton matrix. What the passes at theta compute is kept for the batches
// that fit into baseBytes, and is used again as long as theta and the statistics
// stay.
type productCache struct {
	tape         *op.Tape[float32]
	chunks       int // number of batches
	passes       []*op.Pass[float32]
	batchOf      []int // which batch each base is of; -1 for none
	theta, state []float32
	sums         [][]float64 // of each vector
}

const (
	// baseBytes bounds what an evaluator keeps of the passes at theta; one batch is
	// always kept.
	maxCacheBytes = 1 << 30
	// baseRows is the most examples of a batch where results do not depend on it. It
	// is a matter of speed alone.
	productRows = 512
)

// HessianAbsent says why there are no products with the Hessian: the statistics of
// the policy Recompute move with theta. It is empty when there are.
func (e *Evaluator) HessianAbsent() string {
	if e.statsGraph == nil {
		return ""
	}
	return fmt.Sprintf("the normalization policy is %q, which has no derivative; allowed are %q and %q", e.policy, Running, Batch)
}

// GaussNewtonAbsent is the same for the Gauss-Newton matrix.
func (e *Evaluator) GaussNewtonAbsent() string { return e.HessianAbsent() }

// HessianVectors sets dst[i] to the Hessian of the mean loss over all examples, at
// theta, times v[i], which has the length of theta. Products are exact but for
// rounding; package op's Tape says what the derivative at a kink is. Batches are
// added in float64 in their order: dst[i] depends on theta, the statistics and v[i]
// alone, not on the other vectors or on the number of workers.
//
// The first call at a theta costs up to a gradient more than the next ones: what it
// computes at theta is kept, up to 1 GiB, until theta or the statistics change or
// the evaluator is closed. Policies count as in Gradient. A product that is not
// finite is a result, not an error. The context is looked at between batches.
func (e *Evaluator) HessianVectors(ctx context.Context, theta []float32, v, dst [][]float32) error {
	return e.products(ctx, op.Hessian, theta, v, dst)
}

// GaussNewtonVectors is HessianVectors for the matrix J' H J, where J is the
// Jacobian of the logits and H the Hessian of the loss in the logits, averaged over
// the examples.
func (e *Evaluator) GaussNewtonVectors(ctx context.Context, theta []float32, v, dst [][]float32) error {
	return e.products(ctx, op.GaussNewton, theta, v, dst)
}

func (e *Evaluator) products(ctx context.Context, m op.Matrix, theta []float32, v, dst [][]float32) error {
	if absent := e.HessianAbsent(); absent != "" {
		return fmt.Errorf("nn: evaluator: %s", absent)
	}
	if len(v) != len(dst) {
		return fmt.Errorf("nn: evaluator: %d vectors with room for %d products; they must be equal", len(v), len(dst))
	}
	for i := range v {
		if len(v[i]) != len(e.theta) || len(dst[i]) != len(e.theta) {
			return fmt.Errorf("nn: evaluator: vector %d has %d elements with room for %d; the model has %d", i+1, len(v[i]), len(dst[i]), len(e.theta))
		}
	}
	if err := e.prepare(theta); err != nil {
		return err
	}
	p, err := e.useProducts(len(v))
	if err != nil {
		return err
	}
	for i := range p.chunks {
		if err := e.productsOf(ctx, p, i, m, v); err != nil {
			return err
		}
	}
	for k := range v {
		for i, sum := range p.sums[k] {
			dst[k][i] = float32(sum)
		}
	}
	return nil
}

// useProducts makes or takes again what n products need at the evaluator's theta.
func (e *Evaluator) useProducts(n int) (*productCache, error) {
	p := e.cache
	if p == nil {
		var err error
		if p, err = e.newProducts(); err != nil {
			return nil, err
		}
		e.cache = p
	}
	for len(p.sums) < n {
		p.sums = append(p.sums, make([]float64, len(e.theta)))
	}
	for _, s := range p.sums[:n] {
		clear(s)
	}
	if !equalBits(p.theta, e.theta) || !equalBits(p.state, e.state) {
		p.theta, p.state = append(p.theta[:0], e.theta...), append(p.state[:0], e.state...)
		for i := range p.batchOf {
			p.batchOf[i] = -1
		}
		p.tape.SetTheta(p.theta)
	}
	return p, nil
}

func equalBits(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
}

func (e *Evaluator) newProducts() (*productCache, error) {
	n := len(e.labels)
	p := &productCache{chunks: e.chunks}
	if e.policy != Batch || len(e.plan.state) == 0 {
		p.chunks = max(p.chunks, (n+productRows-1)/productRows)
	}
	batch := &op.Batch{Size: (n + p.chunks - 1) / p.chunks, Workers: e.workers, Frozen: e.policy != Batch}
	var err error
	if p.tape, err = newTape(e.plan, e.state, batch); err != nil {
		return nil, fmt.Errorf("nn: model %q: %w", e.plan.spec, err)
	}
	for range min(p.chunks, max(1, e.cacheBytes/p.tape.PassBytes())) {
		p.passes, p.batchOf = append(p.passes, p.tape.NewPass()), append(p.batchOf, -1)
	}
	return p, nil
}

// productsOf adds the products of batch i. The batches for which there is no base of
// their own share the last one.
func (e *Evaluator) productsOf(ctx context.Context, p *productCache, i int, m op.Matrix, v [][]float32) error {
	n, one := len(e.labels), e.plan.in.Len()
	low, high := i*n/p.chunks, (i+1)*n/p.chunks
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("nn: evaluator: stopped after %d of %d examples: %w", low, n, err)
	}
	at := min(i, len(p.passes)-1)
	if p.batchOf[at] != i {
		p.batchOf[at] = -1
		if err := p.tape.Record(p.passes[at], e.inputs[low*one:high*one], e.labels[low:high]); err != nil {
			return fmt.Errorf("nn: model %q: %w", e.plan.spec, err)
		}
		p.batchOf[at] = i
	}
	for k := range v {
		if err := p.tape.Product(p.passes[at], m, v[k], float64(high-low)/float64(n), p.sums[k]); err != nil {
			return fmt.Errorf("nn: model %q: %w", e.plan.spec, err)
		}
	}
	return nil
}
