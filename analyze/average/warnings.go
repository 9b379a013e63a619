package average

import (
	"math"

	"sgdwalk/analyze"
)

// fewSteps is the number of steps below which a mean has no interval.
const fewSteps = 8

// warn adds the limitations of the result.
func (j *Job) warn(r *Result) {
	var w analyze.Warnings
	s := &r.Summary
	missing := s.LastStep - s.FirstStep + 1 - int64(s.Iterates)
	w.Add(missing > 0, "steps_missing", "%d of the steps between the first and the last iterate are not recorded: an "+
		"average of a number of iterates covers more steps than that, and the decay of an exponential average is that "+
		"from one recorded iterate to the next", missing)
	w.Add(s.MeansSteps < fewSteps, "few_steps", "the means are over %s (from step %d on): %d are needed for their "+
		"intervals", analyze.Count(s.MeansSteps, "step"), s.MeansFrom, fewSteps)
	w.Add(s.NullAbsent != "", "no_null", "the gain of a stationary walk on a quadratic is not known: %s", s.NullAbsent)
	low, high := math.Inf(1), math.Inf(-1)
	for _, it := range j.list {
		if it.step >= s.MeansFrom && it.rate.Valid {
			low, high = min(low, it.rate.Value), max(high, it.rate.Value)
		}
	}
	w.Add(low < high, "rate_changes", "the learning rate changes from %.4g to %.4g over the steps of the means: the walk "+
		"is not stationary there, and its null is that of a stationary one", low, high)
	if len(j.run.Header().State) > 0 {
		text := "the model has running statistics, which are not parameters and are not averaged: the policy of the loss " +
			"decides their values at an average"
		if j.states.len() > 0 {
			text = "the model has running statistics: an average is evaluated with the average of the statistics that " +
				"were recorded with its iterates, with the same weights"
		}
		w.Add(true, "normalization_state", "%s", text)
	}
	w.Add(j.states.carried > 0, "state_carried", "%d iterates were recorded without running statistics and enter "+
		"the averages with those of the iterate before them", j.states.carried)
	w.Add(s.Passes > 1, "several_passes", "the recording was read %d times, because the sums of all averages do not fit "+
		"into the memory that they may take", s.Passes)
	w.Add(s.NonfiniteLosses > 0, "nonfinite_losses", "%d losses are NaN or infinite: they are kept, and have no gain",
		s.NonfiniteLosses)
	r.Warnings = w
}
