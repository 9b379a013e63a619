package line

import (
	"strings"
	"testing"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

// The findings about the line are tested on both sides of each threshold.
func TestFindings(t *testing.T) {
	yes, no := true, false
	for _, c := range []struct {
		monotone         *bool
		start, end, rise float64
		want             string
	}{
		{&yes, 2, 1, 0, "the loss falls all the way"},
		{&yes, 2, 2, 0, "the loss neither rises nor falls on the way"},
		{&no, 2, 1, 0x1p-22, "the loss rises by up to 2.384e-07 on the way (barrier above the higher end: 0.5)"},
		{&no, 2, 1, 0x1p-22 * 0.99, "which rounding to float32 can cause"},
		{nil, 2, 1, 0, ""},
	} {
		s := LossSummary{
			Monotone: c.monotone, LossStart: record.Some(c.start), LossEnd: record.Some(c.end),
			LargestRise: record.Some(c.rise), BarrierOverEnds: record.Some(0.5),
		}
		if got := s.rise(); !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%q; want %q", got, c.want)
		}
		whole := Summary{Ends: &Ends{From: 3, To: 9, ToRun: "runs/b"}, Line: s}
		if got := analyze.Texts(whole.Findings()); !strings.HasPrefix(got[0],
			"step 3 to step 9 of b, distance 0: loss 2 at the first end") || len(got) == 2 != (c.want != "") {
			t.Errorf("%q", got)
		}
	}
	for path, want := range map[*PathSummary]string{{}: "", {
		MaxResidualRatio: record.Some(0.25),
		MaxResidualStep:  7,
	}: "the path leaves the line by up to 25 % of its length, at step 7"} {
		s := Summary{Path: path}
		if got := strings.Join(analyze.Texts(s.Findings())[1:], "\n"); got != want {
			t.Errorf("%q; want %q", got, want)
		}
	}
}

// The finding and the warning define a barrier in the same way.
func TestCurveBarriers(t *testing.T) {
	s := ConnectSummary{
		Form: Bezier, Steps: 300, Settled: true, Curve: CurveSummary{BarrierEnds: record.Some(0)},
		Straight: CurveSummary{BarrierEnds: record.Some(0.5)},
	}
	if got := s.barriers(); !strings.Contains(got, "has no point above the higher end; the straight line has a "+
		"barrier of 0.5") || strings.Contains(got, "not settled") {
		t.Errorf("%q", got)
	}
	s.Curve.BarrierEnds, s.Settled = record.Optional{}, false
	if got := s.barriers(); !strings.Contains(got, "not finite") || !strings.Contains(got, "had not settled") {
		t.Errorf("%q", got)
	}
}

// The ends are among the options of a result. Without them the summary has none.
func TestDecodeSummary(t *testing.T) {
	for options, want := range map[string]string{`{"from_step": 0, "to_step": 9, "to_run": "x/b"}`: "step 0 to step 9 of b", `{}`: "", ``: "", `[]`: ""} {
		s, err := DecodeSummary([]byte(`{"line": {"distance": 2}}`), []byte(options))
		if err != nil || s.Line.Distance != 2 || s.Ends != nil != (want != "") || s.Ends != nil &&
			s.Ends.String() != want {
			t.Errorf("%s: %+v, %v", options, s, err)
		}
	}
	if _, err := DecodeSummary([]byte(`{"line": 3}`), nil); err == nil {
		t.Error("a number is taken for a line")
	}
}
