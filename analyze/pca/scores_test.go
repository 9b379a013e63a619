package pca_test

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"sgdwalk/analyze/pca"
	"sgdwalk/record"
)

// TestScoresOnly: everything but the vectors is what the fit with them says, for
// every center, with coordinates left out, few rows and many, and runs of unequal
// weights, to the error of the Gram matrix.
func TestScoresOnly(t *testing.T) {
	tensors := []record.Tensor{
		{Name: "w", Kind: record.Weight, Shape: []int{6, 10}},
		{Name: "b", Kind: record.Bias, Shape: []int{7}},
		{Name: "v", Kind: record.Weight, Shape: []int{3, 11}},
		{Name: "c", Kind: record.Bias, Shape: []int{3}},
	}
	walk := func(seed uint64, n int) record.Trajectory {
		return recording(t, randomWalk(rand.New(rand.NewPCG(seed, 4)), n, 103), tensors...)
	}
	for _, c := range []struct {
		runs []record.Trajectory
		o    pca.Options
		// tolerance of squares, in units of the largest squared distance: float64 or
		// float32 products.
		tolerance float64
	}{
		{[]record.Trajectory{walk(1, 40)}, pca.Options{}, 1e-12},
		{[]record.Trajectory{walk(1, 40)}, pca.Options{Kinds: pca.All, Center: pca.Final}, 1e-12},
		{[]record.Trajectory{walk(2, 40)}, pca.Options{Tensors: []string{"c"}, Center: pca.Init, Components: 3}, 1e-12},
		{[]record.Trajectory{walk(3, 300)}, pca.Options{Components: 5}, 1e-6},
		{[]record.Trajectory{walk(4, 30), walk(5, 50)}, pca.Options{EqualRuns: true}, 1e-12},
	} {
		c.o.Surrogates = -1
		want, err := pca.FitJoint(context.Background(), c.runs, c.o)
		if err != nil {
			t.Fatal(err)
		}
		c.o.ScoresOnly = true
		got, err := pca.FitJoint(context.Background(), c.runs, c.o)
		if err != nil {
			t.Fatal(err)
		}
		if got.Components != nil || got.Reference != nil {
			t.Errorf("%+v: there are vectors", c.o)
		}
		if _, err := got.Plane(1, 2, nil); err == nil || !strings.Contains(err.Error(), "scores only") {
			t.Errorf("a plane without components: %v", err)
		}
		scale := 0.0
		for _, d := range want.Distances {
			scale = max(scale, d*d)
		}
		// Scores of the fit with components have the rounding of float32 vectors.
		equal := func(what string, a, b []float64, power, tolerance float64) {
			if len(a) != len(b) {
				t.Fatalf("%+v: %d values of %s; want %d", c.o, len(a), what, len(b))
			}
			for i := range a {
				x, y := math.Pow(math.Abs(a[i]), power), math.Pow(math.Abs(b[i]), power)
				if math.Abs(x-y) > tolerance*math.Pow(scale, power/2) {
					t.Fatalf("%+v: %s %d is %v; want %v", c.o, what, i, a[i], b[i])
				}
			}
		}
		for k := range want.Scores {
			equal("score", got.Scores[k], want.Scores[k], 1, 0x1p-22)
		}
		equal("residual", got.Residuals, want.Residuals, 2, c.tolerance)
		equal("distance", got.Distances, want.Distances, 2, c.tolerance)
		equal("ratio", got.ExplainedVarianceRatio, want.ExplainedVarianceRatio, 1, 0x1p-22)
		g, w := got.Summary, want.Summary
		equal("variance", []float64{g.TotalVariance, g.ParticipationRatio, g.LeftOutVarianceRatio},
			[]float64{w.TotalVariance, w.ParticipationRatio, w.LeftOutVarianceRatio}, 1, c.tolerance)
		if g.Parameters != w.Parameters || g.ParametersIncluded != w.ParametersIncluded {
			t.Errorf("%+v: %d of %d parameters; want %d of %d", c.o, g.ParametersIncluded, g.Parameters,
				w.ParametersIncluded, w.Parameters)
		}
	}
}
