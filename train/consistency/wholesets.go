package consistency

import (
	"context"

	"sgdwalk/record"
	"sgdwalk/train/nn"
)

// checkWholeSets compares the losses over the training set and the held-out set.
func (l *losses) checkWholeSets(ctx context.Context, s *record.Step) error {
	stride := 1
	if l.samples > 0 {
		stride = (l.header.Epochs + l.samples) / l.samples
	}
	l.evaluated++
	m := l.experiment.Model()
	switch {
	case (l.evaluated-1)%stride != 0 && !s.IsLast() || !l.stored.isFull():
		return nil
	case s.Theta == nil || s.State == nil && len(m.State()) > 0:
		l.count("losses", s.Step, "%d rows with losses over whole sets were not computed again: theta or the running statistics are "+
			"not recorded")
		return nil
	}
	copy(m.State(), s.State)
	for _, e := range []struct {
		evaluator **nn.Evaluator
		open      func() (*nn.Evaluator, error)
		recorded  record.Optional
		code      Code
		name      string
	}{
		{&l.full, l.experiment.TrainLoss, s.FullLoss, FullLoss, "training set"},
		{&l.test, l.experiment.TestLoss, s.TestLoss, TestLoss, "held-out set"},
	} {
		if !e.recorded.Valid {
			continue
		}
		if *e.evaluator == nil {
			var err error
			if *e.evaluator, err = e.open(); err != nil {
				return err
			}
			if *e.evaluator == nil {
				l.note("losses", "the loss over the %s was not computed again: there are no examples", e.name)
				continue
			}
		}
		again, err := (*e.evaluator).Evaluate(ctx, s.Theta)
		if err != nil {
			return err
		}
		l.result.Losses++
		l.journal.check(l.isLoss(s, e.recorded, again.Loss, "the loss over the "+e.name), e.code, s, e.recorded,
			record.Some(again.Loss), "the loss over the %s at step %d is %g; the model at the recorded theta has %g",
			e.name, s.Step, e.recorded.Value, again.Loss)
	}
	return nil
}
