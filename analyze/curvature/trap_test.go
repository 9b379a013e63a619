package curvature_test

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"sgdwalk/analyze"
	"sgdwalk/analyze/curvature"
	"sgdwalk/record"
)

func codes(warnings []analyze.Warning) string {
	s := ""
	for _, w := range warnings {
		s += w.Code + " "
	}
	return s
}

// Trap: power iteration finds the eigenvalue of the largest magnitude and its sign
// is lost. The top is the largest with its sign, the bottom the smallest.
func TestLargestIsNotLargestInMagnitude(t *testing.T) {
	lambda := spread(80)
	lambda[0] = -30
	r := compute(t, gaussian(80, 1), quadratic{full: rotated(lambda, 6)}, curvature.Options{Top: 1})
	if !near(r.Summary.LambdaMax.Value, 11, 1e-3*30) || !near(r.Summary.LambdaMin.Value, -30, 1e-3*30) {
		t.Errorf("lambda_max %v, lambda_min %v; want 11 and -30", r.Summary.LambdaMax, r.Summary.LambdaMin)
	}
	positive := spread(80)
	for i := range positive {
		positive[i] = 1 + math.Abs(positive[i])
	}
	r = compute(t, gaussian(80, 1), quadratic{diagonal: positive}, curvature.Options{Top: 1, Tolerance: 1e-4})
	if !near(r.Summary.LambdaMin.Value, 1, 1e-2) {
		t.Errorf("the smallest eigenvalue of a positive matrix is %v; want 1", r.Summary.LambdaMin)
	}
}

// Any symmetric matrix of a few rows, multiple and zero eigenvalues included, comes
// out completely, at any theta.
func TestSmallMatricesComeOutCompletely(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lambda := rapid.SliceOfN(rapid.SampledFrom([]float64{-5, -1, 0, 0.5, 2, 2.25, 9}), 1, 9).Draw(t, "eigenvalues")
		rotation := rapid.Uint64Range(1, 1000).Draw(t, "rotation")
		seed := rapid.Uint64().Draw(t, "seed")
		checkSmallMatrix(t, lambda, rotation, seed, rapid.Uint64Range(1, 1000).Draw(t, "theta"))
	})
}

// In a block of nearly parallel products, a remainder once was the rounding of another
// new vector of the basis, and eigenvalue 5 of these came out as -1.2.
func TestNearlyParallelProducts(t *testing.T) {
	checkSmallMatrix(t, []float64{-5, -5, -5, -5, -5, -5, -5, -1}, 1, 0, 1)
	checkSmallMatrix(t, []float64{-5, -1, -5, -1, -1, -1, -1, -5}, 2, 0, 1)
}

// checkSmallMatrix compares all eigenvalues of a rotated diagonal matrix with the diagonal.
func checkSmallMatrix(t rapid.TB, lambda []float64, rotation, seed, theta uint64) {
	t.Helper()
	n := len(lambda)
	o := curvature.Options{Top: n, Bottom: n, TraceSamples: 2, DensityPoints: 101, Seed: seed}
	r := compute(t, gaussian(n, theta), quadratic{full: rotated(lambda, rotation)}, o)
	want := slices.Sorted(slices.Values(lambda))
	scale := math.Max(math.Abs(want[0]), math.Abs(want[n-1]))
	if d := cmp.Diff(want, r.Summary.Bottom, cmpopts.EquateApprox(0, 1e-3*scale+1e-12)); d != "" {
		t.Fatal(d)
	}
	slices.Reverse(want)
	if d := cmp.Diff(want, r.Summary.Top, cmpopts.EquateApprox(0, 1e-3*scale+1e-12)); d != "" {
		t.Fatal(d)
	}
}

