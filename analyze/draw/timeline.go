package draw

import (
	"math"

	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/result"
	"sgdwalk/record"
)

// Mark marks the epochs and the learning rates of the run in the figures over its steps, when
// the result has its table timeline.
func Mark(list []Named, s *result.Saved) error {
	l := &loader{Saved: s}
	var t record.Table
	if !l.optional("timeline", &t, "step", "epoch", "learning_rate") {
		return l.err
	}
	marks := Timeline(&t)
	for i := range list {
		list[i].Figure = figure.Marked(list[i].Figure, marks)
	}
	return nil
}

// Timeline returns the epochs and the learning rates of a run for [figure.Marked], from a table
// with the columns step, epoch and learning_rate: analyze.Timeline, or the table of the path.
func Timeline(t *record.Table) figure.Timeline {
	var out figure.Timeline
	epochs, rates := t.Column("epoch").Ints, Values(t, "learning_rate")
	for i, step := range t.Column("step").Ints {
		if i == 0 || epochs[i] != epochs[i-1] {
			out.Epochs = append(out.Epochs, figure.EpochStart{Step: step, Epoch: epochs[i]})
		}
		if rates == nil || math.IsNaN(rates[i]) {
			continue
		}
		if n := len(out.Rates); n == 0 || out.Rates[n-1].Rate != rates[i] {
			out.Rates = append(out.Rates, figure.RateChange{Step: step, Rate: rates[i]})
		}
	}
	return out
}
