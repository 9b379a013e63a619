package curvature

import (
	"context"
	"fmt"
	"math"

	"golang.org/x/sync/errgroup"

	"sgdwalk/analyze"
)

// products makes Hessian-vector products at one theta.
type products struct {
	gradient analyze.Gradient
	theta    []float32
	step     float64 // length of the displacement
	// scaling, when given, is S of the products with S H S, a diagonal matrix.
	scaling  []float64
	progress analyze.Progress

	points      [2][]float32 // one is enough unless both sides are evaluated at the same time
	plus, minus []float32
	made        int
	skipped     int // whose result the store had
}

func newProducts(g analyze.Gradient, theta []float32, progress analyze.Progress) *products {
	n := len(theta)
	return &products{
		gradient: g, theta: theta, progress: progress,
		points: [2][]float32{make([]float32, n)}, plus: make([]float32, n), minus: make([]float32, n),
	}
}

// apply sets dst to H v/|v|, with the displacement that has the given length.
// The two points are computed from theta in float64 and rounded once; what
// rounding displaces besides is part of the error that the ladder shows.
func (p *products) apply(ctx context.Context, dst []float64, v []float32, step float64) error {
	length := norm32(v)
	if p.scaling != nil {
		length = math.Sqrt(p.scaled2(v))
	}
	if err := p.sides(ctx, v, step/length); err != nil {
		return err
	}
	sum := 0.0
	for i := range dst {
		dst[i] = (float64(p.plus[i]) - float64(p.minus[i])) / (2 * step)
		if p.scaling != nil {
			dst[i] *= p.scaling[i] * length
		}
		sum += dst[i]
	}
	p.made++
	p.progress.Add(1)
	if sum-sum != 0 {
		return fmt.Errorf("curvature: product %d, %v away from theta: %w", p.made, step, ErrNotFinite)
	}
	return nil
}

// sides evaluates the gradients at both sides of theta, at the same time where the
// gradient is made for that.
func (p *products) sides(ctx context.Context, v []float32, scale float64) error {
	grads, signs := [2][]float32{p.plus, p.minus}, [2]float64{1, -1}
	side := func(ctx context.Context, k int, point []float32) error {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("curvature: stopped after %d products: %w", p.made, err)
		}
		for i, t := range p.theta {
			d := float64(v[i])
			if p.scaling != nil {
				d *= p.scaling[i]
			}
			point[i] = float32(float64(t) + float64(signs[k]*scale*d))
		}
		if f, ok := p.gradient.(analyze.Frozen); ok {
			for _, r := range f.Frozen() {
				copy(point[r[0]:r[1]], p.theta[r[0]:r[1]])
			}
		}
		if _, err := p.gradient.Gradient(ctx, point, grads[k]); err != nil {
			return fmt.Errorf("curvature: product %d: %w", p.made+1, err)
		}
		return nil
	}
	if c, ok := p.gradient.(analyze.Concurrent); ok && c.Concurrency() > 1 {
		if p.points[1] == nil {
			p.points[1] = make([]float32, len(p.theta))
		}
		both, ctx := errgroup.WithContext(ctx)
		for k := range signs {
			both.Go(func() error { return side(ctx, k, p.points[k]) })
		}
		return both.Wait()
	}
	for k := range signs {
		if err := side(ctx, k, p.points[0]); err != nil {
			return err
		}
	}
	return nil
}

// scaled2 returns |S v|^2.
func (p *products) scaled2(v []float32) float64 {
	sum := 0.0
	for i, x := range v {
		d := p.scaling[i] * float64(x)
		sum += float64(d * d)
	}
	return sum
}

// skip counts n products whose result the store had.
func (p *products) skip(n int) {
	p.skipped += n
	p.progress.Add(n)
}

// rung is one step of the ladder.
type rung struct {
	step  float64
	norm  float64 // |Hv|
	ok    bool    // the gradients were finite
	error float64 // larger of the differences to the neighbours, over the larger norm; +Inf without a neighbour
}

// relativeSteps are the rungs, from small to large, in units of |theta|: 2^-13 to
// 2^-4 by factors of 2.
var relativeSteps = []float64{0x1p-13, 0x1p-12, 0x1p-11, 0x1p-10, 0x1p-9, 0x1p-8, 0x1p-7, 0x1p-6, 0x1p-5, 0x1p-4}

// ladder makes products with one vector at several steps and returns the rungs
// and the index of the best: the one that differs least from its neighbours. A
// rung whose product is wrong by truncation differs from the one above by more
// than its own error, one that is wrong by rounding from the one below. So the
// larger of the two differences is a cautious estimate of the error.
func (p *products) ladder(ctx context.Context, v []float32, scale float64) ([]rung, int, error) {
	rungs := make([]rung, len(relativeSteps))
	var before, now []float64
	for i, r := range relativeSteps {
		now = make([]float64, len(p.theta))
		rungs[i].step, rungs[i].error = r*scale, math.Inf(1)
		err := p.apply(ctx, now, v, rungs[i].step)
		switch {
		case isNotFinite(err):
			before = nil
			continue
		case err != nil:
			return nil, 0, err
		}
		rungs[i].ok, rungs[i].norm = true, norm(now)
		if before != nil {
			d := difference(before, now)
			if math.IsInf(rungs[i-1].error, 1) || d > rungs[i-1].error {
				rungs[i-1].error = d
			}
			rungs[i].error = d
		}
		before = now
	}
	best := -1
	for i, r := range rungs {
		if r.ok && (best < 0 || r.error < rungs[best].error) {
			best = i
		}
	}
	if best < 0 {
		return rungs, 0, fmt.Errorf("curvature: around theta: %w", ErrNotFinite)
	}
	return rungs, best, nil
}

// difference returns |a-b| over the larger of |a| and |b|; 0 for two zeros.
func difference(a, b []float64) float64 {
	s := 0.0
	for i := range a {
		d := a[i] - b[i]
		s += float64(d * d)
	}
	if s == 0 {
		return 0
	}
	return math.Sqrt(s) / max(norm(a), norm(b))
}
