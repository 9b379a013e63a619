package landscape

import (
	"fmt"
	"math"

	"sgdwalk/analyze"
)

var (
	_ analyze.Summary = (*Summary)(nil)
	_ analyze.Summary = (*LinesSummary)(nil)
)

// Findings returns what the landscape says, and how far it can be trusted.
func (s *Summary) Findings() []analyze.Finding {
	var f analyze.Findings
	near := ""
	if s.Planned < s.Cells && s.Planned > 0 {
		near = ", those near contours"
	}
	f.Add(analyze.Detail, "%d of %d grid points evaluated%s; loss from %s to %s", s.Evaluated, s.Cells, near,
		analyze.Number(s.Loss.Min), analyze.Number(s.Loss.Max))
	for _, m := range s.Also {
		f.Add(analyze.Detail, "values of %s from %s to %s", m.Name, analyze.Number(m.Values.Min),
			analyze.Number(m.Values.Max))
	}
	if r := s.Ruggedness; r != nil {
		f.Add(analyze.Detail, "%s", r.text("rows, columns and diagonals"))
		f.Add(analyze.Detail, "the grid has %s", analyze.Count(r.Basins, "basin"))
		if bent := r.NonconvexRatio; bent.Valid {
			f.Add(analyze.Detail, "the loss bends downwards at %s of the points (a convex loss: at none)",
				analyze.Percent(bent.Value))
		}
	}
	plane := s.PlaneOf()
	f.Add(analyze.Trust, "it shows %s", &plane)
	if math.Abs(s.Cosine) > 0.01 {
		f.Add(analyze.Detail, "the directions of the plane are not orthogonal: the cosine between them is %.3g",
			s.Cosine)
	}
	if run, walk, ok := s.PlaneShares(); ok {
		f.Add(analyze.Trust, "the plane holds %s of the variance of the iterates (a random walk: %s)",
			analyze.Percent(run[0]+run[1]), analyze.Percent(walk[0]+walk[1]))
	}
	if s.ResidualRatio.Valid {
		f.Add(analyze.Trust, "the iterates are off the plane by %s of the path's extent on it (median)",
			analyze.Percent(s.ResidualRatio.Value))
	}
	s.between(&f)
	s.agreement(&f)
	if s.PathOutside > 0 {
		f.Add(analyze.Trust, "%d iterates lie outside the grid", s.PathOutside)
	}
	return f
}

// agreement adds how the loss on the plane compares with the loss of the iterates.
func (s *Summary) agreement(f *analyze.Findings) {
	e := s.PlaneErrorRelative
	switch {
	case !e.Valid && s.PathRows == 0:
		f.Add(analyze.Trust, "it shows the loss around one point; the path was not projected onto it")
		return
	case !e.Valid:
		f.Add(analyze.Trust, "the loss on the plane was not compared with the loss at the iterates")
		return
	}
	verdict := "contours near the path can be trusted"
	if s.isMisleading() {
		verdict = "trust the shape, not the loss under the path"
	}
	f.Add(analyze.Trust, "the loss on the plane differs from the loss at the iterate by %s (median of %d): %s",
		analyze.Percent(e.Value), s.Compared, verdict)
	if plane, truth := s.LastPlaneLoss, s.LastTrueLoss; plane.Valid && truth.Valid {
		f.Add(analyze.Trust, "the last iterate has the loss %.4g, and the plane under it %.4g", truth.Value,
			plane.Value)
	}
}

// isMisleading reports whether the loss on the plane differs so much from the loss at the
// iterates that the contours do not show the loss along the path.
func (s *Summary) isMisleading() bool {
	return s.PlaneErrorRelative.Valid && s.PlaneErrorRelative.Value > planeErrorLimit
}

// PlaneOf returns how the plane was chosen. A result of an older version does not say it;
// when such a result has principal directions, they are the first two.
func (s *Summary) PlaneOf() PlaneRecipe {
	switch {
	case s.Plane != nil:
		return *s.Plane
	case s.Directions != nil:
		return PlaneRecipe{Kind: PrincipalPlane, Directions: []string{"pc1", "pc2"}}
	}
	return PlaneRecipe{}
}

// PlaneShares returns the explained variance ratios of the two principal directions of the
// plane, and the ratios of a random walk. A ratio of the random walk is 0 when it has no such
// direction. ok is false for a plane without principal directions.
func (s *Summary) PlaneShares() (run, walk [2]float64, ok bool) {
	plane := s.PlaneOf()
	if s.Directions == nil || plane.Kind != PrincipalPlane {
		return run, walk, false
	}
	shares, null := s.Directions.ExplainedVarianceRatio, s.Directions.RandomWalk.ExplainedVarianceRatio
	for i := range run {
		k := 0
		if _, err := fmt.Sscanf(plane.Direction(i), "PC%d", &k); err != nil || k < 1 || k > len(shares) {
			return run, walk, false
		}
		run[i] = shares[k-1]
		if k <= len(null) {
			walk[i] = null[k-1]
		}
	}
	return run, walk, true
}

// Findings returns what the lines say.
func (s *LinesSummary) Findings() []analyze.Finding {
	var f analyze.Findings
	f.Add(analyze.Detail, "%d random lines of %d points, %s, through %s; loss %s there, %s to %s on them",
		s.Lines, s.X.N, s.Plane.LengthText(), s.Plane.Origin, analyze.Number(s.LossAtOrigin),
		analyze.Number(s.Loss.Min), analyze.Number(s.Loss.Max))
	if at, low := s.LossAtOrigin, s.Loss.Min; at.Valid && low.Valid {
		if low.Value < at.Value {
			f.Add(analyze.Detail, "the lowest point of the lines is %.4g below the point that they go through",
				at.Value-low.Value)
		} else {
			f.Add(analyze.Detail, "no line has a lower loss than the point that they go through")
		}
	}
	if s.SpreadRatio.Valid {
		f.Add(analyze.Detail, "the lines differ by %s of their mean rise (median over the points): one such picture "+
			"is that much chance", analyze.Percent(s.SpreadRatio.Value))
	}
	if w := s.Width; w.Count > 0 {
		f.Add(analyze.Detail, "the loss is at most %d above the point's on a width of %s (mean of %s; sd %s)", widthRise,
			analyze.Number(w.Mean), analyze.Count(w.Count, "line"), analyze.Number(w.SD))
	}
	if s.Ruggedness != nil {
		f.Add(analyze.Detail, "%s", s.Ruggedness.text("lines"))
	}
	return f
}

// text describes the humps of the lines in a sentence.
func (h *Humps) text(lines string) string {
	return fmt.Sprintf("the loss rises and falls again on %s of the %d %s (a convex loss: on none); its %s "+
		"%.2g times the number of humps of independent losses",
		analyze.Percent(h.HumpedRatio.Value), h.Lines, lines, plural(h.Humps), h.HumpDensity.Value)
}

// plural returns the number of humps with the verb.
func plural(humps int) string {
	if humps == 1 {
		return "1 hump is"
	}
	return fmt.Sprintf("%d humps are", humps)
}
