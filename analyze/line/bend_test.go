package line_test

import (
	"strings"
	"testing"

	"sgdwalk/analyze/line"
	"sgdwalk/record"
)

func bendCodes(r *line.ConnectResult) string {
	var out []string
	for _, w := range r.Warnings {
		out = append(out, w.Code)
	}
	return strings.Join(out, " ")
}

// By default the bend is trained until it has settled; one that is stopped before
// says so, in a number, in the sentence and as a warning.
func TestBendIsTrainedUntilItHasSettled(t *testing.T) {
	valley := ring{c: -0.2}
	a, b := valley.ends()
	for _, form := range []line.Form{line.Bezier, line.Polychain} {
		r := connect(t, a, b, valley, line.ConnectOptions{Form: form, LearningRate: 0.02})
		s := &r.Summary
		if !s.Settled || s.Steps < 200 || s.Steps >= 10_000 || !(s.StillFalling.Value < 0.005) || strings.Contains(bendCodes(r), "bend_still_improving") || strings.Contains(s.Sentence(), "not settled") {
			t.Errorf("%s: %+v, %s", form, s, bendCodes(r))
		}
		if best := bestMean(valley, form); s.Curve.Mean.Value > 1.1*best {
			t.Errorf("%s: mean loss %v; the best bend has %v", form, s.Curve.Mean, best)
		}
	}
	r := connect(t, a, b, valley, line.ConnectOptions{LearningRate: 0.002, Steps: 200})
	if s := &r.Summary; s.Settled || s.Steps != 200 || !(s.StillFalling.Value > 0.005) || !strings.Contains(bendCodes(r), "bend_still_improving") || !strings.Contains(s.Sentence(), "had not settled") {
		t.Errorf("stopped too early: %+v, %s", s, bendCodes(r))
	}
	if r := connect(t, a, b, valley, line.ConnectOptions{Steps: 3}); r.Summary.Settled || r.Summary.Steps != 3 {
		t.Errorf("three steps: %+v", r.Summary)
	}
}

// One definition of a barrier in the sentence and in the warning.
func TestConnectSentence(t *testing.T) {
	s := line.ConnectSummary{Form: line.Bezier, Steps: 300, Settled: true, Curve: line.CurveSummary{BarrierEnds: record.Some(0)}, Straight: line.CurveSummary{BarrierEnds: record.Some(0.5)}}
	if got := s.Sentence(); !strings.Contains(got, "has no point above the higher end; the straight line has a barrier of 0.5") {
		t.Errorf("%q", got)
	}
	s.Curve.BarrierEnds = record.Optional{}
	if got := s.Sentence(); !strings.Contains(got, "not finite") {
		t.Errorf("%q", got)
	}
}
