package curve

import (
	"math"

	"sgdwalk/record"
)

// Stencil gives the derivative at one of the samples as a weighted sum of the
// (up to) five samples nearest to it: exact for polynomials of degree 4, and
// local, so that what the curve does far beyond the step has no say.
type Stencil struct {
	center, first int
	weights       []float64
}

// NewStencil returns the stencil for the sample of index center. There are at
// least two alphas, in ascending order.
func NewStencil(alphas []float64, center int) Stencil {
	n := min(5, len(alphas))
	first := min(max(center-n/2, 0), len(alphas)-n)
	// Slide to the window whose farthest point is nearest: alphas need not be
	// evenly spaced, because 0 and 1 may have been put between them.
	best := math.Inf(1)
	for f := max(center-n+1, 0); f <= min(center, len(alphas)-n); f++ {
		if reach := max(alphas[center]-alphas[f], alphas[f+n-1]-alphas[center]); reach < best {
			best, first = reach, f
		}
	}
	return Stencil{center: center, first: first, weights: derivativeWeights(alphas[first:first+n], center-first)}
}

// derivativeWeights returns the weights of the first derivative at x[c] of the
// polynomial through all x: the derivatives of the Lagrange polynomials.
func derivativeWeights(x []float64, c int) []float64 {
	w := make([]float64, len(x))
	for i := range x {
		if i == c {
			for j := range x {
				if j != c {
					w[c] += 1 / (x[c] - x[j])
				}
			}
			continue
		}
		p := 1 / (x[i] - x[c])
		for j := range x {
			if j != i && j != c {
				p *= (x[c] - x[j]) / (x[i] - x[j])
			}
		}
		w[i] = p
	}
	return w
}

// Weight returns the weight of sample i.
func (s Stencil) Weight(i int) float64 {
	if i < s.first || i >= s.first+len(s.weights) {
		return 0
	}
	return s.weights[i-s.first]
}

// Apply returns the derivative. The weights add up to zero, so the sample at the
// center is subtracted first: what is summed is of the size of the differences.
func (s Stencil) Apply(losses []float64) float64 {
	sum, f := 0.0, losses[s.center]
	for i, w := range s.weights {
		sum += w * (losses[s.first+i] - f)
	}
	return sum
}

// Fits are least-squares polynomials of degree 1 to 4 over all samples, every
// sample with the same weight, from an orthonormal basis on the grid.
type Fits struct {
	alphas []float64
	basis  [][]float64 // basis[d] has degree d, d = 0..min(4, n-1)
}

// NewFits makes the basis. The alphas, at least two in ascending order, are kept.
func NewFits(alphas []float64) *Fits {
	f := &Fits{alphas: alphas}
	first, last := alphas[0], alphas[len(alphas)-1]
	t := make([]float64, len(alphas)) // alphas mapped to [-1, 1]
	for i, a := range alphas {
		t[i] = (2*a - first - last) / (last - first)
	}
	for d := 0; d <= 4 && d < len(alphas); d++ {
		q := make([]float64, len(alphas))
		for i := range q {
			q[i] = 1
			if d > 0 {
				q[i] = t[i] * f.basis[d-1][i]
			}
		}
		for range 2 { // the second time removes what rounding left of the first
			for _, b := range f.basis {
				subtract(q, b, inner(q, b))
			}
		}
		norm := math.Sqrt(inner(q, q))
		for i := range q {
			q[i] /= norm
		}
		f.basis = append(f.basis, q)
	}
	return f
}

// Errors returns the mean absolute residual of the fits of degree 1 to 4 and the
// R^2 of degree 2. A polynomial through all samples says nothing: with n samples
// degrees above n-2 are absent. R^2 is absent for a constant curve.
func (f *Fits) Errors(losses []float64) (mae [4]record.Optional, r2 record.Optional) {
	n := len(losses)
	residual := make([]float64, n)
	for i, v := range losses {
		residual[i] = v - losses[0] // a constant changes no residual, but its digits would
	}
	var total float64
	for d, b := range f.basis {
		subtract(residual, b, inner(residual, b))
		if d == 0 {
			total = inner(residual, residual)
			continue
		}
		if d > n-2 {
			break
		}
		sum := 0.0
		for _, v := range residual {
			sum += math.Abs(v)
		}
		mae[d-1] = record.Some(sum / float64(n))
		if d == 2 && total > 0 {
			r2 = record.Some(1 - inner(residual, residual)/total)
		}
	}
	return mae, r2
}

