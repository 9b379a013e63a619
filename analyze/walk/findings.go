package walk

import (
	"fmt"

	"sgdwalk/record"
)

// Findings says the walk in sentences. The floor position is the weighted one in all
// of them: the mean over steps is decided by steps that hardly bend.
func (s *Summary) Findings() []string {
	out := []string{fmt.Sprintf("%d segments, steps %d to %d, %d evaluations of the full training loss", s.Segments, s.FirstStep, s.LastStep, s.Evaluations)}
	if n := s.ZeroSegments + s.UnresolvedSegments + s.NonfiniteSegments; n > 0 {
		out = append(out, fmt.Sprintf("%d of them have a floor that can be told: %d have length 0, %d do not change the loss by more than rounding to float32 does, %d have losses that are NaN or infinite", s.Segments-n, s.ZeroSegments, s.UnresolvedSegments, s.NonfiniteSegments))
	}
	if s.FloorInteriorRatio.Valid {
		out = append(out, percent(s.FloorInteriorRatio.Value)+" of the steps have their valley floor strictly inside the step; "+floorSentence(s.FloorPositionWeighted))
	}
	if s.RisesRatio.Valid && s.HeightMean.Mean.Valid {
		out = append(out, fmt.Sprintf("the loss rises over %s of the steps; the iterates ride at a mean height of %.3g above the floor", percent(s.RisesRatio.Value), s.HeightMean.Mean.Value))
	}
	if s.FloorInteriorRatio.Valid {
		out = append(out, fmt.Sprintf("barriers (an interior point above both ends): %d of %d segments", s.Barriers, s.Segments))
	}
	n := &s.Null
	switch {
	case n.Absent != "":
		out = append(out, "no quadratic null to compare with: "+n.Absent)
	case n.FloorInteriorRatio.Valid && n.RisesRatio.Valid && n.HeightMean.Mean.Valid:
		out = append(out, fmt.Sprintf("a stationary walk on a quadratic with this curvature and noise, which has no structure: %s interior floors, %s, %s of the steps rise, height %.3g, no barriers", percent(n.FloorInteriorRatio.Value), floorSentence(n.FloorPositionWeighted), percent(n.RisesRatio.Value), n.HeightMean.Mean.Value))
	}
	return out
}

// floorSentence says the weighted floor position: 1/2 is what a stationary walk on a
// quadratic has, and above 1 the walk stops short of the floor.
func floorSentence(weighted record.Optional) string {
	if !weighted.Valid {
		return "no floor position, because the curvature along the steps adds up to nothing above 0"
	}
	return fmt.Sprintf("floor position s* = %.3g of the step (mean weighted with the curvature)", weighted.Value)
}

// percent writes a share for a reader.
func percent(share float64) string { return fmt.Sprintf("%.3g %%", 100*share) }
