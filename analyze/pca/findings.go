package pca

import (
	"fmt"

	"sgdwalk/analyze"
)

// said is how many directions Findings speaks of.
const said = 3

// Findings says the directions in sentences, each beside a random walk.
func (s *Summary) Findings() []string {
	var out []string
	for i := range min(said, len(s.ExplainedVarianceRatio)) {
		out = append(out, s.direction(i))
	}
	return append(out, s.spread())
}

// direction says what share a direction has. A null has no more directions than its
// rows allow: beyond them its share is 0.
func (s *Summary) direction(i int) string {
	text := fmt.Sprintf("PC%d: %s of the variance", i+1, analyze.Percent(s.ExplainedVarianceRatio[i]))
	if null := s.RandomWalk.ExplainedVarianceRatio; len(null) > 0 {
		share := 0.0
		if i < len(null) {
			share = null[i]
		}
		text += fmt.Sprintf("; a random walk of %s shows %s", analyze.Count(s.Rows, "row"), analyze.Percent(share))
	}
	if c := s.LissajousCorrelation; i < len(c) && c[i].Valid {
		text += fmt.Sprintf("; its scores correlate %.2f with a random walk's", c[i].Value)
	}
	return text
}

func (s *Summary) spread() string {
	text := fmt.Sprintf("participation ratio %.2f", s.ParticipationRatio)
	if len(s.RandomWalk.ExplainedVarianceRatio) > 0 {
		text += fmt.Sprintf(" (random walk %.2f)", s.RandomWalk.ParticipationRatio)
	}
	return text + fmt.Sprintf("; median distance of an iterate from the plane of PC1 and PC2: %s of its distance from the centre", analyze.Percent(s.MedianResidualRatio))
}
