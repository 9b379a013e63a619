package report

import (
	"fmt"

	"sgdwalk/analyze/curvature"
)

// edgeText says where a run stands against the edge of stability.
func (f *facts) edgeText() string {
	name := f.str("stability", "optimizer")
	if why := f.str("stability", "learning_rate_absent"); why != "" {
		return "There is no learning rate to multiply \u03bb_max with: " + why + "."
	}
	threshold, ok := f.num("stability", "threshold")
	if !ok {
		if why := f.str("stability", "threshold_absent"); why != "" {
			return "There is no edge of stability to compare with: " + why + "."
		}
		return ""
	}
	x, ok := f.num("stability", "eta_preconditioned_lambda_max")
	what := "\u03b7 \u03bb_max of the preconditioned Hessian"
	if !ok {
		if x, ok = f.num("stability", "eta_lambda_max"); !ok {
			return ""
		}
		what = "\u03b7 \u03bb_max"
	}
	return fmt.Sprintf("%s is %s; the edge of stability of %s is at %s: the run is %s.", what, short(x), name, short(threshold), curvature.Standing(x/threshold))
}

// bends says how curved the loss is.
func (f *facts) bends() []string {
	var out []string
	if method := f.str("product_method"); method != "" && method != curvature.Exact {
		out = append(out, "The curvature is from "+method+".")
	}
	if steps, ok := f.num("rows"); ok { // along the run
		first, _ := f.num("first_step")
		last, _ := f.num("last_step")
		low, okLow := f.num("lambda_max", "min")
		high, okHigh := f.num("lambda_max", "max")
		out = append(out, fmt.Sprintf("At %s iterates, steps %s to %s, the largest eigenvalue of the Hessian is %s to %s.", short(steps), short(first), short(last), optional(short, low, okLow), optional(short, high, okHigh)))
		if m, ok := f.num("eta_lambda_max", "mean"); ok {
			high, _ := f.num("eta_lambda_max", "max")
			out = append(out, fmt.Sprintf("\u03b7 \u03bb_max is %s on average and %s at most; the edge of stability stands in the figure.", short(m), short(high)))
		}
		return out
	}
	matrix := curvature.Matrix(f.str("matrix"))
	if matrix == curvature.FisherMatrix {
		return f.fisherText()
	}
	top, ok1 := f.num("lambda_max")
	bottom, ok2 := f.num("lambda_min")
	where := ""
	if step, ok := f.num("at_step"); ok {
		where = fmt.Sprintf(" at step %s", short(step))
	}
	if ok1 || ok2 {
		s := fmt.Sprintf("The eigenvalues of the %s%s reach from %s to %s", matrix.Name(), where, optional(short, bottom, ok2), optional(short, top, ok1))
		if ok1 && ok2 && bottom < 0 && top > 0 {
			s += fmt.Sprintf(": the loss bends down in some direction, %s as much as it bends up in the steepest", percent(-bottom/top))
		}
		out = append(out, s+".")
	}
	if edge := f.edgeText(); edge != "" {
		out = append(out, edge)
	}
	return out
}

// fisherText describes the empirical Fisher matrix, which is not a curvature.
func (f *facts) fisherText() []string {
	n, ok1 := f.num("gradients")
	first, ok2 := f.num("first_step")
	last, ok3 := f.num("last_step")
	out := []string{fmt.Sprintf("The empirical Fisher matrix is the second moment of %s recorded mini-batch gradients, steps %s to %s: it is not the Hessian.", optional(short, n, ok1), optional(short, first, ok2), optional(short, last, ok3))}
	if x, ok := f.num("lambda_max"); ok {
		trace, ok := f.num("trace", "mean")
		out = append(out, fmt.Sprintf("Its largest eigenvalue is %s, its trace is %s.", short(x), optional(short, trace, ok)))
	}
	if x, ok := f.num("mean_gradient_share"); ok && n > 0 {
		out = append(out, fmt.Sprintf("The mean gradient is %s of the trace; gradients of noise alone have %s on average.", percent(x), percent(1/n)))
	}
	if edge := f.edgeText(); edge != "" {
		out = append(out, edge)
	}
	return out
}

func curvatureSection(f *facts) section {
	var s section
	s.say(f.bends()...)
	if f.get("grad_dominant_share").kind == object { // along the run
		if x, ok := f.num("grad_dominant_share", "mean"); ok {
			y, okRandom := f.num("random_dominant_share")
			s.say(fmt.Sprintf("%s of the full gradient's squared length lies in the space of the leading eigenvectors (mean over the iterates); of a random vector's %s does.", percent(x), optional(percent, y, okRandom)))
		}
	} else if x, ok := f.num("grad_dominant_share"); ok {
		y, okRandom := f.num("random_dominant_share")
		s.say(fmt.Sprintf("%s of the gradient's squared length lies in the space of the %d leading eigenvectors; of a random vector's %s does.", percent(x), len(f.nums("top")), optional(percent, y, okRandom)))
	}
	if x, ok := f.num("update_dominant_share", "mean"); ok {
		s.say(fmt.Sprintf("%s of the updates' squared length lies in the space of the leading eigenvectors (mean).", percent(x)))
	}
	matrix := curvature.Matrix(f.str("matrix"))
	t := table{Caption: "The " + matrix.Name() + " in numbers", Head: []string{"quantity", "value"}}
	if f.get("rows").kind == absent { // at one iterate
		t.rows(f, short, [2]string{"step", "at_step"}, [2]string{"full training loss there", "loss"}, [2]string{"norm of the full gradient", "grad_norm"})
	}
	t.rows(f, short, [2]string{"trace", "trace.mean"}, [2]string{"its standard error", "trace.standard_error"},
		[2]string{"residual of the largest eigenvalue", "lambda_max_residual"}, [2]string{"residual of the smallest", "lambda_min_residual"},
		[2]string{"eigenpairs that have converged", "converged"}, [2]string{"Hessian-vector products", "products"})
	e := table{Caption: "Leading eigenvalues", Head: []string{"number", "eigenvalue"}}
	if f.get("top").kind == array { // along the run it is how many there are
		for i, l := range f.nums("top") {
			if i < maxListed {
				e.add(short(float64(i+1)), short(l))
			}
		}
	}
	spread := table{Caption: "Spread over the iterates", Head: append([]string{"quantity"}, spreadHead...)}
	for _, q := range [][2]string{{"largest eigenvalue", "lambda_max"}, {"smallest eigenvalue", "lambda_min"}, {"\u03b7 \u03bb_max", "eta_lambda_max"}, {"share of the full gradient in the dominant space", "grad_dominant_share"}, {"share of the update in it", "update_dominant_share"}} {
		if f.get(q[1]).kind == object {
			spread.spread(f, q[0], q[1])
		}
	}
	s.Tables = []table{t, e, spread}
	s.Reading = []string{
		"Gradient descent with rate \u03b7 is stable along a direction only while \u03b7 times its eigenvalue stays below the edge of stability (2 for plain gradient descent). Mini-batches lower the place where training settles: far below it is no sign of too small a rate.",
		"Eigenvalues are of the full training loss and of no weight decay. A few large ones above a bulk near zero are what classification with few classes shows.",
	}
	if matrix == curvature.FisherMatrix {
		s.Reading = []string{"At a fixed iterate the expectation of this matrix is the full gradient's part plus the covariance of one example's gradient, divided by the size of a mini-batch. Here the iterates differ as well. The edge of stability is about the Hessian and does not apply."}
	}
	return s
}
