package walk_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sgdwalk/analyze"
	"sgdwalk/analyze/walk"
	"sgdwalk/record"
)

// stiffAndSoft has one stiff and 199 soft directions. The noise is proportional to the
// curvature, as gradient noise is near a minimum.
func stiffAndSoft(etaLambda, noise float64) *walk.Quadratic {
	q := &walk.Quadratic{LearningRate: 0.1}
	for i := range 200 {
		l := etaLambda / 0.1
		if i > 0 {
			l /= 100
		}
		q.Eigenvalues, q.Noise = append(q.Eigenvalues, l), append(q.Noise, noise*l/q.LearningRate)
	}
	return q
}

func null(t fataler, q *walk.Quadratic, alphas analyze.Range, steps int) *walk.NullResult {
	r, err := walk.Null(q, alphas, steps, rand.New(rand.NewPCG(1, 2)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Oracle (viii): a stationary noisy quadratic has no structure. It raises the loss in half
// of its steps, has interior floors in many steps, and has a negative mean cosine.
func TestStationaryQuadraticOracle(t *testing.T) {
	const steps = 4000
	// Interior floors and cosines for the same quadratic by an independent
	// simulation; 4000 correlated steps leave about 0.02 to either.
	for _, c := range []struct{ etaLambda, interior, cos float64 }{
		{0.5, 0.355, -0.07},
		{1, 0.53, -0.165},
		{1.9, 0.88, -0.645},
	} {
		r := null(t, stiffAndSoft(c.etaLambda, 1e-3), analyze.Range{}, steps)
		s := r.Summary
		// Half of 4000 correlated coin tosses: four standard deviations are 3.2 % if
		// they were independent, and reflecting steps are less than that.
		if math.Abs(s.RisesRatio.Value-0.5) > 0.04 {
			t.Errorf("eta lambda %v: %v of the steps raise the loss", c.etaLambda, s.RisesRatio.Value)
		}
		if math.Abs(s.FloorPositionWeighted.Value-0.5) > 0.04 {
			t.Errorf("eta lambda %v: the curvature-weighted mean s* is %v", c.etaLambda, s.FloorPositionWeighted.Value)
		}
		if v := s.FloorInteriorRatio.Value; math.Abs(v-c.interior) > 0.04 {
			t.Errorf("eta lambda %v: %v interior floors", c.etaLambda, v)
		}
		if v := r.UpdateCos.Mean.Value; math.Abs(v-c.cos) > 0.03 {
			t.Errorf("eta lambda %v: mean cosine %v", c.etaLambda, v)
		}
		if s.Barriers != s.BarriersBelowFloat32 {
			t.Errorf("eta lambda %v: %d barriers on a quadratic", c.etaLambda, s.Barriers)
		}
	}
}

// One direction has a closed form: the floor is inside the step when the two ends are on
// different sides of it. The probability is arccos(rho)/pi for a stationary autoregression
// with coefficient rho = 1 - eta lambda.
func TestOneDirectionInClosedForm(t *testing.T) {
	for _, etaLambda := range []float64{0.3, 1, 1.7} {
		q := &walk.Quadratic{LearningRate: 1, Eigenvalues: []float64{etaLambda}, Noise: []float64{2}}
		s := null(t, q, analyze.Range{Min: 0, Max: 1, N: 11}, 20000).Summary
		if want := math.Acos(1-etaLambda) / math.Pi; math.Abs(s.FloorInteriorRatio.Value-want) > 0.02 {
			t.Errorf("eta lambda %v: %v interior floors, want %v", etaLambda, s.FloorInteriorRatio.Value, want)
		}
		// E d'Hd = 2 eta^2 noise lambda / (2 - eta lambda).
		if want := 4 * etaLambda / (2 - etaLambda); math.Abs(s.Curvature.Mean.Value/want-1) > 0.06 {
			t.Errorf("eta lambda %v: curvature %v, want %v", etaLambda, s.Curvature.Mean.Value, want)
		}
	}
}

// Height is exactly proportional to the noise, that is to 1/batch size, because the same
// draws are scaled.
func TestHeightIsProportionalToNoise(t *testing.T) {
	a := null(t, stiffAndSoft(1, 1), analyze.Range{}, 200).Summary
	b := null(t, stiffAndSoft(1, 4), analyze.Range{}, 200).Summary
	if ratio := b.HeightEnd.Mean.Value / a.HeightEnd.Mean.Value; math.Abs(ratio-4) > 1e-9 {
		t.Errorf("four times the noise gives %v times the height", ratio)
	}
}

// A recorded walk on a noisy quadratic agrees with its null, although it is recorded in
// float32 and evaluated like any walk.
func TestComparisonOfAQuadraticWithItself(t *testing.T) {
	const eta, lambda, directions, steps = 0.5, 2.4, 3, 3000
	rng := rand.New(rand.NewPCG(5, 6))
	x := make([]float64, directions)
	var rows []record.Step
	for k := range steps + 100 {
		s := record.Step{Step: int64(k), Epoch: 1, BatchLoss: record.Some(0), LearningRate: record.Some(eta)}
		for i := range x {
			s.Theta = append(s.Theta, float32(x[i]))
			x[i] -= eta * (lambda*x[i] + rng.NormFloat64())
		}
		rows = append(rows, s)
	}
	loss := &counter{f: func(theta []float32) float64 { return lambda * square(theta) }}
	segments := must[analyze.Segments](t)(analyze.ParseSegments("100-3098")) // after the start at the minimum
	for _, given := range []float64{0, lambda} {
		r := run(t, memory(t, rows...), loss, walk.Options{Segments: segments, TopEigenvalue: given})
		n := r.Summary.Null
		if n.Absent != "" || n.EigenvalueGiven != (given > 0) || n.EigenvalueCapped {
			t.Fatalf("%+v", n)
		}
		// All eigenvalues are equal: every step sees lambda. The variance of the
		// curvature is estimated from 3000 correlated segments.
		if math.Abs(n.Eigenvalue-lambda) > 1e-3 || n.Directions != directions || math.Abs(n.GradientNoise-1) > 0.1 {
			t.Errorf("matched eigenvalue %v, %d directions, noise %v", n.Eigenvalue, n.Directions, n.GradientNoise)
		}
		for _, c := range []struct {
			name       string
			walk, null float64
			tol        float64
		}{
			{"interior floors", r.Summary.FloorInteriorRatio.Value, n.FloorInteriorRatio.Value, 0.04},
			{"rising steps", r.Summary.RisesRatio.Value, n.RisesRatio.Value, 0.04},
			{"mean s*", r.Summary.FloorPosition.Mean.Value, n.FloorPosition.Mean.Value, 0.03},
			{"weighted s*", r.Summary.FloorPositionWeighted.Value, 0.5, 0.02},
			{"relative height", r.Summary.HeightEnd.Mean.Value / n.HeightEnd.Mean.Value, 1, 0.1},
			{"relative curvature", r.Summary.Curvature.Mean.Value / n.Curvature.Mean.Value, 1, 0.1},
		} {
			if math.Abs(c.walk-c.null) > c.tol {
				t.Errorf("%s: %v and %v in the null", c.name, c.walk, c.null)
			}
		}
		// The table of epochs has it beside the walk: one epoch here, with another
		// thousand simulated segments.
		epochs := &r.Epochs
		for name, tol := range map[string]float64{
			"floor_interior_ratio": 0.06, "rises_ratio": 0.06,
			"floor_position": 0.05, "barrier_ratio": 0,
		} {
			own, null := epochs.Column(name).Floats[0], epochs.Column("null_" + name).Floats[0]
			if math.Abs(own-null) > tol {
				t.Errorf("epoch: %s is %v, %v in the null", name, own, null)
			}
		}
		for _, name := range []string{"height_start", "height_end", "height_mean"} {
			if q := epochs.Column(name).Floats[0] / epochs.Column("null_" + name).Floats[0]; math.Abs(q-1) > 0.15 {
				t.Errorf("epoch: %s is %v of that in the null", name, q)
			}
		}
		if e, d := epochs.Column("null_eigenvalue").Floats[0], epochs.Column("null_directions").Floats[0]; math.Abs(e-lambda) > 1e-3 || d != directions {
			t.Errorf("epoch: matched eigenvalue %v, %v directions", e, d)
		}
		if last := r.Warnings[len(r.Warnings)-1]; last.Code != "null" ||
			!strings.Contains(last.Text, "eta*lambda = 1.2, 3 directions") {
			t.Errorf("%+v", r.Warnings)
		}
	}
}

// Without a quadratic that fits, the result says why and has no numbers of a null.
func TestNoComparison(t *testing.T) {
	concave := &counter{f: func(theta []float32) float64 { return -square(theta) }}
	for _, c := range []struct {
		m    record.Trajectory
		loss analyze.Loss
		o    walk.Options
		want string
	}{
		{positions(t, 1, 2, 3), concave, walk.Options{}, "the mean curvature along the steps is -1, and a quadratic " +
			"with a minimum has a mean above 0"},
		{positions(t, 1, 2), &counter{f: square}, walk.Options{}, "fewer than two segments have a known curvature"},
		{
			positions(t, 3, 2, 1), &counter{f: square},
			walk.Options{TopEigenvalue: 8},
			"learning rate 0.5 times eigenvalue 8 is 4, and a walk on a quadratic diverges from 2 on",
		},
	} {
		r := run(t, c.m, c.loss, c.o)
		if diff := cmp.Diff(walk.Comparison{Absent: c.want}, r.Summary.Null); diff != "" {
			t.Error(diff)
		}
		for _, name := range []string{
			"null_floor_interior_ratio", "null_height_mean", "null_eigenvalue",
			"null_directions",
		} {
			if v := r.Epochs.Column(name).Text(0); v != "" {
				t.Errorf("%s is %s without a quadratic", name, v)
			}
		}
	}
}

func TestNullRefuses(t *testing.T) {
	for want, q := range map[string]*walk.Quadratic{
		"walk: quadratic: there are 0 eigenvalues and 0 noise variances; every direction needs one of each, and " +
			"there must be at least one direction": {LearningRate: 1},
		"walk: quadratic: learning rate is NaN; it must be above 0 and finite": {
			LearningRate: math.NaN(),
			Eigenvalues:  []float64{1}, Noise: []float64{1},
		},
		"walk: quadratic: eigenvalue 0 is 4; it must be above 0 and below 2/learning rate = 4": {
			LearningRate: 0.5,
			Eigenvalues:  []float64{4}, Noise: []float64{1},
		},
		"walk: quadratic: noise variance 0 is -1; it must be finite and at least 0": {
			LearningRate: 0.5,
			Eigenvalues:  []float64{1}, Noise: []float64{-1},
		},
	} {
		if _, err := walk.Null(q, analyze.Range{}, 5, rand.New(rand.NewPCG(1, 1))); err == nil || err.Error() != want {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
}
