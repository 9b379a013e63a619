package walk

import (
	"fmt"
	"math"
	"math/rand/v2"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

const (
	nullSteps = 4000 // shares are then known to about 1 %
	// epochNullSteps is the same for one epoch, where the walk itself has fewer
	// segments: shares are then known to about 2 %.
	epochNullSteps = 1000
	nullLimit      = 1.9 // largest eta*lambda that an eigenvalue read off the steps may have
)

// Comparison sets a walk beside a stationary noisy quadratic of the same learning
// rate, curvature and noise. What both share is no evidence of structure in the
// loss: a stationary walk on any quadratic raises the loss in half of its steps
// and has a curvature-weighted mean s* of 1/2.
//
// The quadratic has Directions equal eigenvalues and flat directions otherwise,
// which change no loss. It is matched by moments of the walk's segments:
// learning rate: the median; eigenvalue: the one that the options give, or the
// largest sharpness along a step (a lower bound of the Hessian's largest
// eigenvalue); number of directions: 2 mean^2/variance of the curvature along
// the steps, as a chi-squared variable has it; noise: such that the mean
// curvature along the steps is the walk's.
type Comparison struct {
	// Absent says why there is no comparison; empty when there is one.
	Absent string `json:"absent,omitempty"`

	LearningRate      float64 `json:"learning_rate"`
	Eigenvalue        float64 `json:"eigenvalue"`
	EigenvalueGiven   bool    `json:"eigenvalue_given"`  // by the options; otherwise read off the steps
	EigenvalueCapped  bool    `json:"eigenvalue_capped"` // the steps' sharpness times eta exceeds 1.9: taken as 1.9/eta
	Directions        int     `json:"directions"`
	GradientNoise     float64 `json:"gradient_noise"` // variance in each of the directions
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

// match makes the quadratic of a walk's moments, or says why it cannot.
func match(segments *record.Table, eigenvalue float64) (*Quadratic, *Comparison) {
	c := &Comparison{Eigenvalue: eigenvalue, EigenvalueGiven: eigenvalue > 0}
	absent := func(format string, args ...any) (*Quadratic, *Comparison) {
		return nil, &Comparison{Absent: fmt.Sprintf(format, args...)}
	}
	rate := analyze.Describe(segments.Column("learning_rate")).Median
	sharpness := analyze.Describe(segments.Column("sharpness"))
	curvature := analyze.Describe(segments.Column("curvature"))
	switch {
	case analyze.Describe(segments.Column("eta_sharpness")).Count == 0 && sharpness.Count > 0:
		return absent("the segments have no single learning rate")
	case !rate.Valid || !(rate.Value > 0):
		return absent("the segments have no learning rate above 0")
	case curvature.Count < 2 || !sharpness.Max.Valid:
		return absent("fewer than two segments have a curvature that is known")
	case !(curvature.Mean.Value > 0):
		return absent("the mean curvature along the steps is %.3g: no quadratic with a minimum has that", curvature.Mean.Value)
	case c.EigenvalueGiven && rate.Value*eigenvalue >= 2:
		return absent("learning rate %v times eigenvalue %v is %.3g: a walk on that quadratic diverges", rate.Value, eigenvalue, rate.Value*eigenvalue)
	}
	c.LearningRate = rate.Value
	if !c.EigenvalueGiven {
		c.Eigenvalue = sharpness.Max.Value
		if c.EigenvalueCapped = c.Eigenvalue*rate.Value > nullLimit; c.EigenvalueCapped {
			c.Eigenvalue = nullLimit / rate.Value
		}
	}
	mean, sd := curvature.Mean.Value, curvature.SD.Value
	c.Directions = 1000
	if sd > 0 {
		c.Directions = int(math.Round(min(max(2*mean*mean/(sd*sd), 1), 1000)))
	}
	// Per direction d has the variance 2 eta^2 noise / (2 - eta lambda).
	c.GradientNoise = mean * (2 - c.LearningRate*c.Eigenvalue) / (2 * c.LearningRate * c.LearningRate * c.Eigenvalue * float64(c.Directions))
	if !(c.GradientNoise > 0) || math.IsInf(c.GradientNoise, 0) {
		return absent("no noise gives the mean curvature %.3g", mean)
	}
	q := &Quadratic{LearningRate: c.LearningRate}
	for range c.Directions {
		q.Eigenvalues, q.Noise = append(q.Eigenvalues, c.Eigenvalue), append(q.Noise, c.GradientNoise)
	}
	return q, c
}

// simulate walks the given number of steps on the quadratic that is matched to the
// segments; without one there is no result, and the comparison says why.
func simulate(segments *record.Table, o *Options, steps int, rng *rand.Rand) (*Comparison, *NullResult, error) {
	q, c := match(segments, o.TopEigenvalue)
	if q == nil {
		return c, nil, nil
	}
	r, err := Null(q, o.Alphas, steps, rng)
	return c, r, err
}

// compare walks on the quadratic that is matched to all segments.
func compare(segments *record.Table, o *Options) (*Comparison, error) {
	c, r, err := simulate(segments, o, nullSteps, rand.New(rand.NewPCG(o.Seed, nullSteps)))
	if r == nil || err != nil {
		return c, err
	}
	c.SimulatedSegments = nullSteps
	c.FloorInteriorRatio, c.FloorAtEdgeRatio, c.RisesRatio = r.Summary.FloorInteriorRatio, r.Summary.FloorAtEdgeRatio, r.Summary.RisesRatio
	c.FloorPositionWeighted, c.FloorPosition = r.Summary.FloorPositionWeighted, r.Summary.FloorPosition
	c.HeightStart, c.HeightEnd, c.HeightMean = r.Summary.HeightStart, r.Summary.HeightEnd, r.Summary.HeightMean
	c.Curvature, c.CockpitAlpha = r.Summary.Curvature, r.Summary.CockpitAlpha
	return c, nil
}
