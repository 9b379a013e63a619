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

	exact func(ctx context.Context, theta []float32, v, dst [][]float32) error // nil takes differences of gradients
	// the reason why exact products are missing
	absent string
	// of the space: the number of elements of scaling that are not 0
	size int

	points      [2][]float32 // one is enough unless both sides are evaluated at the same time
	plus, minus []float32
	results     [][]float32
	made        int
	unchecked   int // eigenvectors that could not be multiplied at one of the checked steps
	skipped     int // whose result the store had
}

// newProducts multiplies exactly where the loss offers it, else by differences of
// gradients, which give the Hessian alone.
func newProducts(g analyze.Gradient, theta []float32, m Matrix, progress analyze.Progress) (*products, error) {
	n := len(theta)
	p := &products{gradient: g, theta: theta, progress: progress}
	if m == GaussNewton {
		j, ok := g.(analyze.GaussNewtonProduct)
		if !ok {
			return nil, fmt.Errorf("curvature: matrix is %s: the loss offers no such products; use %s", m, Hessian)
		}
		if absent := j.GaussNewtonAbsent(); absent != "" {
			return nil, fmt.Errorf("curvature: matrix is %s: %s; use %s", m, absent, Hessian)
		}
		p.exact = j.GaussNewtonVectors
		return p, nil
	}
	h, absent := analyze.ExactHessian(g)
	if h != nil {
		p.exact = h.HessianVectors
		return p, nil
	}
	p.absent = absent
	p.points = [2][]float32{make([]float32, n)}
	p.plus, p.minus = make([]float32, n), make([]float32, n)
	return p, nil
}

// Exact is the ProductMethod of exact products.
const Exact = "exact"

// method says how a product is made.
func (p *products) method() string {
	if p.exact != nil {
		return Exact
	}
	return differences(p.step, p.step, p.absent)
}

// differences is the ProductMethod of products that are not exact, for the reason
// absent, over steps from low to high.
func differences(low, high float64, absent string) string {
	length := fmt.Sprintf("%.3g", low)
	if last := fmt.Sprintf("%.3g", high); last != length {
		length += " to " + last
	}
	return fmt.Sprintf("finite differences of gradients over a step of %s: %s", length, absent)
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

// multiply sets dst[i] to the product with v[i], which has unit length.
func (p *products) multiply(ctx context.Context, v [][]float32, dst [][]float64) error {
	if p.exact == nil {
		for i := range v {
			if err := p.apply(ctx, dst[i], v[i], p.step); err != nil {
				return err
			}
		}
		return nil
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("curvature: stopped after %d products: %w", p.made, err)
	}
	for len(p.results) < len(v) {
		p.results = append(p.results, make([]float32, len(p.theta)))
	}
	in := v
	if p.scaling != nil {
		in = make([][]float32, len(v))
		for i := range v {
			in[i] = make([]float32, len(p.theta))
			for j, s := range p.scaling {
				in[i][j] = float32(s * float64(v[i][j]))
			}
		}
	}
	if err := p.exact(ctx, p.theta, in, p.results[:len(v)]); err != nil {
		return fmt.Errorf("curvature: product %d: %w", p.made+1, err)
	}
	for i := range v {
		sum := 0.0
		for j, x := range p.results[i] {
			dst[i][j] = float64(x)
			if p.scaling != nil {
				dst[i][j] *= p.scaling[j]
			}
			sum += dst[i][j]
		}
		p.made++
		p.progress.Add(1)
		if sum-sum != 0 {
			return fmt.Errorf("curvature: product %d: %w", p.made, ErrNotFinite)
		}
	}
	return nil
}

// dimension is the number of coordinates that take part.
func (p *products) dimension() int {
	if p.scaling == nil {
		return len(p.theta)
	}
	return p.size
}

// mask sets the coordinates of v that take no part to zero.
func (p *products) mask(v []float32) {
	for i, s := range p.scaling {
		if s == 0 {
			v[i] = 0
		}
	}
}

// scale sets the diagonal S of the products S H S.
func (p *products) scale(s []float64) {
	p.scaling, p.size = s, 0
	for _, v := range s {
		if v != 0 {
			p.size++
		}
	}
}
