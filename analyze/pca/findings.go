package pca

import (
	"fmt"

	"sgdwalk/analyze"
)

var _ analyze.Summary = (*Summary)(nil)

// maxFound is the number of directions that Findings names.
const maxFound = 3

// Findings returns what the directions say, each compared with a random walk.
func (s *Summary) Findings() []analyze.Finding {
	var f analyze.Findings
	for i := range min(maxFound, len(s.ExplainedVarianceRatio)) {
		question := analyze.Detail
		if i == 0 {
			question = analyze.Noise
		}
		f.Add(question, "%s", s.direction(i))
	}
	text := fmt.Sprintf("participation ratio %.2f", s.ParticipationRatio)
	if len(s.RandomWalk.ExplainedVarianceRatio) > 0 {
		text += fmt.Sprintf(" (random walk %.2f)", s.RandomWalk.ParticipationRatio)
	}
	f.Add(analyze.Detail, "%s; median distance of an iterate from the plane of PC1 and PC2: %s of its distance from "+
		"the centre", text, analyze.Percent(s.MedianResidualRatio))
	return f
}

// direction says what share a direction has. A null has no more directions than its rows
// allow: beyond them its share is 0.
func (s *Summary) direction(i int) string {
	text := fmt.Sprintf("PC%d: %s of the variance", i+1, analyze.Percent(s.ExplainedVarianceRatio[i]))
	if null := s.RandomWalk.ExplainedVarianceRatio; len(null) > 0 {
		share := 0.0
		if i < len(null) {
			share = null[i]
		}
		text += fmt.Sprintf("; a random walk of %s shows %s", analyze.Count(s.Rows, "row"), analyze.Percent(share))
	}
	if r := s.Surrogates; r != nil && i < len(r.SignFlips) {
		text += fmt.Sprintf("; the run's own updates with random signs show %s to %s",
			analyze.Percent(r.SignFlips[i].Low), analyze.Percent(r.SignFlips[i].High))
	}
	if c := s.LissajousCorrelation; i < len(c) && c[i].Valid {
		text += fmt.Sprintf("; its scores correlate %.2f with a random walk's", c[i].Value)
	}
	return text
}
