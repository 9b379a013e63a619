package line

import (
	"strings"
	"testing"

	"sgdwalk/record"
)

// What is said of the way between the ends, on both sides of each threshold.
func TestFindings(t *testing.T) {
	yes, no := true, false
	for _, c := range []struct {
		monotone         *bool
		start, end, rise float64
		want             string
	}{
		{&yes, 2, 1, 0, "the loss falls all the way"},
		{&yes, 2, 2, 0, "the loss does not rise on the way, and does not fall"},
		{&no, 2, 1, 0x1p-22, "the loss rises by up to 2.384e-07 on the way (barrier over the higher end: 0.5)"},
		{&no, 2, 1, 0x1p-22 * 0.99, "which is less than rounding to float32 can make"},
		{nil, 2, 1, 0, ""},
	} {
		s := Summary{Monotone: c.monotone, LossStart: record.Some(c.start), LossEnd: record.Some(c.end), LargestRise: record.Some(c.rise), BarrierOverEnds: record.Some(0.5)}
		if got := s.way(); !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%q; want %q", got, c.want)
		}
		if got := s.Findings(3, 9); !strings.HasPrefix(got[0], "step 3 to step 9, distance 0: loss 2 at the one end") || len(got) == 2 != (c.want != "") {
			t.Errorf("%q", got)
		}
	}
	if got := (&PathSummary{}).Sentence(); got != "" {
		t.Errorf("unknown: %q", got)
	}
	if got := (&PathSummary{MaxResidualRatio: record.Some(0.25), MaxResidualStep: 7}).Sentence(); got != "the path leaves the line by up to 25 % of its length, at step 7" {
		t.Errorf("%q", got)
	}
}
