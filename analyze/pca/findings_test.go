package pca

import (
	"strings"
	"testing"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

// Three directions at most, and a null where there is one.
func TestFindings(t *testing.T) {
	s := Summary{Rows: 3, ExplainedVarianceRatio: []float64{0.6, 0.2, 0.1, 0.1}, ParticipationRatio: 2}
	got := analyze.Texts(s.Findings())
	if text := strings.Join(got, "\n"); len(got) != 4 || got[0] != "PC1: 60 % of the variance" ||
		strings.Contains(text, "random walk") || strings.Contains(text, "PC4") {
		t.Errorf("without a null: %q", got)
	}
	s.ExplainedVarianceRatio = s.ExplainedVarianceRatio[:3]
	s.RandomWalk = Null{ExplainedVarianceRatio: []float64{0.75, 0.25}, ParticipationRatio: 1.6}
	s.LissajousCorrelation = []record.Optional{record.Some(0.5)}
	got = analyze.Texts(s.Findings())
	for i, want := range []string{
		"PC1: 60 % of the variance; a random walk of 3 rows shows 75 %; its scores correlate 0.50 with a random walk's",
		"PC2: 20 % of the variance; a random walk of 3 rows shows 25 %",
		"PC3: 10 % of the variance; a random walk of 3 rows shows 0 %",
		"participation ratio 2.00 (random walk 1.60); median distance of an iterate from the plane of PC1 and PC2: 0 " +
			"% of its distance from the centre",
	} {
		if got[i] != want {
			t.Errorf("%q; want %q", got[i], want)
		}
	}
}
