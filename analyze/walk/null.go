package walk

import (
	"fmt"
	"math"
	"math/rand/v2"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/analyze/internal/curve"
	"sgdwalk/record"
)

// Quadratic is the null model of a walk: SGD with a constant learning rate on
// 1/2 sum_i lambda_i x_i^2, with independent Gaussian noise in every component of the
// gradient. In every direction x is a first-order autoregression,
// x' = (1 - eta lambda) x - eta xi, with the stationary variance
// eta noise / (lambda (2 - eta lambda)). The model contains nothing of a network, so
// properties that a walk shares with it are not evidence of structure.
type Quadratic struct {
	// Eigenvalues of the Hessian, each above 0 and below 2/LearningRate. Otherwise the walk
	// would not be stationary.
	Eigenvalues []float64
	// Noise is the variance of the gradient noise in each direction, at least 0. It is
	// proportional to 1/batch size.
	Noise []float64
	// LearningRate is eta, above 0.
	LearningRate float64
}

// Validate checks the ranges. The error names the field, its value and the allowed range.
func (q *Quadratic) Validate() error {
	if len(q.Eigenvalues) == 0 || len(q.Noise) != len(q.Eigenvalues) {
		return fmt.Errorf("walk: quadratic: there are %d eigenvalues and %d noise variances; every direction needs "+
			"one "+
			"of each, and there must be at least one direction", len(q.Eigenvalues), len(q.Noise))
	}
	if !(q.LearningRate > 0) || math.IsInf(q.LearningRate, 0) {
		return fmt.Errorf("walk: quadratic: learning rate is %v; it must be above 0 and finite", q.LearningRate)
	}
	for i, l := range q.Eigenvalues {
		if !(l > 0 && q.LearningRate*l < 2) {
			return fmt.Errorf("walk: quadratic: eigenvalue %d is %v; it must be above 0 and below 2/learning rate = %v",
				i, l, 2/q.LearningRate)
		}
		if v := q.Noise[i]; !(v >= 0) || math.IsInf(v, 0) {
			return fmt.Errorf("walk: quadratic: noise variance %d is %v; it must be finite and at least 0", i, v)
		}
	}
	return nil
}

// NullResult is a walk on a quadratic, with the same measurements as a recorded walk. The
// caller owns it.
type NullResult struct {
	// Segments has the columns of Result.Segments. Row and step are the number of the
	// simulated step, and the epoch is 1.
	Segments record.Table
	// Summary describes the segments. Fields that do not apply to a quadratic, such as
	// RecordedLosses, have their zero value.
	Summary Summary
	// UpdateCos describes the cosine between consecutive updates, over all directions.
	UpdateCos analyze.Distribution
}

// Null walks the given number of steps, at least 1, on the quadratic and measures every
// segment at the given alphas (zero value: 0:1:11). It draws the start from the stationary
// distribution. The loss is evaluated in float64, and iterates are not rounded to float32.
// The same generator state gives the same bits. An error names the value that is not
// allowed.
func Null(q *Quadratic, alphas analyze.Range, steps int, rng *rand.Rand) (*NullResult, error) {
	if err := q.Validate(); err != nil {
		return nil, err
	}
	o := Options{Alphas: alphas}
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if steps < 1 {
		return nil, fmt.Errorf("walk: quadratic: steps is %d; it must be at least 1", steps)
	}
	at, zero, one := curve.Alphas(o.Effective().Alphas)
	g := newGrid(at, zero, one, 0)

	x, d, last := q.start(rng), make([]float64, len(q.Eigenvalues)), make([]float64, len(q.Eigenvalues))
	b, losses := newBuilder(at, nil), make([]float64, len(at))
	var cosines column.Floats
	for k := range steps {
		// phi(alpha) = level + slope alpha + curvature/2 alpha^2, exactly.
		var level, slope, curvature, length2, last2, product float64
		for i, l := range q.Eigenvalues {
			d[i] = -q.LearningRate * (l*x[i] + math.Sqrt(q.Noise[i])*rng.NormFloat64())
			level += l * x[i] * x[i] / 2
			slope += l * x[i] * d[i]
			curvature += l * d[i] * d[i]
			length2 += d[i] * d[i]
			last2 += last[i] * last[i]
			product += last[i] * d[i]
			x[i] += d[i]
		}
		for i, a := range at {
			losses[i] = level + a*(slope+a*curvature/2)
		}
		if k > 0 && length2 > 0 && last2 > 0 {
			cosines.Add(record.Some(product / math.Sqrt(length2) / math.Sqrt(last2)))
		}
		d, last = last, d
		s := segment{row: k, Step: record.Step{Step: int64(k), Epoch: 1, LearningRate: record.Some(q.LearningRate)}}
		b.add(&s, math.Sqrt(length2), g.measure(losses))
	}
	r := &NullResult{Segments: column.Of(b.rows)}
	r.Summary = Summary{
		Segments: steps, LastStep: int64(steps - 1), Direction: Update,
		AlphaMin: at[0], AlphaMax: at[len(at)-1], Alphas: len(at),
	}
	describe(&r.Summary, &r.Segments, b.rows)
	c := cosines.Column("update_cos")
	r.UpdateCos = analyze.Describe(&c)
	return r, nil
}

// start draws x from the stationary distribution, so that no step belongs to a transient.
func (q *Quadratic) start(rng *rand.Rand) []float64 {
	x := make([]float64, len(q.Eigenvalues))
	for i, l := range q.Eigenvalues {
		x[i] = math.Sqrt(q.LearningRate*q.Noise[i]/(l*(2-q.LearningRate*l))) * rng.NormFloat64()
	}
	return x
}
