package average

import (
	"slices"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/record"
)

// Summary has the numbers of the averages along a run.
type Summary struct {
	Iterates  int   `json:"iterates"` // of the recording
	FirstStep int64 `json:"first_step"`
	LastStep  int64 `json:"last_step"`
	Steps     int   `json:"steps"` // at which the loss was evaluated, those of branches included

	// At the last evaluated step: the loss of the iterate, and the average with the lowest loss.
	AtStep      int64           `json:"at_step"`
	IterateLoss record.Optional `json:"iterate_loss"`
	Lowest      string          `json:"lowest"` // empty when no average has a finite loss
	LowestLoss  record.Optional `json:"lowest_loss"`

	// MeansFrom is the first step that enters the means of Averages: the first one in the second
	// half of the recording or, if no evaluated step is there, of all.
	MeansFrom  int64 `json:"means_from"`
	MeansSteps int   `json:"means_steps"`
	// Descent is the fall of the iterates' loss per step over the steps of the means, by least
	// squares, and its standard error.
	Descent      record.Optional `json:"descent"`
	DescentError record.Optional `json:"descent_error"`
	// Averages are the rows of the table of gains. Best is the index of the one with the largest
	// mean gain among those that exist at all steps of the means; -1 for none.
	Averages []Gain `json:"averages"`
	Best     int    `json:"best"`

	Branches []Branch `json:"branches"`

	// NullAbsent is the reason why there is no null; empty when there is one.
	NullAbsent string `json:"null_absent"`
	// Passes is the number of times that the recording was read.
	Passes          int `json:"passes"`
	NonfiniteLosses int `json:"nonfinite_losses"` // of iterates, averages and branches
}

// Gain has the means of one average. A value is absent when no step has it, and an interval
// with fewer than 8 steps.
type Gain struct {
	Name        string           `json:"name"`
	Average     Average          `json:"average"`
	Steps       int              `json:"steps"` // with finite losses
	IterateLoss record.Optional  `json:"iterate_loss"`
	Loss        record.Optional  `json:"loss"`
	Gain        record.Optional  `json:"gain"`
	Interval    analyze.Interval `json:"gain_interval"`
	// NullGain is the gain of the same average in a stationary walk on a quadratic.
	NullGain     record.Optional  `json:"null_gain"`
	NullInterval analyze.Interval `json:"null_interval"`
	// Lag is what a steady fall of the loss takes from the gain, compared with the null.
	Lag record.Optional `json:"lag"`
	// Excess is the mean of gain - (null gain - lag) over the steps that have both. Its interval
	// includes the uncertainty of the fall.
	Excess         record.Optional  `json:"excess"`
	ExcessInterval analyze.Interval `json:"excess_interval"`
}

// Branch compares a training run with a decaying learning rate with the average of the same
// number of steps of the recorded run. Values of the recorded run are absent when its iterate
// of the step is not recorded.
type Branch struct {
	From        int64           `json:"from_step"`
	End         int64           `json:"end_step"`
	Decay       string          `json:"decay"`
	StartLoss   record.Optional `json:"start_loss"`   // of the iterate at From
	Loss        record.Optional `json:"branch_loss"`  // at the end of the branch
	IterateLoss record.Optional `json:"iterate_loss"` // of the recorded run's iterate at End
	AverageLoss record.Optional `json:"average_loss"` // of the mean of its iterates after From up to End
	Lowest      string          `json:"lowest"`       // average with the lowest loss at End
	LowestLoss  record.Optional `json:"lowest_loss"`
	// ReachedRatio is the gain of the mean divided by that of the branch, both against the iterate
	// at End. It is absent unless the branch has a gain above 0.
	ReachedRatio record.Optional `json:"reached_ratio"`
}

// normal95 is the half width of a 95 % interval in standard errors.
const normal95 = 1.96

