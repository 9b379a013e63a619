package line_test

import (
	"context"
	"testing"

	"sgdwalk/analyze"
	"sgdwalk/analyze/line"
	"sgdwalk/analyze/walk"
)

// gdWalk walks along gradient descent on lambda x^2/2 from 1.
func gdWalk(t fataler, lambda, eta float64, steps int, alphas string) *walk.Result {
	var thetas [][]float32
	x := 1.0
	for range steps + 1 {
		thetas = append(thetas, []float32{float32(x)})
		x -= eta * lambda * x
	}
	loss := analyze.LossFunc(func(_ context.Context, theta []float32) (float64, error) {
		return lambda * float64(theta[0]) * float64(theta[0]) / 2, nil
	})
	r, err := walk.Run(context.Background(), run(t, thetas...), loss, walk.Options{Alphas: grid(t, alphas)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// On a parabola all metrics of Mutschler and Zell have a closed form: gradient descent with
// eta = 1/lambda is the exact line search, and a longer step overshoots.
func TestUpdatesOfGradientDescentOnAParabola(t *testing.T) {
	const lambda = 2.0
	for _, etaLambda := range []float64{0.5, 0.8, 1.25, 1.9} {
		eta := etaLambda / lambda
		r, err := line.Updates(gdWalk(t, lambda, eta, 4, "-1:4:51"))
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Table.Validate(); err != nil {
			t.Fatal(err)
		}
		x := 1.0
		for k := range 4 {
			length := etaLambda * x
			for name, want := range map[string]float64{
				"step_length":          length,
				"optimum":              x, // to the minimum at 0
				"optimum_minus_step":   x - length,
				"improvement":          lambda * x * x / 2 * (1 - (1-etaLambda)*(1-etaLambda)),
				"best_improvement":     lambda * x * x / 2,
				"relative_improvement": 1 - (1-etaLambda)*(1-etaLambda),
				"slope":                -lambda * x,
				"curvature":            lambda,
				"optimum_per_slope":    1 / lambda,
				"parabola_mae_ratio":   0,
			} {
				if got := r.Table.Column(name).Floats[k]; !near(got, want, 1e-4*(1+want*want)) {
					t.Errorf("eta lambda %v, step %d: %s is %v; want %v", etaLambda, k, name, got, want)
				}
			}
			if x *= 1 - etaLambda; x < 0 {
				x = -x
			}
		}
		gap := r.Table.Column("shape_distance")
		if gap.Valid == nil || gap.Valid[0] {
			t.Error("the first curve has one before it")
		}
		// The same parabola everywhere: what is left is the broken line's error, at most
		// lambda h^2/8 with the spacing h of the longest step.
		if h := 0.1 * etaLambda; gap.Floats[1] > lambda*h*h/8+1e-6 {
			t.Errorf("eta lambda %v: consecutive parabolas differ by %v", etaLambda, gap.Floats[1])
		}
		if over := r.Summary.OvershootRatio.Value; (over == 1) != (etaLambda > 1) || over != 0 && over != 1 {
			t.Errorf("eta lambda %v: %v overshoot", etaLambda, over)
		}
	}
}

func TestOptimumBeyondTheSamplesIsReported(t *testing.T) {
	r, err := line.Updates(gdWalk(t, 1, 0.1, 3, "0:1:11"))
	if err != nil {
		t.Fatal(err)
	}
	if r.Summary.OptimumAtEdgeRatio.Value != 1 || codes(r.Warnings) != "optimum_at_edge " {
		t.Errorf("%v, warnings %v", r.Summary.OptimumAtEdgeRatio, r.Warnings)
	}
	if _, err := line.Updates(&walk.Result{}); err == nil {
		t.Error("an empty walk has metrics")
	}
}
