package line_test

import (
	"strings"
	"testing"

	"sgdwalk/analyze/line"
)

func bendCodes(r *line.ConnectResult) string {
	var out []string
	for _, w := range r.Warnings {
		out = append(out, w.Code)
	}
	return strings.Join(out, " ")
}

// By default the bend is trained until it has settled. When the training stops earlier, a
// number and a warning say so.
func TestBendIsTrainedUntilItHasSettled(t *testing.T) {
	valley := ring{c: -0.2}
	a, b := valley.ends()
	for _, form := range []line.Form{line.Bezier, line.Polychain} {
		r := connect(t, a, b, valley, line.ConnectOptions{Form: form, LearningRate: 0.02})
		s := &r.Summary
		if !s.Settled || s.Steps < 200 || s.Steps >= 10_000 || !(s.StillFalling.Value < 0.005) ||
			strings.Contains(bendCodes(r), "bend_still_improving") {
			t.Errorf("%s: %+v, %s", form, s, bendCodes(r))
		}
		if best := bestMean(valley, form); s.Curve.Mean.Value > 1.1*best {
			t.Errorf("%s: mean loss %v; the best bend has %v", form, s.Curve.Mean, best)
		}
	}
	r := connect(t, a, b, valley, line.ConnectOptions{LearningRate: 0.002, Steps: 200})
	if s := &r.Summary; s.Settled || s.Steps != 200 || !(s.StillFalling.Value > 0.005) ||
		!strings.Contains(bendCodes(r), "bend_still_improving") {
		t.Errorf("stopped too early: %+v, %s", s, bendCodes(r))
	}
	if r := connect(t, a, b, valley, line.ConnectOptions{Steps: 3}); r.Summary.Settled || r.Summary.Steps != 3 {
		t.Errorf("three steps: %+v", r.Summary)
	}
}
