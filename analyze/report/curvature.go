package report

import (
	"fmt"

	"sgdwalk/analyze"
	"sgdwalk/analyze/curvature"
)

// curvatureSection describes a result of the analysis curvature, whose summary has one of
// three types.
func curvatureSection(s analyze.Summary, to *section) {
	to.Reading = []string{
		"Gradient descent with rate \u03b7 is stable along a direction only while \u03b7 times its eigenvalue stays " +
			"below the edge of stability (2 for plain gradient descent). With mini-batches training settles at a " +
			"lower value: a value far below the edge does not mean that the rate is too small.",
		"Eigenvalues belong to the Hessian of the full training loss, without weight decay. A few large eigenvalues " +
			"above a bulk near zero are usual for classification with few classes.",
	}
	switch s := s.(type) {
	case *curvature.Summary:
		t := pairs("The " + s.Matrix.Name() + " in numbers")
		t.add("step", count(s.AtStep))
		t.add("full training loss there", optional(s.Loss))
		t.add("norm of the full gradient", short(s.GradNorm))
		t.trace(&s.Trace)
		t.add("residual of the largest eigenvalue", optional(s.LambdaMaxResidual))
		t.add("residual of the smallest", optional(s.LambdaMinResidual))
		t.add("eigenpairs that have converged", count(s.Converged))
		t.add("Hessian-vector products", count(s.Products))
		to.Tables = []table{t, leading(s.Top)}
	case *curvature.FisherSummary:
		t := pairs("The " + s.Matrix.Name() + " in numbers")
		t.add("step", count(s.Step))
		t.trace(&s.Trace)
		t.add("residual of the largest eigenvalue", optional(s.LambdaMaxResidual))
		to.Tables = []table{t, leading(s.Top)}
		to.Reading = []string{"At a fixed iterate the expectation of this matrix is the full gradient's part plus " +
			"the covariance of one example's gradient, divided by the size of a mini-batch. Here the iterates differ " +
			"as well. The edge of stability is about the Hessian and does not apply."}
	case *curvature.RunSummary:
		t := spreads("Spread over the iterates")
		t.spread("largest eigenvalue", &s.LambdaMax)
		t.spread("smallest eigenvalue", &s.LambdaMin)
		t.spread("\u03b7 \u03bb_max", &s.EtaLambdaMax)
		t.spread("trace", &s.Trace)
		t.spread("share of the full gradient in the dominant space", &s.GradDominantShare)
		t.spread("share of the update in it", &s.UpdateDominantShare)
		to.Tables = []table{t}
	}
}

func (t *table) trace(trace *curvature.Trace) {
	t.add("trace", optional(trace.Mean))
	t.add("its standard error", optional(trace.StandardError))
}

// leading returns the table of the largest eigenvalues.
func leading(top []float64) table {
	t := newTable("Leading eigenvalues", "number", "eigenvalue")
	for i, l := range top[:min(maxListed, len(top))] {
		t.add(fmt.Sprint(i+1), short(l))
	}
	return t
}