// summarize fills in the summary and the tables of gains and branches.
func (j *Job) summarize(r *Result, rows []averageRow, f *found) {
	s := &r.Summary
	last := j.list[len(j.list)-1]
	*s = Summary{
		Iterates: len(j.list), FirstStep: j.list[0].step, LastStep: last.step, Steps: len(f.iterates),
		NullAbsent: j.nullAbsent, Passes: len(j.groups), Best: -1,
	}
	for _, row := range rows {
		if !isFinite(row.Loss) {
			s.NonfiniteLosses++
		}
	}
	j.atLast(s, rows)
	j.means(r, rows)
	j.branches(r, rows, f)
}

// atLast fills in the numbers of the last evaluated step.
func (j *Job) atLast(s *Summary, rows []averageRow) {
	for _, row := range rows {
		if row.Scheme == string(Iterate) {
			s.AtStep, s.IterateLoss = row.Step, record.Some(row.Loss)
		}
	}
	s.Lowest, s.LowestLoss = lowest(rows, s.AtStep)
}

// lowest returns the average with the lowest loss at a step.
func lowest(rows []averageRow, step int64) (name string, loss record.Optional) {
	for _, row := range rows {
		if row.Step == step && row.Scheme != string(Iterate) && isFinite(row.Loss) && !(loss.Valid && loss.Value <= row.Loss) {
			name, loss = row.Average, record.Some(row.Loss)
		}
	}
	return name, loss
}

// means fills in the means over the later steps.
func (j *Job) means(r *Result, rows []averageRow) {
	s := &r.Summary
	middle := s.FirstStep + (s.LastStep-s.FirstStep+1)/2
	s.MeansFrom = -1
	steps := 0
	chosen := make(map[int64]bool)
	for _, m := range j.chosen {
		step := j.list[m].step
		chosen[step] = true
		if step >= middle {
			if steps++; s.MeansFrom < 0 {
				s.MeansFrom = step
			}
		}
	}
	if steps == 0 {
		s.MeansFrom, steps = j.list[j.chosen[0]].step, len(j.chosen)
	}
	s.MeansSteps = steps
	// The marks of branches were not chosen to describe the run.
	rows = slices.DeleteFunc(slices.Clone(rows), func(r averageRow) bool {
		return r.Step < s.MeansFrom || !chosen[r.Step]
	})
	iterate := make(map[int64]float64)
	for _, row := range rows {
		if row.Scheme == string(Iterate) {
			iterate[row.Step] = row.Loss
		}
	}
	var x, y []float64
	for _, row := range rows {
		if row.Scheme == string(Iterate) && isFinite(row.Loss) {
			x, y = append(x, float64(row.Step)), append(y, row.Loss)
		}
	}
	s.Descent, s.DescentError = slope(x, y)
	s.Descent.Value *= -1
	var table []gainRow
	for k, a := range j.opts.Averages {
		g, line := j.gain(s, k, a, rows, iterate)
		s.Averages, table = append(s.Averages, g), append(table, line)
		if g.Steps == s.MeansSteps && (s.Best < 0 || g.Gain.Value > s.Averages[s.Best].Gain.Value) {
			s.Best = k
		}
	}
	r.Gains = column.Of(table)
}

