package curvature

import (
	"encoding/json"
	"fmt"

	"sgdwalk/analyze"
)

var (
	_ analyze.Summary = (*Summary)(nil)
	_ analyze.Summary = (*RunSummary)(nil)
	_ analyze.Summary = (*FisherSummary)(nil)
)

// DecodeSummary decodes the summary of a result of the analysis curvature: a *RunSummary
// of several iterates, a *FisherSummary of the empirical Fisher matrix, and otherwise a
// *Summary.
func DecodeSummary(text []byte) (analyze.Summary, error) {
	var kind struct {
		Rows   *json.RawMessage `json:"rows"`
		Matrix Matrix           `json:"matrix"`
	}
	if err := json.Unmarshal(text, &kind); err != nil {
		return nil, err
	}
	var s analyze.Summary = new(Summary)
	switch {
	case kind.Rows != nil:
		s = new(RunSummary)
	case kind.Matrix == FisherMatrix:
		s = new(FisherSummary)
	}
	return s, json.Unmarshal(text, s)
}

// Findings returns what the eigenvalues at one iterate say.
func (s *Summary) Findings() []analyze.Finding {
	var f analyze.Findings
	f.Add(analyze.Curvature, "%s at step %d: lambda_max %s, lambda_min %s, trace %s (%d products, %d of the "+
		"eigenpairs converged)",
		s.Matrix.Name(), s.AtStep, analyze.Number(s.LambdaMax), analyze.Number(s.LambdaMin),
		analyze.Number(s.Trace.Mean), s.Products, s.Converged)
	if low, high := s.LambdaMin, s.LambdaMax; low.Valid && high.Valid && low.Value < 0 && high.Value > 0 {
		f.Add(analyze.Curvature, "the loss curves down in some direction, %s as much as it curves up in the steepest "+
			"one", analyze.Percent(-low.Value/high.Value))
	}
	addMethod(&f, s.ProductMethod)
	f.Add(analyze.Curvature, "%s", s.Stability.standing())
	if s.GradDominantShare.Valid {
		f.Add(analyze.Detail, "%s of the gradient's squared length is in the space of the top %d eigenvectors; of a "+
			"random vector's %s",
			analyze.Percent(s.GradDominantShare.Value), len(s.Top), analyze.Percent(s.RandomDominantShare))
	}
	return f
}

// Findings returns what the eigenvalues along the run say.
func (s *RunSummary) Findings() []analyze.Finding {
	var f analyze.Findings
	f.Add(analyze.Curvature, "%d iterates, steps %d to %d: lambda_max from %s to %s, mean %s; eta lambda_max at most "+
		"%s, mean %s", s.Rows, s.FirstStep, s.LastStep,
		analyze.Number(s.LambdaMax.Min), analyze.Number(s.LambdaMax.Max), analyze.Number(s.LambdaMax.Mean),
		analyze.Number(s.EtaLambdaMax.Max), analyze.Number(s.EtaLambdaMax.Mean))
	addMethod(&f, s.ProductMethod)
	if text := s.Stability.standing(); text != "" {
		f.Add(analyze.Curvature, "at the last iterate, step %d: %s", s.LastStep, text)
	}
	if n := s.LanczosProducts; n.Count > 0 {
		f.Add(analyze.Detail, "the eigenvalues of a step took %s products on average (%s to %s)",
			analyze.Number(n.Mean), analyze.Number(n.Min), analyze.Number(n.Max))
	}
	if c := s.CriticalSharpness; c.Count > 0 {
		f.Add(analyze.Detail, "critical sharpness along the updates, 2/eta_c: %s on average (%d of %d iterates have "+
			"one)", analyze.Number(c.Mean), c.Count, s.Rows)
	}
	for _, share := range []struct {
		of string
		d  *analyze.Distribution
	}{{"full gradients'", &s.GradDominantShare}, {"updates'", &s.UpdateDominantShare}} {
		if share.d.Mean.Valid {
			f.Add(analyze.Detail, "%s of the %s squared length is in the space of the top %d eigenvectors (mean); of "+
				"a random vector's %s",
				analyze.Percent(share.d.Mean.Value), share.of, s.Top, analyze.Percent(s.RandomDominantShare))
		}
	}
	return f
}

// Findings returns what the recorded gradients say.
func (s *FisherSummary) Findings() []analyze.Finding {
	var f analyze.Findings
	f.Add(analyze.Curvature, "empirical Fisher matrix around step %d, from %d mini-batch gradients of %s (steps %d "+
		"to %d): lambda_max %s, trace %s, rank %d of at most %d",
		s.Step, s.Gradients, s.Batches(), s.FirstStep, s.LastStep, analyze.Number(s.LambdaMax),
		analyze.Number(s.Trace.Mean), s.Rank, min(s.Gradients, s.Parameters))
	if m := s.MeanGradientShare; m.Valid {
		f.Add(analyze.Detail, "the mean gradient is %s of the trace; with noise alone it is %s on average",
			analyze.Percent(m.Value), analyze.Percent(1/float64(s.Gradients)))
	}
	f.Add(analyze.Curvature, "the empirical Fisher matrix is not the Hessian: no edge of stability applies")
	return f
}

// addMethod adds how products were made, unless they are exact. A result of an older
// version does not say it.
func addMethod(f *analyze.Findings, method string) {
	if method != Exact && method != "" {
		f.Add(analyze.Curvature, "curvature is from %s", method)
	}
}

// atEdge is the distance from the edge of stability, as a share of it, up to which a run
// counts as being at it.
const atEdge = 0.05

// standing writes where a run is; ratio is eta lambda_max over the edge of stability.
func standing(ratio float64) string {
	switch {
	case ratio > 1+atEdge:
		return fmt.Sprintf("above it, at %.3g %% of it", 100*ratio)
	case ratio >= 1-atEdge:
		return fmt.Sprintf("at it (%.3g %% of it)", 100*ratio)
	case ratio <= 0:
		return "below it: the loss curves up in no direction"
	default:
		return fmt.Sprintf("below it, at %.3g %% of it", 100*ratio)
	}
}

// standing writes where the run is relative to the edge of stability, or why that is
// unknown; it is empty when nothing is known of the optimizer.
func (s *Stability) standing() string {
	eta, of := s.EtaLambdaMax, "eta lambda_max"
	if s.Preconditioned != nil {
		eta, of = s.EtaPreconditionedLambdaMax, "eta lambda_max of the preconditioned Hessian"
		if s.AscentRadius > 0 {
			of = "eta lambda_max of the preconditioned H + (rho/|g|) H^2"
		}
	}
	at := fmt.Sprintf("%.3g", s.Threshold.Value)
	if s.AscentRadius > 0 && s.Preconditioned == nil {
		at += " for a gradient of this length"
	}
	switch {
	case s.LearningRateAbsent != "":
		return "no learning rate to multiply lambda_max with: " + s.LearningRateAbsent
	case s.Threshold.Valid && eta.Valid:
		return fmt.Sprintf("%s is %.4g (eta %v); the edge of stability of %s is at %s: the run is %s", of, eta.Value,
			s.LearningRate.Value, s.Optimizer, at, standing(eta.Value/s.Threshold.Value))
	case s.EtaLambdaMax.Valid && s.Optimizer != "":
		return fmt.Sprintf("eta lambda_max is %.4g (eta %v); no edge of stability to compare with: %s",
			s.EtaLambdaMax.Value, s.LearningRate.Value, s.ThresholdAbsent)
	}
	return ""
}
