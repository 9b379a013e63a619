package objective

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"sgdwalk/analyze"
)

const (
	// agreedSlope and agreedProduct are the relative difference of two slopes, or of a product and a
	// difference of gradients, that count as truncation and kinks.
	agreedSlope   = 0.01
	agreedProduct = 0.1
	// consistent is how much the difference may change from step to step, in units
	// of itself, to count as one that does not come from the step.
	consistent = 0.25
	// lossNoise is the rounding of a loss that is summed in float32, in units of it.
	lossNoise = 8 * 0x1p-24
	// slopeChange is the change of the loss that the first step is made for, in
	// units of the loss; the step is a share of |theta| between the other two.
	slopeChange = 1e-3
	leastStep   = 0x1p-14
	mostStep    = 0x1p-5
	anyStep     = 0x1p-10 // where the loss or the gradient is 0
	// parallel is the cosine from which two vectors are multiples of each other.
	parallel = 0.99
	// asymmetry is the relative difference of v'Hw and w'Hv that rounding may make, and
	// productNoise what it may make in units of a product.
	asymmetry    = 0.02
	productNoise = 1e-5
)

// checkGradient evaluates the gradient at theta and compares it with differences of
// the loss along it. Both must belong together: curvature, curves and planes of
// eigenvectors would otherwise belong to another function. noise is the known
// uncertainty of the loss. It returns the gradient.
func (o *Objective) checkGradient(ctx context.Context, theta []float32, loss, noise float64) ([]float32, error) {
	grad := make([]float32, len(theta))
	p := o.all().point(theta)
	p.asked, p.grad = 1, grad
	a, err := o.answer(ctx, p)
	if err != nil {
		return nil, err
	}
	frozen, err := o.ranges(a.frozen)
	if err != nil {
		return nil, o.fail(err)
	}
	o.mu.Lock()
	o.frozen = frozen
	o.mu.Unlock()
	noise = max(noise, lossNoise*math.Abs(loss))
	if d := math.Abs(a.values[0] - loss); d > max(1e-4*math.Abs(loss), 10*noise) {
		return nil, o.differs("it gives the loss %v with the gradient and %v without it (does loss_fn do something "+
			"else when gradients are on?)", a.values[0], loss)
	}
	u, length := unit(grad)
	if length-length != 0 || loss-loss != 0 {
		return grad, nil // the analysis says what is not finite
	}
	if length == 0 {
		u = anyDirection(len(theta), frozen)
	}
	scale := norm(theta)
	if scale == 0 {
		scale = 1
	}
	first := anyStep * scale
	if length > 0 && loss != 0 {
		first = min(max(slopeChange*math.Abs(loss)/(2*length), leastStep*scale), mostStep*scale)
	}
	line := analyze.Line{Origin: theta, U: u}
	forward, back := make([]float32, len(theta)), make([]float32, len(theta))
	var measured, expected, off []float64
	for _, factor := range []float64{1, 0.25, 4, 1.0 / 16} {
		h := first * factor
		line.Point(h, forward)
		line.Point(-h, back)
		plus, err := o.ask(ctx, point{theta: forward, state: p.state, asked: 1})
		if err != nil {
			return nil, err
		}
		minus, err := o.ask(ctx, point{theta: back, state: p.state, asked: 1})
		if err != nil {
			return nil, err
		}
		// The displacement is the one that rounding left.
		slope := 0.0
		for i, g := range grad {
			slope += float64(g) * (float64(forward[i]) - float64(back[i]))
		}
		m, e := (plus[0]-minus[0])/(2*h), slope/(2*h)
		if m-m != 0 {
			continue
		}
		limit := agreedSlope * max(math.Abs(m), math.Abs(e))
		if noise/h > limit {
			continue // rounding of the loss hides the slope
		}
		if math.Abs(m-e) <= limit+noise/h {
			return grad, nil
		}
		measured, expected, off = append(measured, m), append(expected, e), append(off, m-e)
	}
	if len(off) < 3 || !steady(off) {
		return grad, nil // noise, kinks, or curvature within the steps: nothing can be said
	}
	m, e := measured[1], expected[1]
	what := fmt.Sprintf("%.3g times as much", e/m)
	if m == 0 || math.Abs(e/m) > 1e6 {
		what = "the loss does not change; is it rounded?"
	}
	return nil, o.differs("its gradient is not that of its loss: along the gradient the loss changes by %.6g per "+
		"unit of length, and the gradient says %.6g (%s, at %d step sizes: a missing factor, a sum for a mean, "+
		"batches of unequal size, another loss?)", m, e, what, len(off))
}

// differs refuses what does not belong together, or marks it when noise is allowed.
func (o *Objective) differs(format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	if o.o.AllowNoisy {
		o.warn("objective_gradient", "%s: %s", o.Command(), text)
		return nil
	}
	return o.fail(fmt.Errorf("objective: %s: %s", o.Command(), text))
}

