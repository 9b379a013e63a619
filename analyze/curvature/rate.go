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
	if all := o.Groups("learning_rate"); len(all) > 1 {
		return 0, fmt.Sprintf("the optimizer has parameter groups with learning rates from %v to %v", all[0], all[len(all)-1]), nil
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

// AtEdge is how far from the edge of stability, as a share of it, a run is said to be
// at it.
const AtEdge = 0.05

// Standing says in words where a run is that has this ratio of eta lambda_max to the
// edge of stability.
func Standing(ratio float64) string {
	switch {
	case ratio > 1+AtEdge:
		return fmt.Sprintf("above it, at %.3g %% of it", 100*ratio)
	case ratio >= 1-AtEdge:
		return fmt.Sprintf("at it (%.3g %% of it)", 100*ratio)
	case ratio <= 0:
		return "below it: the loss bends up in no direction"
	default:
		return fmt.Sprintf("below it, at %.3g %% of it", 100*ratio)
	}
}

// Sentence says where the run stands against the edge of stability, or why that
// cannot be said; it is empty when nothing is known of the optimizer.
func (s *Stability) Sentence() string {
	eta, of := s.EtaLambdaMax, "eta lambda_max"
	if s.Preconditioned != nil {
		eta, of = s.EtaPreconditionedLambdaMax, "eta lambda_max of the preconditioned Hessian"
	}
	switch {
	case s.LearningRateAbsent != "":
		return "no learning rate to multiply lambda_max with: " + s.LearningRateAbsent
	case s.Threshold.Valid && eta.Valid:
		return fmt.Sprintf("%s is %.3g (eta %v); the edge of stability of %s is at %.3g: the run is %s", of, eta.Value, s.LearningRate.Value, s.Optimizer, s.Threshold.Value, Standing(eta.Value/s.Threshold.Value))
	case s.EtaLambdaMax.Valid && s.Optimizer != "":
		return fmt.Sprintf("eta lambda_max is %.3g (eta %v); no edge of stability to compare with: %s", s.EtaLambdaMax.Value, s.LearningRate.Value, s.ThresholdAbsent)
	}
	return ""
}
