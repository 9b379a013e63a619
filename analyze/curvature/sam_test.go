package curvature_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sgdwalk/analyze"
	"sgdwalk/analyze/curvature"
	"sgdwalk/record"
)

// exactDiagonal is diagonal with exact products.
type exactDiagonal struct{ diagonal }

func (exactDiagonal) HessianAbsent() string { return "" }

func (d exactDiagonal) HessianVectors(_ context.Context, _ []float32, v, dst [][]float32) error {
	for k := range v {
		for i, h := range d.diagonal {
			dst[k][i] = float32(h * float64(v[k][i]))
		}
	}
	return nil
}

var _ analyze.HessianProduct = exactDiagonal{}

// TestEdgeOfSAMIsWhereItsStepGrows: along an eigenvector of a quadratic, the step of SAM
// from theta is -eta lambda (|theta| + rho). It ends farther from the minimum than it
// started exactly if eta lambda is above the threshold.
func TestEdgeOfSAMIsWhereItsStepGrows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lambda := rapid.Float64Range(0.1, 100).Draw(t, "lambda")
		theta := rapid.Float64Range(0.01, 10).Draw(t, "theta")
		rho := rapid.Float64Range(0.001, 1).Draw(t, "rho")
		eta := rapid.Float64Range(0.001, 20).Draw(t, "eta lambda") / lambda
		r, err := curvature.Compute(context.Background(), []float32{float32(theta)}, exactDiagonal{diagonal{lambda}}, curvature.Options{
			LearningRate: eta, Edge: curvature.Edge{Threshold: 2, AscentRadius: rho}, TraceSamples: -1, DensityProbes: -1,
			Optimizer: record.Optimizer{Name: "sam-sgd"},
		})
		if err != nil {
			t.Fatal(err)
		}
		s := r.Summary.Stability
		next := theta - eta*lambda*(theta+rho)
		ratio := s.EtaLambdaMax.Value / s.Threshold.Value
		if s.AscentRadius != rho || math.Abs(ratio-1) > 1e-5 && *s.AboveEdge != (math.Abs(next) > theta) {
			t.Fatalf("from %v to %v; eta lambda is %v of the edge: %+v", theta, next, ratio, s)
		}
	})
}

// TestEdgeOfSAMOnAdam: the matrix is D^-1 (H + (rho/|g|) H^2), which is diagonal here.
func TestEdgeOfSAMOnAdam(t *testing.T) {
	h := diagonal{10, 4, 1, 0.5}
	theta, scale := []float32{0.1, -0.2, 0.3, 1}, []float32{5, 1, 0.5, 2}
	const rho, eta = 0.3, 1.5
	length := 0.0
	for i, x := range theta {
		length = math.Hypot(length, h[i]*float64(x))
	}
	want := 0.0
	for i, l := range h {
		want = max(want, (l+rho/length*l*l)/float64(scale[i]))
	}
	o := curvature.Options{
		LearningRate: eta, Edge: curvature.Edge{Threshold: 38, Preconditioned: true, AscentRadius: rho}, Preconditioner: scale,
		Optimizer: record.Optimizer{Name: "sam-adam"}, TraceSamples: -1, DensityProbes: -1,
	}
	r, err := curvature.Compute(context.Background(), theta, exactDiagonal{h}, o)
	if err != nil {
		t.Fatal(err)
	}
	s := r.Summary.Stability
	if s.Threshold.Value != 38 || !near(s.Preconditioned.LambdaMax.Value, want, 1e-5*want) ||
		!near(s.EtaPreconditionedLambdaMax.Value, eta*want, 1e-5*eta*want) {
		t.Errorf("%+v, %+v; want lambda_max %v", s, s.Preconditioned, want)
	}
	// Differences of gradients give no square.
	if r, err = curvature.Compute(context.Background(), theta, h, o); err != nil {
		t.Fatal(err)
	}
	if s := r.Summary.Stability; s.Threshold.Valid || !strings.Contains(s.ThresholdAbsent, "needs exact products") {
		t.Errorf("without exact products: %+v", s)
	}
}

// TestEdgeOfSAMAlongARun: every row has the threshold of its own gradient, and the summary
// that of the last row. Without a learning rate there is none.
func TestEdgeOfSAMAlongARun(t *testing.T) {
	const eta, rho = 0.25, 0.1
	h := diagonal{4, 1}
	sam := record.Optimizer{Name: "sam-sgd", Hyperparameters: map[string]float64{"learning_rate": eta, "rho": rho}}
	m := descent(t, exactDiagonal{h}, []float32{1, 1}, sam, 5)
	each := curvature.Options{Top: 1, TraceSamples: -1, Edge: curvature.Edge{Threshold: 2, AscentRadius: rho}}
	r, err := curvature.Along(context.Background(), m, exactDiagonal{h}, curvature.AlongOptions{Each: each})
	if err != nil {
		t.Fatal(err)
	}
	threshold, norm := r.Table.Column("threshold"), r.Table.Column("grad_norm")
	for i, g := range norm.Floats {
		// s + rho/(eta |g|) s^2 is 2 at the threshold.
		if s := threshold.Floats[i]; !near(s+rho/(eta*g)*s*s, 2, 1e-9) || !(s < 2) {
			t.Errorf("row %d: threshold %v at the gradient %v", i, s, g)
		}
	}
	last := threshold.Floats[threshold.Len()-1]
	if s := r.Summary.Stability; s.Threshold.Value != last || threshold.Floats[0] <= last {
		t.Errorf("threshold %v of the first row, %v of the last; the summary has %+v", threshold.Floats[0], last, s)
	}
	o := each
	o.NoRate = "for a test"
	c, err := curvature.Compute(context.Background(), []float32{1, 1}, exactDiagonal{h}, o)
	if err != nil {
		t.Fatal(err)
	}
	if s := c.Summary.Stability; s.Threshold.Valid || !strings.Contains(s.ThresholdAbsent, "depends on the learning rate") {
		t.Errorf("without a learning rate: %+v", s)
	}
}
