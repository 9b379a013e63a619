package path

import (
	"fmt"
	"math"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

var _ analyze.Summary = (*Summary)(nil)

// Findings returns what the path says.
func (s *Summary) Findings() []analyze.Finding {
	var f analyze.Findings
	s.distance(&f)
	s.cosines(&f, "mini-batch gradients", &s.GradCos, s.GradCosNegativeRatio)
	s.cosines(&f, "updates", &s.UpdateCos, s.UpdateCosNegativeRatio)
	if d := s.Diffusion; d != nil && d.Persistence.Valid {
		f.Add(analyze.Motion, "from the first iterate to the last the walk came %.3g times as far as independent "+
			"steps of the same lengths would", math.Sqrt(d.Persistence.Value))
	}
	for i := range s.Changes {
		s.Changes[i].finding(&f)
	}
	if s.SecondGradients != nil {
		s.SecondGradients.findings(&f)
	}
	if s.Noise != nil {
		s.Noise.findings(&f)
	}
	if s.NonfiniteLosses > 0 {
		f.Add(analyze.Convergent, "%d mini-batch losses are NaN or infinite: the run diverged", s.NonfiniteLosses)
	}
	f.Add(analyze.Recording, "recorded iterates: %d, steps %d to %d; missing steps between them: %d", s.Rows,
		s.FirstStep, s.LastStep, s.MissingSteps)
	return f
}

// distance adds how long the path is and how far from its start it ends. The length of a
// path with missing steps is unknown.
func (s *Summary) distance(f *analyze.Findings) {
	switch {
	case s.PathLength.Valid && s.MissingSteps == 0:
		f.Add(analyze.Motion, "%s: path length %.4g, displacement from theta_0 %.4g", analyze.Count(s.Updates,
			"update"), s.PathLength.Value, s.Displacement.Value)
	case s.Displacement.Valid:
		f.Add(analyze.Motion, "%s between steps %d and %d: displacement from the first to the last %.4g",
			analyze.Count(s.Rows, "row"), s.FirstStep, s.LastStep, s.Displacement.Value)
		if s.PathLength.Valid {
			f.Add(analyze.Motion, "both ends are recorded of %d of the %s: total length %.4g", s.Updates,
				analyze.Count(int(s.LastStep-s.FirstStep), "update"), s.PathLength.Value)
		}
	}
}

// cosines adds how much consecutive vectors point the same way.
func (s *Summary) cosines(f *analyze.Findings, of string, d *analyze.Distribution, negative record.Optional) {
	if !d.Mean.Valid {
		return
	}
	which := "consecutive " + of
	if s.MissingSteps > 0 || d.Count == 1 {
		which = fmt.Sprintf("%s of consecutive %s", analyze.Count(d.Count, "recorded pair"), of)
	}
	if d.Count == 1 {
		f.Add(analyze.Motion, "%s: cosine %.3f", which, d.Mean.Value)
		return
	}
	f.Add(analyze.Motion, "%s: mean cosine %.3f, %s of the cosines below 0, so they %s", which, d.Mean.Value,
		analyze.Percent(negative.Value), turning(negative.Value))
}

// turning says which way consecutive vectors point; below is the share of their cosines
// that are below 0.
func turning(below float64) string {
	switch {
	case below > 0.5:
		return "turn back more often than not"
	case below == 0.5:
		return "turn back as often as not"
	default:
		return "keep their direction more often than not"
	}
}

// findings adds the noise scale, for each way by which it is known.
func (s *NoiseSummary) findings(f *analyze.Findings) {
	if s.NoiseScale.Valid {
		unit := "examples"
		if s.InBatches {
			unit = "batches, whose sizes are not recorded"
		}
		f.Add(analyze.Detail, "gradient noise scale from consecutive batches: %.3g %s", s.NoiseScale.Value, unit)
	}
	if s.FullNoiseScale.Valid {
		f.Add(analyze.Detail, "gradient noise scale from the run's batches and the whole training set, at %s: %.3g "+
			"examples", analyze.Count(s.FullRows, "iterate"), s.FullNoiseScale.Value)
	}
}
