package curvature_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"sgdwalk/analyze"
	"sgdwalk/analyze/curvature"
	"sgdwalk/record"
)

// diagonal is the loss 1/2 sum_i h_i x_i^2.
type diagonal []float64

func (d diagonal) Loss(_ context.Context, x []float32) (float64, error) {
	s := 0.0
	for i, h := range d {
		s += h * float64(x[i]) * float64(x[i]) / 2
	}
	return s, nil
}

func (d diagonal) Gradient(ctx context.Context, x, g []float32) (float64, error) {
	for i, h := range d {
		g[i] = float32(h * float64(x[i]))
	}
	return d.Loss(ctx, x)
}

var _ analyze.Gradient = diagonal(nil)

// On a diagonal Hessian the preconditioned eigenvalues are h_i/d_i: the largest of
// them, with the optimizer's threshold, decides the edge of stability, and not the
// largest h_i. A coordinate without a scale takes no part.
func TestEdgeOfAnOptimizerThatScales(t *testing.T) {
	h := diagonal{10, 4, 1, 0.5, 100}
	scale := []float32{100, 1, 0.1, 2, 0}
	theta := []float32{1, -1, 2, 0.5, 1}
	adam := record.Optimizer{Name: "adam", Hyperparameters: map[string]float64{"beta1": 0.9}}
	for _, c := range []struct {
		rate  float64
		above bool
	}{{3.7, false}, {3.9, true}} { // 3.8 * 10 = 38
		r, err := curvature.Compute(context.Background(), theta, h, curvature.Options{
			Top: 2, Optimizer: adam, Edge: curvature.Edge{
				Threshold:      38,
				Preconditioned: true,
			}, LearningRate: c.rate, Preconditioner: scale,
		})
		if err != nil {
			t.Fatal(err)
		}
		s := r.Summary.Stability
		if s.Preconditioned == nil || !near(s.Preconditioned.LambdaMax.Value, 10, 1e-3) ||
			s.Preconditioned.LeftOut != 1 {
			t.Fatalf("preconditioned: %+v; want 1/0.1 and one coordinate left out", s.Preconditioned)
		}
		if !near(r.Summary.LambdaMax.Value, 100, 0.02) || !near(s.Threshold.Value, 38, 1e-12) {
			t.Errorf("lambda_max %v, threshold %v; want 100 and 38", r.Summary.LambdaMax, s.Threshold)
		}
		if s.AboveEdge == nil || *s.AboveEdge != c.above || !near(s.EtaPreconditionedLambdaMax.Value, 10*c.rate,
			1e-3*c.rate) {
			t.Errorf("rate %v: %+v; above the edge should be %v", c.rate, s, c.above)
		}
	}
	// Without scales there is no edge, and a reason.
	r, err := curvature.Compute(context.Background(), theta, h, curvature.Options{
		Optimizer: adam,
		Edge:      curvature.Edge{Threshold: 38, Preconditioned: true}, LearningRate: 1,
		PreconditionerAbsent: "for a test",
	})
	if err != nil {
		t.Fatal(err)
	}
	if s := r.Summary.Stability; s.Threshold.Valid || s.AboveEdge != nil || s.ThresholdAbsent != "for a test" {
		t.Errorf("without scales: %+v", s)
	}
	for name, bad := range map[string][]float32{"elements": {1}, "element 2": {1, 1, -1, 1, 1}, "is 0": make([]float32,
		5), "element 0": {float32(math.NaN()), 1, 1, 1, 1}} {
		_, err := curvature.Compute(context.Background(), theta, h, curvature.Options{Preconditioner: bad})
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("preconditioner %v: %v; the error must say %q", bad, err, name)
		}
	}
}
