package path

import (
	"fmt"
	"math"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

// Findings says the path in sentences.
func (s *Summary) Findings() []string {
	out := s.distance()
	out = appendText(out, s.cosines("mini-batch gradients", &s.GradCos, s.GradCosNegativeRatio))
	return appendText(out, s.cosines("updates", &s.UpdateCos, s.UpdateCosNegativeRatio))
}

// distance says how long the path is and how far it came. The length of a path with
// steps that are not recorded is not known.
func (s *Summary) distance() []string {
	switch {
	case s.PathLength.Valid && s.MissingSteps == 0:
		return []string{fmt.Sprintf("%s: path length %.4g, displacement from theta_0 %.4g", analyze.Count(s.Updates, "update"), s.PathLength.Value, s.Displacement.Value)}
	case !s.Displacement.Valid:
		return nil
	}
	out := []string{fmt.Sprintf("%s between steps %d and %d: displacement from the first to the last %.4g", analyze.Count(s.Rows, "row"), s.FirstStep, s.LastStep, s.Displacement.Value)}
	if s.PathLength.Valid {
		are := "are recorded at both ends: their lengths add up to"
		if s.Updates == 1 {
			are = "is recorded at both ends: its length is"
		}
		out = append(out, fmt.Sprintf("%d of the %s %s %.4g", s.Updates, analyze.Count(int(s.LastStep-s.FirstStep), "update"), are, s.PathLength.Value))
	}
	return out
}

// cosines says how much consecutive vectors point alike; empty when there are none.
func (s *Summary) cosines(of string, d *analyze.Distribution, negative record.Optional) string {
	if !d.Mean.Valid {
		return ""
	}
	which := "consecutive " + of
	if s.MissingSteps > 0 || d.Count == 1 {
		which = fmt.Sprintf("%s of consecutive %s", analyze.Count(d.Count, "recorded pair"), of)
	}
	if d.Count == 1 {
		return fmt.Sprintf("%s: cosine %.3f", which, d.Mean.Value)
	}
	return fmt.Sprintf("%s: mean cosine %.3f, %s of the cosines below 0", which, d.Mean.Value, analyze.Percent(negative.Value))
}

// Sentence says how far the walk came; empty when that is not known.
func (s *DiffusionSummary) Sentence() string {
	if !s.Persistence.Valid {
		return ""
	}
	return fmt.Sprintf("from the first iterate to the last the walk came %.3g times as far as independent steps of the same lengths would", math.Sqrt(s.Persistence.Value))
}

// Findings says the noise scale, for each way by which it is known.
func (s *NoiseSummary) Findings() []string {
	var out []string
	if s.NoiseScale.Valid {
		unit := "examples"
		if s.InBatches {
			unit = "batches, whose sizes are not recorded"
		}
		out = append(out, fmt.Sprintf("gradient noise scale from consecutive batches: %.3g %s", s.NoiseScale.Value, unit))
	}
	if s.FullNoiseScale.Valid {
		out = append(out, fmt.Sprintf("gradient noise scale from the run's batches and the whole training set, at %s: %.3g examples", analyze.Count(s.FullRows, "iterate"), s.FullNoiseScale.Value))
	}
	return out
}

func appendText(out []string, text string) []string {
	if text == "" {
		return out
	}
	return append(out, text)
}
