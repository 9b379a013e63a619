package walk

import (
	"fmt"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

var _ analyze.Summary = (*Summary)(nil)

// Findings returns the findings of the walk. The floor position is always the mean weighted
// with the curvature, because steps with almost no curvature would dominate a plain mean.
func (s *Summary) Findings() []analyze.Finding {
	var f analyze.Findings
	f.Add(analyze.Detail, "%d segments, steps %d to %d, %d evaluations of the full training loss", s.Segments,
		s.FirstStep, s.LastStep, s.Evaluations)
	if n := s.ZeroSegments + s.UnresolvedSegments + s.NonfiniteSegments; n > 0 {
		f.Add(analyze.Detail, "%d of them have a known floor: %d have length 0, %d change the loss by no more than "+
			"rounding to float32 does, %d have losses that are NaN or infinite", s.Segments-n, s.ZeroSegments,
			s.UnresolvedSegments, s.NonfiniteSegments)
	}
	if s.FloorInteriorRatio.Valid {
		f.Add(analyze.Motion, "%s of the steps have their valley floor strictly inside the step; %s",
			analyze.Percent(s.FloorInteriorRatio.Value), floorPosition(s.FloorPositionWeighted))
	}
	if s.RisesRatio.Valid && s.HeightMean.Mean.Valid {
		f.Add(analyze.Motion, "the loss rises over %s of the steps; the mean height of the iterates above the floor "+
			"is %.3g", analyze.Percent(s.RisesRatio.Value), s.HeightMean.Mean.Value)
	}
	if s.FloorInteriorRatio.Valid {
		f.Add(analyze.Barriers, "barriers along the path (an interior point above both ends): %d of %d segments",
			s.Barriers, s.Segments)
	}
	if e := s.EtaSharpness.Mean; e.Valid {
		f.Add(analyze.Curvature, "along its own steps the loss curves with eta * sharpness = %.4g on average; other "+
			"directions may curve more", e.Value)
	}
	n := &s.Null
	switch {
	case n.Absent != "":
		f.Add(analyze.Noise, "no quadratic null to compare the walk with: %s", n.Absent)
	case n.FloorInteriorRatio.Valid && n.RisesRatio.Valid && n.HeightMean.Mean.Valid:
		f.Add(analyze.Noise, "a stationary walk on a quadratic with this curvature and noise, which has no "+
			"structure: %s interior floors, %s, %s of the steps rise, height %.3g, no barriers; only the differences "+
			"say something about this loss",
			analyze.Percent(n.FloorInteriorRatio.Value), floorPosition(n.FloorPositionWeighted),
			analyze.Percent(n.RisesRatio.Value), n.HeightMean.Mean.Value)
	}
	return f
}

// floorPosition writes the weighted floor position: a stationary walk on a quadratic has
// 1/2, and above 1 the walk stops short of the floor.
func floorPosition(weighted record.Optional) string {
	if !weighted.Valid {
		return "no floor position, because the curvatures along the steps add up to nothing above 0"
	}
	return fmt.Sprintf("floor position s* = %.4g of the step (mean weighted with the curvature)", weighted.Value)
}
