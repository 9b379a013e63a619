package consistency

import (
	"math"

	"sgdwalk/record"
)

// compareBatch compares the row with the loss and the gradient of its mini-batch.
func (l *losses) compareBatch(s *record.Step) {
	// A gradient with the recorded bits leaves no rounding that could explain another loss.
	isSame := l.isExact && s.Grad != nil && equalBits(s.Grad, l.grad)
	isWrong := isSame && !equalNumbers(s.BatchLoss.Value, l.measure.Loss) ||
		!isSame && !l.isLoss(s, s.BatchLoss, l.measure.Loss, "the batch loss")
	worst, tensor := l.compareGradient(s)
	if worst != nil {
		l.wrongStep = s.Step
	}
	switch {
	case isWrong && worst != nil:
		l.journal.check(false, BatchLoss, s, s.BatchLoss, record.Some(l.measure.Loss),
			"the batch loss of step %d is %g; the mini-batch at the recorded theta has %g, and another gradient: theta or the "+
				"mini-batch of the row is not the one of the training", s.Step, s.BatchLoss.Value, l.measure.Loss)
	case isWrong:
		l.journal.check(false, BatchLoss, s, s.BatchLoss, record.Some(l.measure.Loss),
			"the batch loss of step %d is %g; the mini-batch at the recorded theta has %g", s.Step, s.BatchLoss.Value, l.measure.Loss)
	default:
		l.journal.check(true, BatchLoss, s, s.BatchLoss, s.BatchLoss, "")
		if worst != nil {
			l.events = append(l.events, l.tensorEvent(Gradient, s, tensor, worst,
				"the gradient of tensor %s at step %d is not that of its mini-batch at theta: element %d is %g and should be %g",
				tensor, s.Step, worst.element, worst.value, worst.expected))
		}
	}
	// Rounding can move an example or two across the border between two classes.
	accuracy := s.BatchAccuracy
	most := 0.0
	if !l.isExact {
		most = 2.5 / float64(l.measure.Examples)
	}
	if accuracy.Valid && l.stored.isFull() {
		l.journal.check(math.Abs(accuracy.Value-l.measure.Accuracy) <= most, BatchAccuracy, s, accuracy,
			record.Some(l.measure.Accuracy), "the batch accuracy of step %d is %g; the mini-batch at the recorded theta has %g",
			s.Step, accuracy.Value, l.measure.Accuracy)
	}
}

// compareGradient returns the worst tensor of a gradient that is not the one that was
// computed again; nil when all agree, or when the row has no gradient to compare. When the
// batch loss has the recorded bits, the gradient has only small rounding errors.
func (l *losses) compareGradient(s *record.Step) (worst *update, tensor string) {
	if s.Grad == nil || !l.stored.isFull() {
		return nil, ""
	}
	factor := 1.0 * lossFactor
	if !l.isExact || l.measure.Loss != s.BatchLoss.Value {
		factor = gradientFactor
	}
	// A tensor whose gradient is nearly 0, such as a bias before a normalization, has rounding
	// errors of the size of the others.
	absolute := otherKernel * largestUpdate(make([]float32, len(l.grad)), l.grad)
	for _, t := range l.header.Layout {
		recorded, again := t.View(s.Grad), t.View(l.grad)
		if equalBits(recorded, again) {
			continue
		}
		f := difference(recorded, again)
		switch isRounding := f.relative <= factor*otherKernel || math.Abs(f.value-f.expected) <= absolute; {
		case !isRounding && (worst == nil || f.relative > worst.relative):
			worst, tensor = &f, t.Name
		case isRounding && l.isExact && l.rounded == nil:
			row := *s
			l.rounded = func() { l.isRounding(min(f.relative, otherKernel), &row, "the gradient of tensor "+t.Name) }
		}
	}
	return worst, tensor
}
