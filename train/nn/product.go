package nn

import (
	"context"
	"fmt"
	"math"
	"slices"

	"sgdwalk/train/nn/op"
)

// productCache is the memory for products with the Hessian or the Gauss-Newton
// matrix. It stores the passes at theta of the batches that fit the limit. They
// are valid as long as theta and the statistics do not change.
type productCache struct {
	tape         *op.Tape[float32]
	chunks       int // number of batches
	passes       []*op.Pass[float32]
	batchOf      []int // the batch of each pass; -1 for none
	theta, state []float32
	sums         [][]float64 // of each vector
}

const (
	// maxCacheBytes limits the stored passes of an evaluator. One batch is always
	// stored.
	maxCacheBytes = 1 << 30
	// productRows is the largest number of examples in a batch, if the policy
	// does not choose it. It decides speed only.
	productRows = 512
)

// HessianAbsent says why there are no products with the Hessian: the statistics
// of the policy Recompute depend on theta. It returns "" if there are products.
func (e *Evaluator) HessianAbsent() string {
	if e.statsGraph == nil {
		return ""
	}
	return fmt.Sprintf("the normalization policy is %q, which has no derivative; allowed are %q and %q",
		e.policy, Running, Batch)
}

// GaussNewtonAbsent does the same as HessianAbsent for the Gauss-Newton matrix.
func (e *Evaluator) GaussNewtonAbsent() string { return e.HessianAbsent() }

// HessianVectors sets dst[i] to the Hessian of the mean loss over all examples,
// at theta, times v[i]. All vectors have the length of theta. Products are exact
// up to rounding; op.Tape says which derivative is used at a kink. Batches are
// added in float64 in their order: dst[i] depends on theta, the statistics and
// v[i], but not on the other vectors or on the number of workers.
//
// The first call at a theta costs up to one gradient more than later ones,
// because it stores the passes at theta, up to 1 GiB, until theta or the
// statistics change or the evaluator is closed. Policies have the same meaning as
// in Gradient. A product that is not finite is a result, not an error. The
// context is checked between batches.
func (e *Evaluator) HessianVectors(ctx context.Context, theta []float32, v, dst [][]float32) error {
	return e.products(ctx, op.Hessian, theta, v, dst)
}

// GaussNewtonVectors does the same as HessianVectors for the matrix J' H J,
// averaged over the examples. J is the Jacobian of the logits, and H the Hessian
// of the loss with respect to the logits.
func (e *Evaluator) GaussNewtonVectors(ctx context.Context, theta []float32, v, dst [][]float32) error {
	return e.products(ctx, op.GaussNewton, theta, v, dst)
}

// products sets dst[i] to the product of a matrix at theta with v[i].
func (e *Evaluator) products(ctx context.Context, m op.Matrix, theta []float32, v, dst [][]float32) error {
	if absent := e.HessianAbsent(); absent != "" {
		return fmt.Errorf("nn: evaluator: %s", absent)
	}
	if len(v) != len(dst) {
		return fmt.Errorf("nn: evaluator: %d vectors and %d products; the numbers must be equal", len(v), len(dst))
	}
	for i := range v {
		if len(v[i]) != len(e.theta) || len(dst[i]) != len(e.theta) {
			return fmt.Errorf("nn: evaluator: vector %d has %d elements, its product %d; the model has %d",
				i+1, len(v[i]), len(dst[i]), len(e.theta))
		}
	}
	if err := e.setPoint(theta); err != nil {
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

// useProducts prepares the cache for n products at the current theta.
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

// equalBits compares bit by bit, so that NaN equals itself.
func equalBits(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
}

// newProducts allocates the cache. The batches are the chunks of the evaluator, or smaller
// if the policy does not choose them. It has as many passes as fit the limit.
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

// productsOf adds the products of batch i. Batches that do not have their own
// pass share the last one.
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
