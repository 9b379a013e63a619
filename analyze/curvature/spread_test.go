package curvature_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"sgdwalk/analyze/curvature"
	"sgdwalk/record"
)

// kinked is a diagonal quadratic plus slope[i] max(0, x_i - at[i]), as ReLU makes
// kinks. Away from the kinks the eigenvalues of the Hessian are those of the quadratic.
// It offers gradients only.
type kinked struct {
	quadratic
	at, slope []float64
}

func (k kinked) Loss(ctx context.Context, x []float32) (float64, error) {
	return k.Gradient(ctx, x, make([]float32, len(x)))
}

func (k kinked) Gradient(ctx context.Context, x, grad []float32) (float64, error) {
	loss, err := k.quadratic.Gradient(ctx, x, grad)
	for i, v := range x {
		if d := float64(v) - k.at[i]; d > 0 {
			loss += k.slope[i] * d
			grad[i] += float32(k.slope[i])
		}
	}
	return loss, err
}

// newKinked puts one kink into every coordinate, at the given distances from theta in
// units of the step.
func newKinked(theta []float32, step float64, distances ...float64) kinked {
	n := len(theta)
	k := kinked{quadratic: quadratic{diagonal: spread(n)}, at: make([]float64, n), slope: make([]float64, n)}
	for i, v := range theta {
		k.at[i] = float64(v) + step*distances[i%len(distances)]
		k.slope[i] = step / 2
		if k.diagonal[i] < 0 {
			k.slope[i] = -step / 2
		}
	}
	k.slope[0] = 20 * step
	return k
}

// Trap: the Lanczos residual of differences taken for their error. A kink within the
// step raises an eigenvalue by as much as its slope over the step, and the Lanczos
// iteration converges to that. The stated residual holds the exact eigenvalue.
func TestResidualOfDifferencesHoldsTheExactEigenvalue(t *testing.T) {
	const step = 0.01
	for seed := range uint64(40) {
		for _, distance := range []float64{0.1, 0.4, 0.7, 0.95, 1.5, 30} {
			theta := gaussian(40, seed)
			k := newKinked(theta, step, distance)
			r := compute(t, theta, k, curvature.Options{
				Top: 3, Bottom: 2, TraceSamples: -1, DensityProbes: -1,
				Step: step,
			})
			want := slices.Sorted(slices.Values(k.diagonal))
			pairs := slices.Concat(r.Top, r.Bottom)
			n := len(want)
			for i, exact := range []float64{want[n-1], want[n-2], want[n-3], want[0], want[1]} {
				p := pairs[i]
				if math.Abs(p.Value-exact) > p.Residual+1e-3 {
					t.Errorf("kinks at %v steps: pair %d is %v \u00b1 %v; exact is %v", distance, i, p.Value,
						p.Residual, exact)
				}
			}
			if distance < 1 && (pairs[0].Residual < 1 || pairs[0].Estimate > 0.1*pairs[0].Residual) {
				t.Errorf("kinks at %v steps: residual %v, of the iteration %v", distance, pairs[0].Residual,
					pairs[0].Estimate)
			}
			if distance > 2 && pairs[0].Residual > 0.01*pairs[0].Value {
				t.Errorf("without kinks within two steps the residual is %v", pairs[0].Residual)
			}
			if got, want := r.Eigenvalues.Column("residual").Floats[0], pairs[0].Residual; got != want ||
				r.Summary.LambdaMaxResidual.Value != want {
				t.Errorf("the table has the residual %v, the summary %v, the pair %v", got,
					r.Summary.LambdaMaxResidual, want)
			}
			holdsLabel(t, r.Summary.ProductMethod, step)
			if !strings.Contains(codes(r.Warnings), "finite_differences ") {
				t.Errorf("warnings: %s", codes(r.Warnings))
			}
		}
	}
}

func holdsLabel(t *testing.T, method string, step float64) {
	t.Helper()
	if want := fmt.Sprintf("finite differences of gradients over a step of %v: the loss offers gradients only",
		step); method != want {
		t.Errorf("product method %q; want %q", method, want)
	}
}

// Layers and runs state the same error.
func TestResidualOfDifferencesInLayersAndRuns(t *testing.T) {
	const step = 0.01
	theta := gaussian(40, 3)
	k := newKinked(theta, step, 0.4)
	o := curvature.Options{
		Top: 1, TraceSamples: -1, DensityProbes: -1, Step: step,
		Layers: []curvature.Layer{{Name: "first", From: 0, To: 20}},
	}
	r := compute(t, theta, k, o)
	value, residual := r.Layers.Column("lambda_max").Floats[0], r.Layers.Column("lambda_max_residual").Floats[0]
	if math.Abs(value-20) > residual+1e-3 || residual < 1 {
		t.Errorf("layer: lambda_max %v \u00b1 %v; exact is 20", value, residual)
	}
	o.Layers = nil
	run := along(t, descent(t, k, theta, record.Optimizer{Name: "sgd"}, 0), k, curvature.AlongOptions{Each: o})
	value, residual = run.Table.Column("lambda_max").Floats[0], run.Table.Column("lambda_max_residual").Floats[0]
	if math.Abs(value-20) > residual+1e-3 || residual < 1 {
		t.Errorf("run: lambda_max %v \u00b1 %v; exact is 20", value, residual)
	}
	holdsLabel(t, run.Summary.ProductMethod, step)
	if !strings.Contains(codes(run.Warnings), "finite_differences ") {
		t.Errorf("warnings of the run: %s", codes(run.Warnings))
	}
}