// steady reports whether the differences are the same for every step size.
func steady(v []float64) bool {
	low, high, least := math.Inf(1), math.Inf(-1), math.Inf(1)
	for _, x := range v {
		low, high, least = min(low, x), max(high, x), min(least, math.Abs(x))
	}
	return high-low <= consistent*least
}

// checkProduct requests products of the Hessian with the direction of the gradient
// and with a random one: a program may find only now that it has none. Products that
// are not symmetric, or 0 where differences of gradients are not, are not used: a layer
// is not differentiable twice. A product that is a multiple of the differences is
// refused. Where it differs otherwise nothing is said: kinks of ReLU and max pooling
// are in the differences and not in the Hessian.
func (o *Objective) checkProduct(ctx context.Context, theta, grad []float32) error {
	if o.HessianAbsent() != "" {
		return nil
	}
	u, length := unit(grad)
	if length == 0 || length-length != 0 {
		return nil
	}
	w := anyDirection(len(theta), o.Frozen())
	product, other := make([]float32, len(theta)), make([]float32, len(theta))
	for _, p := range [][2][]float32{{u, product}, {w, other}} {
		q := o.all().point(theta)
		q.asked, q.vectors, q.products = 0, [][]float32{p[0]}, [][]float32{p[1]}
		a, err := o.answer(ctx, q)
		if err != nil {
			return err
		}
		if a.absent != "" {
			o.withoutProducts(a.absent)
			return nil
		}
	}
	first, second := dot(w, product), dot(u, other)
	if first-second-(first-second) != 0 {
		return nil // the analysis says what is not finite
	}
	if math.Abs(first-second) > asymmetry*max(math.Abs(first), math.Abs(second))+productNoise*max(norm(product),
		norm(other)) {
		o.withoutProducts(fmt.Sprintf("the products of the program are not symmetric: v'Hw is %.6g and w'Hv is %.6g "+
			"(a layer that cannot be differentiated twice?)", first, second))
		return nil
	}
	off, err := o.differences(ctx, theta, u, product)
	switch {
	case err != nil || len(off) < 3 || !steady(off):
		return err
	case norm(product) == 0:
		o.withoutProducts("the products of the program are 0 where differences of its gradients are not (a layer " +
			"that cannot be differentiated twice?)")
		return nil
	}
	return o.differs("its product of the Hessian with a vector is not that of its loss: differences of its gradients "+
		"are %.3g times as much, at 3 step sizes", off[0]+1)
}

func (o *Objective) withoutProducts(why string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.absent = why
}

// differences compares the product with differences of gradients along u, for three
// step sizes. Each value is the excess length of the difference in units of the product,
// or its length if the product is 0. There are fewer than three values if a difference
// agrees, or points in another direction.
func (o *Objective) differences(ctx context.Context, theta, u, product []float32) ([]float64, error) {
	scale := norm(theta)
	if scale == 0 {
		scale = 1
	}
	line := analyze.Line{Origin: theta, U: u}
	at := make([]float32, len(theta))
	plus, minus := make([]float32, len(theta)), make([]float32, len(theta))
	own := dot(product, product)
	var off []float64
	for _, ratio := range []float64{0x1p-9, 0x1p-11, 0x1p-7} {
		for _, side := range []struct {
			sign float64
			to   []float32
		}{{1, plus}, {-1, minus}} {
			line.Point(side.sign*ratio*scale, at)
			p := o.all().point(at)
			p.asked, p.grad = 1, side.to
			if _, err := o.ask(ctx, p); err != nil {
				return nil, err
			}
		}
		var both, squares float64
		for i, v := range product {
			d := (float64(plus[i]) - float64(minus[i])) / (2 * ratio * scale)
			both += d * float64(v)
			squares += d * d
		}
		switch factor := both / own; {
		case own == 0 && squares == 0:
			return nil, nil
		case own == 0:
			off = append(off, math.Sqrt(squares))
		case math.Abs(factor-1) <= agreedProduct || !(math.Abs(both) > parallel*math.Sqrt(own*squares)):
			return nil, nil
		default:
			off = append(off, factor-1)
		}
	}
	return off, nil
}

// anyDirection returns a direction that does not move frozen elements.
func anyDirection(n int, frozen [][2]int) []float32 {
	rng := rand.New(rand.NewPCG(1, 0))
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(rng.NormFloat64())
	}
	for _, r := range frozen {
		clear(v[r[0]:r[1]])
	}
	u, _ := unit(v)
	return u
}

// unit returns v/|v| and |v|.
func unit(v []float32) ([]float32, float64) {
	length := norm(v)
	u := make([]float32, len(v))
	if length > 0 && length-length == 0 {
		for i, x := range v {
			u[i] = float32(float64(x) / length)
		}
	}
	return u, length
}

func norm(v []float32) float64 { return math.Sqrt(dot(v, v)) }

func dot(a, b []float32) float64 {
	s := 0.0
	for i, x := range a {
		s += float64(x) * float64(b[i])
	}
	return s
}