// Trap: products scaled by the number of batches, or by the length of the vector.
// A loss twice as large has eigenvalues twice as large, whatever the gradient's
// and theta's length.
func TestEigenvaluesHaveTheUnitOfTheLoss(t *testing.T) {
	for _, length := range []float32{1e-4, 1, 1e4} {
		theta := gaussian(60, 1)
		for i := range theta {
			theta[i] *= length
		}
		for _, unit := range []float64{1e-5, 1, 1e5} {
			lambda := spread(60)
			for i := range lambda {
				lambda[i] *= unit
			}
			r := compute(t, theta, quadratic{diagonal: lambda}, curvature.Options{Top: 1})
			if !near(r.Summary.LambdaMax.Value/unit, 20, 1e-3*20) || !near(r.Summary.LambdaMin.Value/unit, -3,
				1e-3*20) {
				t.Errorf("theta of length %v, loss in units of %v: %v and %v", length, unit, r.Summary.LambdaMax,
					r.Summary.LambdaMin)
			}
			if got, want := integral(r.Density), 1-float64(r.Summary.Density.Eigenvalues)/60; !near(got, want, 1e-9) {
				t.Errorf("loss in units of %v: the density integrates to %v, want %v", unit, got, want)
			}
		}
	}
}

// swirl is a vector field that is the gradient of nothing: its Jacobian is not
// symmetric.
type swirl struct{ quadratic }

func (s swirl) Gradient(ctx context.Context, x, grad []float32) (float64, error) {
	loss, err := s.quadratic.Gradient(ctx, x, grad)
	for i := range x {
		grad[i] += 2 * x[(i+1)%len(x)]
	}
	return loss, err
}

// Trap: <v, Hw> taken for <w, Hv> unseen.
func TestProductsThatAreNotSymmetricAreTold(t *testing.T) {
	r := compute(t, gaussian(60, 1), swirl{quadratic{diagonal: spread(60)}}, curvature.Options{Top: 1})
	if r.Summary.Asymmetry < 0.05 || !strings.Contains(codes(r.Warnings), "asymmetric_products") {
		t.Errorf("asymmetry %v, warnings %s", r.Summary.Asymmetry, codes(r.Warnings))
	}
}

// vandal is a gradient that overwrites the point it was given.
type vandal struct{ quadratic }

func (v vandal) Gradient(ctx context.Context, x, grad []float32) (float64, error) {
	loss, err := v.quadratic.Gradient(ctx, x, grad)
	clear(x)
	return loss, err
}

// Trap: what is looked at is changed by looking. The gradient only ever sees
// copies.
func TestThetaIsNeverHandedOut(t *testing.T) {
	theta := gaussian(20, 3)
	r := compute(t, theta, vandal{quadratic{diagonal: spread(20)}}, curvature.Options{Top: 1})
	want := gaussian(20, 3)
	for i := range want {
		if theta[i] != want[i] {
			t.Fatalf("element %d is now %v", i, theta[i])
		}
	}
	if !near(r.Summary.LambdaMax.Value, 20, 1e-2) {
		t.Errorf("lambda_max %v", r.Summary.LambdaMax)
	}
}

// Trap: oblique directions taken for orthogonal ones. The parts of a direction in
// the eigenvectors never add up to more than the direction.
func TestEigenvectorsAreOrthonormal(t *testing.T) {
	s := newSoftmax(8, 6, 4, 100)
	r := compute(t, s.start(), s, curvature.Options{Top: 8, Bottom: 3})
	var vectors [][]float32
	for _, p := range append(append([]curvature.Pair{}, r.Top...), r.Bottom...) {
		vectors = append(vectors, p.Vector)
	}
	for i, a := range vectors {
		for j, b := range vectors {
			want, got := 0.0, 0.0
			if i == j {
				want = 1
			}
			for k := range a {
				got += float64(a[k]) * float64(b[k])
			}
			if !near(got, want, 1e-5) {
				t.Errorf("<u%d, u%d> is %v", i, j, got)
			}
		}
	}
}

// Every summary can be written, whatever happened.
func TestSummariesAreJSON(t *testing.T) {
	flat := compute(t, []float32{0, 0, 0}, quadratic{diagonal: []float64{0, 0, 0}}, curvature.Options{})
	m := descent(t, quadratic{diagonal: []float64{1, 2, 3}}, []float32{1, 1, 1}, record.Optimizer{Name: "pal"}, 0)
	if err := m.Append(&record.Step{Step: 1, Epoch: 1, Theta: []float32{float32(math.Inf(1)), 0, 0}}); err != nil {
		t.Fatal(err)
	}
	run := along(t, m, quadratic{diagonal: []float64{1, 2, 3}}, curvature.AlongOptions{})
	for _, s := range []any{flat.Summary, run.Summary, curvature.Options{}.Effective(), curvature.AlongOptions{}} {
		if _, err := json.Marshal(s); err != nil {
			t.Error(err)
		}
	}
}
