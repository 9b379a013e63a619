package curvature

import (
	"math"

	"sgdwalk/analyze"
)

const (
	// productLimit is the relative error of a product, and the asymmetry, from
	// which on a reader must know.
	productLimit = 0.01
	// traceLimit is the share of the trace that its standard error may be.
	traceLimit = 0.2
)

// differencesText warns of products that are not exact; it takes their ProductMethod.
const differencesText = "curvature is from %s. The residual of an eigenvalue covers half and twice the step; a loss " +
	"with kinks (ReLU, max pooling) has other eigenvalues over a step than at the point"

func (r *Result) warnings(o *Options) []analyze.Warning {
	var w analyze.Warnings
	add := w.Add
	s := &r.Summary
	n := len(r.Top) + len(r.Bottom)
	add(s.Converged < n, "eigenpairs_unconverged", "%d of %d eigenpairs have not converged to %v of the largest "+
		"eigenvalue after %d products; the column converged says which, and the dominant space is not certain",
		n-s.Converged, n, o.Tolerance, s.LanczosProducts)
	wanted := min(o.Top, s.Parameters)
	add(len(r.Top) < wanted, "eigenpairs_missing", "%d top eigenpairs were requested; %d products give %d", wanted,
		s.LanczosProducts, len(r.Top))
	add(!s.ProductError.Valid, "product_unchecked", "the error of the Hessian-vector products could not be "+
		"estimated: the gradient is not finite around theta")
	exact := s.ProductMethod == Exact
	add(!exact, "finite_differences", differencesText, s.ProductMethod)
	add(r.unchecked > 0, "step_unchecked", "at %d of the steps over which eigenvectors were multiplied again the "+
		"gradient is not finite: the residuals do not cover these steps", r.unchecked)
	add(!exact && s.ProductError.Valid && s.ProductError.Value > productLimit, "product_error",
		"the Hessian-vector product with a stiff direction changes by %.2g of its length when the step changes: the "+
			"loss has kinks (ReLU, max pooling) or bends at this scale, or float32 rounding is in the way; "+
			"eigenvalues are those of the loss averaged over the step", s.ProductError.Value)
	add(s.Asymmetry > productLimit, "asymmetric_products", "<v, Hw> and <w, Hv> differ by up to %.2g of the largest "+
		"eigenvalue: smaller eigenvalues are not resolved", s.Asymmetry)
	if c := s.TopCheck.Value; c.Valid {
		d := math.Abs(c.Value-s.LambdaMax.Value) / math.Max(math.Abs(s.LambdaMax.Value), math.SmallestNonzeroFloat64)
		add(!exact && d > productLimit, "step_dependent", "the largest eigenvalue is %.6g with the step and %.6g "+
			"with twice the step: the curvature changes within the step", s.LambdaMax.Value, c.Value)
	}
	if t := s.Trace; t.StandardError.Valid {
		add(t.StandardError.Value > traceLimit*math.Abs(t.Mean.Value), "trace_uncertain",
			"the trace is %.4g with a standard error of %.4g from %d samples",
			t.Mean.Value, t.StandardError.Value, t.Samples)
	}
	if d := s.Density; d.Probes > 0 && d.TraceError.Valid && s.Trace.StandardError.Valid {
		off := math.Abs(d.Trace.Value - s.Trace.Mean.Value)
		add(off > 4*math.Hypot(d.TraceError.Value, s.Trace.StandardError.Value), "density_moment",
			"the density's trace is %.4g and the trace is %.4g: the density is less certain than its band",
			d.Trace.Value, s.Trace.Mean.Value)
	}
	e := &s.Stability
	add(e.LearningRateAbsent != "", "no_learning_rate", "eta lambda_max is not known: %s", e.LearningRateAbsent)
	add(e.Optimizer != "" && e.ThresholdAbsent != "", "no_threshold", "no edge of stability to compare with: %s",
		e.ThresholdAbsent)
	add(e.Threshold.Valid && e.WeightDecay > 0, "weight_decay", "the optimizer's weight decay of %v adds up to as "+
		"much to the eigenvalues of what it minimizes; lambda_max is without it", e.WeightDecay)
	add(e.Threshold.Valid && e.ClipNorm > 0, "clipped_gradients", "the optimizer clips gradients at norm %v: a "+
		"clipped step is shorter than the edge of stability assumes", e.ClipNorm)
	if g := s.GradDominantShare; g.Valid && g.Value > 0.5 {
		add(true, "dominant_not_progress", "%.3g of the squared gradient lies in %d directions; noise in a narrow "+
			"valley does that too, and it does not say that the loss falls along them (Song et al. 2025)", g.Value,
			len(r.Top))
	}
	return w
}