// leastFreedom is the number of samples beyond the coefficients of a fit from which on
// its residual says something about noise.
const leastFreedom = 3

// Noise returns the standard deviation of independent noise on the samples, from the
// residual of the fit of degree 4; ok is false for too few samples.
func (f *Fits) Noise(losses []float64) (sigma float64, ok bool) {
	freedom := len(losses) - len(f.basis)
	if freedom < leastFreedom {
		return 0, false
	}
	residual := make([]float64, len(losses))
	for i, v := range losses {
		residual[i] = v - losses[0]
	}
	for _, b := range f.basis {
		subtract(residual, b, inner(residual, b))
	}
	return math.Sqrt(inner(residual, residual) / float64(freedom)), true
}

// Curvature returns the second derivative of the least-squares parabola through all
// samples, its standard deviation for noise 1 of the samples, and the slope of the
// parabola at 0; ok is false for fewer than three samples.
func (f *Fits) Curvature(losses []float64) (curvature, gain, slope float64, ok bool) {
	n := len(losses)
	if n < 3 {
		return 0, 0, 0, false
	}
	shifted := make([]float64, n)
	for i, v := range losses {
		shifted[i] = v - losses[0]
	}
	x, i, j, k := f.alphas, 0, n/2, n-1 // three points fix a polynomial of the basis
	for _, b := range f.basis[1:3] {
		low, high := (b[j]-b[i])/(x[j]-x[i]), (b[k]-b[j])/(x[k]-x[j])
		half := (high - low) / (x[k] - x[i])
		weight := inner(shifted, b)
		slope += weight * (low - half*(x[i]+x[j]))
		curvature, gain = weight*2*half, math.Abs(2*half)
	}
	return curvature, gain, slope, true
}

// Parabola returns the minimum of the fitted parabola, which may lie outside the
// samples, as a fraction of the step, and Cockpit's normalized step length
// 1/s*-1: -1 at the start of a step that does nothing, 0 on the floor, 1 on the
// opposite wall at equal height (Schneider, Dangel and Hennig 2021). A parabola
// that opens downwards has no minimum, and Cockpit calls it -1. Both are absent
// for fewer than three samples and for a curve that is flat up to rounding.
func (f *Fits) Parabola(losses []float64) (position, cockpit record.Optional) {
	n := len(losses)
	if n < 3 {
		return position, cockpit
	}
	low, high := losses[0], losses[0]
	fitted := make([]float64, n)
	shifted := make([]float64, n)
	for i, v := range losses {
		low, high = min(low, v), max(high, v)
		shifted[i] = v - losses[0]
	}
	rounding := 0x1p-50 * max(math.Abs(low), math.Abs(high))
	if high-low <= rounding {
		return position, cockpit
	}
	for _, b := range f.basis[:3] {
		subtract(fitted, b, -inner(shifted, b))
	}
	x := []float64{f.alphas[0], f.alphas[n/2], f.alphas[n-1]}
	y := []float64{fitted[0], fitted[n/2], fitted[n-1]}
	v, ok := vertex(x, y, x[1], y[1])
	width := x[2] - x[0]
	if !ok || v.curvature*width*width/8 <= rounding { // the parabola's sag over the range
		return position, record.Some(-1)
	}
	position = record.Some(v.position)
	if v.position != 0 { // a step that starts on the floor is infinitely too long
		cockpit = record.Some(1/v.position - 1)
	}
	return position, cockpit
}

func inner(x, y []float64) float64 {
	s := 0.0
	for i := range x {
		s += x[i] * y[i]
	}
	return s
}

// subtract takes scale*y from x.
func subtract(x, y []float64, scale float64) {
	for i := range x {
		x[i] -= scale * y[i]
	}
}
