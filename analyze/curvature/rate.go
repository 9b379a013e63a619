package curvature

import (
	"fmt"

	"sgdwalk/record"
)

// RateAt returns the learning rate that the stability at a row is about: that of the
// row's own update, or of the last update before the row at the end of a run, which
// has none. Where no rate was recorded it is the header's, if the header names no
// schedule. There is no rate, and absent says why, when the update's rate is 0, when
// the optimizer has several, and when none is known.
func RateAt(t record.Trajectory, row int) (rate float64, absent string, err error) {
	o := t.Header().Optimizer
	if all := o.GroupValues("learning_rate"); len(all) > 1 {
		return 0, fmt.Sprintf("the optimizer has parameter groups with learning rates from %v to %v", all[0],
			all[len(all)-1]), nil
	}
	for i := row; i >= 0; i-- {
		s, err := t.Read(i, record.ScalarsOnly)
		if err != nil {
			return 0, "", fmt.Errorf("curvature: row %d: %w", i, err)
		}
		switch {
		case s.Substep > 0:
			continue
		case !s.LearningRate.Valid && i == row:
			continue // the last iterate, or a run without recorded rates
		case s.LearningRate.Valid && s.LearningRate.Value > 0:
			return s.LearningRate.Value, "", nil
		case s.LearningRate.Valid:
			return 0, fmt.Sprintf("the learning rate of the update of step %d is %v", s.Step, s.LearningRate.Value), nil
		}
		break
	}
	known := o.Hyperparameters["learning_rate"]
	switch {
	case o.RateSchedule != "":
		return 0, "the learning rate has a schedule and is not recorded there", nil
	case known > 0:
		return known, "", nil
	default:
		return 0, "no learning rate is known", nil
	}
}