// gain returns the means of average k. iterate has the loss of the iterate of each step.
func (j *Job) gain(s *Summary, k int, a Average, rows []averageRow, iterate map[int64]float64) (Gain, gainRow) {
	g := Gain{Name: a.String(), Average: a}
	line := gainRow{Average: g.Name, Scheme: string(a.Scheme)}
	var own, losses, gains, nulls, lags, excess []float64
	positive := 0
	for _, row := range rows {
		if row.Average != g.Name || !row.Gain.Valid {
			continue
		}
		line.Effective = row.Effective
		own, losses, gains = append(own, iterate[row.Step]), append(losses, row.Loss), append(gains, row.Gain.Value)
		if row.Gain.Value > 0 {
			positive++
		}
		if row.NullGain.Valid && isFinite(row.NullGain.Value) {
			lag := row.Age * a.lagShare(row.Iterates)
			nulls, lags = append(nulls, row.NullGain.Value), append(lags, lag)
			excess = append(excess, row.Gain.Value-row.NullGain.Value+lag*s.Descent.Value)
		}
	}
	seed := func(of int) uint64 { return uint64(3*k + of) }
	g.Steps = len(gains)
	g.IterateLoss, _ = mean(own, j.opts.Seed, 0)
	g.Loss, _ = mean(losses, j.opts.Seed, 0)
	g.Gain, g.Interval = mean(gains, j.opts.Seed, seed(0))
	g.NullGain, g.NullInterval = mean(nulls, j.opts.Seed, seed(1))
	g.Excess, g.ExcessInterval = mean(excess, j.opts.Seed, seed(2))
	if lag, _ := mean(lags, j.opts.Seed, 0); lag.Valid {
		g.Lag = record.Optional{Value: lag.Value * s.Descent.Value, Valid: s.Descent.Valid}
		wider := normal95 * lag.Value * s.DescentError.Value
		g.ExcessInterval.Low.Value -= wider
		g.ExcessInterval.High.Value += wider
	}
	line.Steps, line.IterateLoss, line.Loss, line.Gain = g.Steps, g.IterateLoss, g.Loss, g.Gain
	line.GainLow, line.GainHigh = g.Interval.Low, g.Interval.High
	line.NullGain, line.NullLow, line.NullHigh = g.NullGain, g.NullInterval.Low, g.NullInterval.High
	line.Lag = g.Lag
	line.Excess, line.ExcessLow, line.ExcessHigh = g.Excess, g.ExcessInterval.Low, g.ExcessInterval.High
	if g.Steps > 0 {
		line.PositiveRatio = record.Some(float64(positive) / float64(g.Steps))
	}
	return g, line
}

// branches fills in the comparisons with branches.
func (j *Job) branches(r *Result, rows []averageRow, f *found) {
	at := func(step int64, name string) record.Optional {
		for _, row := range rows {
			if row.Step == step && row.Average == name {
				return record.Some(row.Loss)
			}
		}
		return record.Optional{}
	}
	difference := func(a, b record.Optional) record.Optional {
		return record.Optional{Value: a.Value - b.Value, Valid: a.Valid && b.Valid && isFinite(a.Value-b.Value)}
	}
	s := &r.Summary
	var table []branchRow
	for _, from := range j.opts.Branches.From {
		v, ok := f.branches[from]
		if !ok {
			continue
		}
		end := from + j.opts.Branches.Steps
		name := j.opts.Branches.average(from).String()
		b := Branch{
			From: from, End: end, Decay: j.opts.Branches.Decay, StartLoss: at(from, string(Iterate)),
			Loss: record.Some(v[0]), IterateLoss: at(end, string(Iterate)), AverageLoss: at(end, name),
		}
		b.Lowest, b.LowestLoss = lowest(rows, end)
		if !isFinite(v[0]) {
			s.NonfiniteLosses++
		}
		row := branchRow{
			From: from, End: end, Steps: j.opts.Branches.Steps, Decay: b.Decay, StartLoss: b.StartLoss, BranchLoss: v[0],
			IterateLoss: b.IterateLoss, Average: name, AverageLoss: b.AverageLoss, Lowest: b.Lowest, LowestLoss: b.LowestLoss,
			BranchGain: difference(b.IterateLoss, b.Loss), AverageGain: difference(b.IterateLoss, b.AverageLoss),
		}
		if row.BranchGain.Valid && row.BranchGain.Value > 0 && row.AverageGain.Valid {
			b.ReachedRatio = record.Some(row.AverageGain.Value / row.BranchGain.Value)
		}
		row.ReachedRatio = b.ReachedRatio
		s.Branches, table = append(s.Branches, b), append(table, row)
	}
	r.Branches = column.Of(table)
}
