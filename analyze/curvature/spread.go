package curvature

import (
	"context"
	"math"

	"sgdwalk/record"
)

// checkedSteps are the steps, in units of the chosen one, at which an eigenvector is
// multiplied again where products are differences of gradients.
var checkedSteps = []float64{0.5, 1, 2}

// again multiplies the eigenvector of a pair once more and returns what the last
// product says. An exact product changes nothing of the pair.
//
// Differences of gradients depend on their step: a kink of the loss within the step
// adds to them, and so does the third derivative. So the spread of <u, Hu> over half,
// one and two steps is added to the residual of the iteration, and the sum is raised to
// the largest of the three residuals. A step at which the gradient is not finite is
// left out and counted.
func (p *products) again(ctx context.Context, pair *Pair) (check Check, err error) {
	w := make([]float64, len(p.theta))
	if p.exact != nil {
		if err := p.multiply(ctx, [][]float32{pair.Vector}, [][]float64{w}); err != nil {
			return check, err
		}
		return newCheck(pair, w), nil
	}
	iteration := pair.Residual
	low, high := math.Inf(1), math.Inf(-1)
	for _, factor := range checkedSteps {
		err := p.apply(ctx, w, pair.Vector, factor*p.step)
		if isNotFinite(err) {
			p.unchecked++
			continue
		}
		if err != nil {
			return check, err
		}
		check = newCheck(pair, w)
		value := check.Value.Value
		low, high = min(low, value), max(high, value)
		pair.Residual = max(pair.Residual, check.Residual.Value, iteration+high-low)
	}
	return check, nil
}

// newCheck compares a pair with the product w of its eigenvector, which it overwrites.
func newCheck(pair *Pair, w []float64) Check {
	value := dot(pair.Vector, w)
	addScaled(w, -pair.Value, pair.Vector)
	return Check{Value: record.Some(value), Residual: record.Some(norm(w))}
}
