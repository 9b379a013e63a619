package report

import (
	"fmt"

	"sgdwalk/analyze"
	"sgdwalk/analyze/average"
	"sgdwalk/record"
)

// averageSection describes a result of the analysis average.
func averageSection(a *average.Summary, s *section) {
	gains := newTable(fmt.Sprintf("Means over %s from step %d on", analyze.Count(a.MeansSteps, "step"), a.MeansFrom),
		"average", "loss of the iterate", "of the average", "gain", "of a noisy bowl, less the lag", "more than that (95 %)")
	for _, g := range a.Averages {
		if g.Steps == 0 {
			continue
		}
		excess := "not known"
		if i := g.ExcessInterval; i.Low.Valid {
			excess = short(i.Low.Value) + " to " + short(i.High.Value)
		}
		gains.add(g.Name, optional(g.IterateLoss), optional(g.Loss), optional(g.Gain),
			optional(record.Optional{Value: g.NullGain.Value - g.Lag.Value, Valid: g.NullGain.Valid}), excess)
	}
	branches := newTable("Branches whose learning rate decays to 0", "from step", "to step", "loss at the start",
		"at the end of the branch", "of the run there", "of the mean of these steps")
	for _, b := range a.Branches {
		branches.add(count(b.From), count(b.End), optional(b.StartLoss), optional(b.Loss), optional(b.IterateLoss),
			optional(b.AverageLoss))
	}
	s.Tables = []table{gains, branches}
	s.Reading = []string{
		"A gain is the loss of the iterate minus the loss of its average: how high the iterate is above the floor of its " +
			"valley. Every stationary walk with noise has such a height, also in a plain bowl: compare it with the column " +
			"of the noisy bowl.",
		"A long average has older iterates. While the loss still falls, it lags behind, and its gain becomes negative.",
		"The lowest of many averages was chosen after the losses were seen. Choose a length on other data than those " +
			"that judge it.",
	}
}
