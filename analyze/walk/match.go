package walk

import (
	"fmt"
	"math"
	"math/rand/v2"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

const (
	// nullSteps is the number of simulated steps for a whole walk. The standard error of a
	// share is then below 1 %.
	nullSteps = 4000
	// epochNullSteps is the number for one epoch, where the walk itself has fewer segments.
	// The standard error of a share is then below 2 %.
	epochNullSteps = 1000
	// maxEtaLambda bounds eta*lambda when the eigenvalue is estimated from the steps. At 2
	// a quadratic has no stationary walk.
	maxEtaLambda = 1.9
)

// Comparison has the numbers of a stationary noisy quadratic with the learning rate, the
// curvature and the noise of a walk. What the walk and the quadratic have in common is not
// evidence of structure in the loss: a stationary walk on any quadratic raises the loss in
// half of its steps and has a curvature-weighted mean s* of 1/2.
//
// The quadratic has the same eigenvalue in each of Directions directions. All other
// directions are flat and change no loss. Its parameters match moments of the segments:
//
//   - learning rate: the median;
//   - eigenvalue: the one in the options, or the largest sharpness along a step, which is a
//     lower bound of the largest eigenvalue of the Hessian;
//   - number of directions: 2 mean^2/variance of the curvature along the steps, as for a
//     chi-squared variable;
//   - noise: such that the mean curvature along the steps equals that of the walk.
type Comparison struct {
	// Absent says why there is no comparison. It is empty when there is one.
	Absent string `json:"absent,omitempty"`

	LearningRate      float64 `json:"learning_rate"`
	Eigenvalue        float64 `json:"eigenvalue"`
	EigenvalueGiven   bool    `json:"eigenvalue_given"`  // by the options; otherwise estimated from the steps
	EigenvalueCapped  bool    `json:"eigenvalue_capped"` // the estimate exceeds 1.9/eta and is replaced by it
	Directions        int     `json:"directions"`
	GradientNoise     float64 `json:"gradient_noise"` // variance in each direction
	SimulatedSegments int     `json:"simulated_segments"`

	FloorInteriorRatio    record.Optional      `json:"floor_interior_ratio"`
	FloorAtEdgeRatio      record.Optional      `json:"floor_at_edge_ratio"`
	RisesRatio            record.Optional      `json:"rises_ratio"`
	FloorPositionWeighted record.Optional      `json:"floor_position_weighted"`
	FloorPosition         analyze.Distribution `json:"floor_position"`
	HeightStart           analyze.Distribution `json:"height_start"`
	HeightEnd             analyze.Distribution `json:"height_end"`
	HeightMean            analyze.Distribution `json:"height_mean"`
	Curvature             analyze.Distribution `json:"curvature"`
	CockpitAlpha          analyze.Distribution `json:"cockpit_alpha"`
}

// match returns the quadratic with the moments of the segments. Without such a quadratic it
// returns nil and the reason in Comparison.Absent.
func match(segments *record.Table, eigenvalue float64) (*Quadratic, *Comparison) {
	c := &Comparison{Eigenvalue: eigenvalue, EigenvalueGiven: eigenvalue > 0}
	absent := func(format string, args ...any) (*Quadratic, *Comparison) {
		return nil, &Comparison{Absent: fmt.Sprintf(format, args...)}
	}
	rate := analyze.Describe(segments.Column("learning_rate")).Median
	sharpness := analyze.Describe(segments.Column("sharpness"))
	curvature := analyze.Describe(segments.Column("curvature"))
	switch {
	case !rate.Valid || !(rate.Value > 0):
		return absent("the segments have no learning rate above 0")
	case analyze.Describe(segments.Column("eta_sharpness")).Count == 0 && sharpness.Count > 0:
		return absent("the parameter groups have different learning rates, and the quadratic needs a single learning " +
			"rate")
	case curvature.Count < 2 || !sharpness.Max.Valid:
		return absent("fewer than two segments have a known curvature")
	case !(curvature.Mean.Value > 0):
		return absent("the mean curvature along the steps is %.3g, and a quadratic with a minimum has a mean above 0",
			curvature.Mean.Value)
	case c.EigenvalueGiven && rate.Value*eigenvalue >= 2:
		return absent("learning rate %v times eigenvalue %v is %.3g, and a walk on a quadratic diverges from 2 on",
			rate.Value, eigenvalue, rate.Value*eigenvalue)
	}
	c.LearningRate = rate.Value
	if !c.EigenvalueGiven {
		c.Eigenvalue = sharpness.Max.Value
		if c.EigenvalueCapped = c.Eigenvalue*rate.Value > maxEtaLambda; c.EigenvalueCapped {
			c.Eigenvalue = maxEtaLambda / rate.Value
		}
	}
	mean, sd := curvature.Mean.Value, curvature.SD.Value
	c.Directions = 1000
	if sd > 0 {
		c.Directions = int(math.Round(min(max(2*mean*mean/(sd*sd), 1), 1000)))
	}
	// In each direction a stationary step d has the variance 2 eta^2 noise / (2 - eta lambda).
	c.GradientNoise = mean * (2 - c.LearningRate*c.Eigenvalue) /
		(2 * c.LearningRate * c.LearningRate * c.Eigenvalue * float64(c.Directions))
	if !(c.GradientNoise > 0) || math.IsInf(c.GradientNoise, 0) {
		return absent("no finite gradient noise above 0 gives the mean curvature %.3g", mean)
	}
	q := &Quadratic{LearningRate: c.LearningRate}
	for range c.Directions {
		q.Eigenvalues, q.Noise = append(q.Eigenvalues, c.Eigenvalue), append(q.Noise, c.GradientNoise)
	}
	return q, c
}

// simulate walks the given number of steps on the quadratic that matches the segments.
// Without such a quadratic the result is nil, and the comparison says why.
func simulate(segments *record.Table, o *Options, steps int, rng *rand.Rand) (*Comparison, *NullResult, error) {
	q, c := match(segments, o.TopEigenvalue)
	if q == nil {
		return c, nil, nil
	}
	r, err := Null(q, o.Alphas, steps, rng)
	return c, r, err
}

// simulateNull compares all segments with the quadratic that matches them.
func simulateNull(segments *record.Table, o *Options) (*Comparison, error) {
	c, r, err := simulate(segments, o, nullSteps, rand.New(rand.NewPCG(o.Seed, nullSteps)))
	if r == nil || err != nil {
		return c, err
	}
	c.SimulatedSegments = nullSteps
	s := &r.Summary
	c.FloorInteriorRatio, c.FloorAtEdgeRatio, c.RisesRatio = s.FloorInteriorRatio, s.FloorAtEdgeRatio, s.RisesRatio
	c.FloorPositionWeighted, c.FloorPosition = s.FloorPositionWeighted, s.FloorPosition
	c.HeightStart, c.HeightEnd, c.HeightMean = s.HeightStart, s.HeightEnd, s.HeightMean
	c.Curvature, c.CockpitAlpha = s.Curvature, s.CockpitAlpha
	return c, nil
}
