package curvature

import (
	"math"
	"strings"
	"testing"

	"sgdwalk/record"
)

// What is said of the edge, on both sides of each threshold.
func TestStanding(t *testing.T) {
	for _, c := range []struct {
		ratio float64
		want  string
	}{
		{0, "no direction"},
		{0.8, "below it, at 80 %"},
		{math.Nextafter(0.95, 0), "below it"},
		{0.95, "at it"},
		{1, "at it"},
		{1.05, "at it"},
		{math.Nextafter(1.05, 2), "above it"},
		{1.2, "above it, at 120 %"},
	} {
		if got := standing(c.ratio); !strings.HasPrefix(got, strings.Split(c.want, ",")[0]) &&
			!strings.Contains(got, c.want) || c.ratio != 0 && !strings.HasPrefix(got, c.want) {
			t.Errorf("%v: %q; want %q", c.ratio, got, c.want)
		}
	}
	s := Stability{
		Optimizer: "sgd", LearningRateAbsent: "the learning rate of the update of step 9 is 0",
		EtaLambdaMax: record.Some(1), Threshold: record.Some(2),
	}
	if text := s.standing(); !strings.Contains(text, "step 9 is 0") || strings.Contains(text, "edge") {
		t.Errorf("without a rate: %q", text)
	}
}
