package curvature_test

import (
	"context"
	"fmt"

	"sgdwalk/analyze/curvature"
	"sgdwalk/record"
)

// The loss 4 x^2 + y^2 - z^2/2 has the Hessian diag(8, 2, -1) everywhere.
func Example() {
	saddle := quadratic{diagonal: []float64{8, 2, -1}}
	r, err := curvature.Compute(context.Background(), []float32{1, 1, 1}, saddle, curvature.Options{
		Top:       2,
		Optimizer: record.Optimizer{Name: "sgd", Hyperparameters: map[string]float64{"learning_rate": 0.3}},
		Edge:      curvature.Edge{Threshold: 2},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	s := &r.Summary
	fmt.Printf("top %.3f, bottom %.3f, trace %.3f\n", s.Top, s.Bottom, s.Trace.Mean.Value)
	fmt.Printf("eta*lambda %.3f, edge of stability %v, above it: %v\n", s.Stability.EtaLambdaMax.Value,
		s.Stability.Threshold.Value, *s.Stability.AboveEdge)
	fmt.Printf("share of the gradient in the top two directions: %.3f\n", s.GradDominantShare.Value)
	// Output:
	// top [8.000 2.000], bottom [-1.000], trace 9.000
	// eta*lambda 2.400, edge of stability 2, above it: true
	// share of the gradient in the top two directions: 0.986
}
