package consistency

import (
	"context"
	"fmt"
	"math"
	"slices"

	"sgdwalk/record"
	"sgdwalk/record/printable"
	"sgdwalk/record/sketch"
	"sgdwalk/train/nn"
	"sgdwalk/train/nn/kernel"
	"sgdwalk/train/replay"
)

// Limits on errors where bits are not expected to agree, because another instruction set
// or another version of the program recorded the run: relative for a loss, and relative
// to the largest element of the tensor for a gradient. A rounding error that moves an
// input of a ReLU across 0 changes a gradient by a few percent. A wrong batch changes the
// first digits of the loss and all of the gradient.
const (
	otherKernel    = 1e-4
	gradientFactor = 1000 // a gradient may have the error of a loss times this
	lossFactor     = 10   // the same where the loss has no error
)

// maxAgain is the number of gradients that are computed again, in addition to the samples,
// to find the cause of wrong updates.
const maxAgain = 100

// losses computes losses and gradients of rows again.
type losses struct {
	*journal
	header  *record.Header
	result  *Result
	rows    int
	samples int // -1 is all
	stored  precision

	experiment *replay.Experiment // nil when nothing is computed again
	batches    *replay.Batches
	full, test *nn.Evaluator // nil until the first row that has the loss
	isExact    bool          // the recorded bits are expected

	taken     int       // rows whose batch loss was computed again
	evaluated int       // rows that have losses over whole sets
	grad      []float32 // of the mini-batch of step
	step      int64     // -1 before the first gradient
	measure   record.Measure
	spare     int // gradients that may still be computed for causes

	rounded   func() // adds the violation about the rounding of the gradient; nil without one
	wrongStep int64  // the last step whose gradient was found wrong; -1 before the first

	state     []float32 // the expected state of stateStep
	stateStep int64     // -1 when no state is expected
}

func newLosses(t record.Trajectory, j *journal, r *Result, foreign bool, o *Options) *losses {
	h := t.Header()
	l := &losses{
		journal: j, header: h, result: r, rows: t.Len(), samples: o.Samples, stored: storedPrecision(h),
		step: -1, stateStep: -1, wrongStep: -1, spare: maxAgain,
	}
	switch {
	case o.SkipLosses:
		j.note("losses", "no loss was computed again, as requested")
		return l
	case foreign:
		j.note("losses", "no loss was computed again: the mini-batches of another program cannot be drawn again")
		return l
	}
	x, err := replay.FromHeader(h, replay.Options{Data: o.Data, Opened: o.Opened, Workers: o.Workers})
	if err == nil {
		l.batches, err = x.Batches()
	}
	if err != nil {
		j.note("losses", "no loss was computed again: %s", printable.OneLine(err))
		return l
	}
	x.UseModelState()
	l.experiment, l.grad = x, make([]float32, h.Layout.Len())
	l.isExact = h.Kernel == kernel.Name() && l.stored.isFull()
	l.state = make([]float32, len(x.Model().State()))
	switch {
	case h.Kernel != kernel.Name():
		j.note("losses", "losses and gradients are compared to a relative error of %g, not bit for bit: the run was recorded with "+
			"the kernel %s, and this process uses %s", otherKernel, h.Kernel, kernel.Name())
	case !l.isExact:
		j.note("losses", "losses are compared to what the rounding of theta to %s allows; gradients, accuracies, running "+
			"statistics and losses over whole sets are not compared", l.stored.name)
	}
	if l.samples > 0 && l.samples < l.rows {
		j.note("losses", "batch losses and gradients of %d of the %d rows are computed again, evenly spread", l.samples, l.rows)
	}
	return l
}

// end adds a note when no row of the sample had theta.
func (l *losses) end() {
	l.addRounding()
	if l.experiment != nil && l.taken == 0 && l.samples > 0 && l.result.Rows > 0 {
		l.note("losses", "no batch loss was computed again: no row has both theta and a batch loss")
	}
}

// close frees the model.
func (l *losses) close() {
	if l.experiment != nil {
		l.experiment.Model().Close()
	}
	for _, e := range []*nn.Evaluator{l.full, l.test} {
		if e != nil {
			e.Close()
		}
	}
}

// check computes the numbers of row i again, when it is in the sample.
func (l *losses) check(ctx context.Context, i int, s *record.Step) error {
	l.addRounding()
	if l.experiment == nil || s.Substep != 0 {
		return nil
	}
	if i == 0 && s.Step == 0 {
		l.checkInitialization(s)
	}
	if s.FullLoss.Valid || s.TestLoss.Valid {
		if err := l.checkWholeSets(ctx, s); err != nil {
			return err
		}
	}
	if !s.BatchLoss.Valid || !l.isSample(i) {
		return nil
	}
	if s.Theta == nil {
		if l.samples < 0 {
			l.count("losses", s.Step, "%d batch losses were not computed again: theta of the step is not recorded")
		}
		return nil // the next row with theta is taken instead
	}
	l.taken++
	if err := l.compute(s); err != nil {
		return err
	}
	l.compareBatch(s)
	// PAL restores the statistics after its measurement. An inner loop changes them further.
	if s.State != nil && len(l.state) > 0 && l.stored.isFull() && !l.header.Columns.Substep {
		copy(l.state, l.experiment.Model().State())
		l.stateStep = s.Step + 1
	}
	return nil
}

// isSample reports whether row i is the next one of the sample.
func (l *losses) isSample(i int) bool {
	return l.samples < 0 || l.taken < l.samples && i >= l.taken*(l.rows-1)/l.samples
}

// compute sets grad and measure to those of the row's mini-batch.
func (l *losses) compute(s *record.Step) (err error) {
	if s.State != nil {
		copy(l.experiment.Model().State(), s.State)
	}
	l.measure, err = l.batches.Gradient(s.Step, 0, s.Theta, l.grad)
	l.step = s.Step
	l.result.Gradients++
	return err
}

// again returns the gradient of a step to find the cause of a wrong update; nil when it
// cannot be computed bit for bit.
func (l *losses) again(s *record.Step) ([]float32, error) {
	switch {
	case !l.isExact || s.Theta == nil || l.step != s.Step && l.spare == 0:
		return nil, nil
	case l.step == s.Step:
		return l.grad, nil
	}
	l.spare--
	return l.grad, l.compute(s)
}

// checkInitialization compares the first row with the start of the training.
func (l *losses) checkInitialization(s *record.Step) {
	m := l.experiment.Model()
	theta := slices.Clone(m.Theta())
	switch l.stored {
	case float16Precision:
		sketch.Float16.RoundTo(theta, theta)
	case bfloat16Precision:
		sketch.BFloat16.RoundTo(theta, theta)
	}
	for _, v := range []struct {
		name             string
		recorded, expect []float32
		layout           record.Layout
	}{{"theta", s.Theta, theta, l.header.Layout}, {"state", s.State, m.State(), l.header.State}} {
		for t, tensor := range v.layout {
			if v.recorded == nil || equalBits(tensor.View(v.recorded), tensor.View(v.expect)) {
				continue
			}
			f := difference(tensor.View(v.recorded), tensor.View(v.expect))
			l.events = append(l.events, l.tensorEvent(Initialization, s, v.layout[t].Name, &f,
				"%s of tensor %s at step 0 is not the initialization of seed %d: element %d is %g and should be %g",
				v.name, tensor.Name, l.header.InitializationSeed(), f.element, f.value, f.expected))
		}
	}
}

// tensorEvent returns a violation about a tensor of a row.
func (l *losses) tensorEvent(code Code, s *record.Step, tensor string, f *update, format string, args ...any) *event {
	return &event{Violation: Violation{
		Code: code, Step: s.Step, LastStep: s.Step, Rows: 1, Tensor: tensor, Tensors: 1,
		Value: record.Some(f.value), Expected: record.Some(f.expected), Relative: record.Some(f.relative),
		Text: fmt.Sprintf(format, args...),
	}}
}

// checkState compares the running statistics with those that the forward pass of the
// previous step left.
func (l *losses) checkState(s *record.Step) error {
	if l.stateStep != s.Step || s.Substep != 0 {
		return nil
	}
	l.stateStep = -1
	if s.State == nil || equalBits(s.State, l.state) {
		return nil
	}
	for _, t := range l.header.State {
		f := difference(t.View(s.State), t.View(l.state))
		if equalBits(t.View(s.State), t.View(l.state)) || l.isRounding(f.relative, s, "the running statistics of "+t.Name) {
			continue
		}
		l.events = append(l.events, l.tensorEvent(State, s, t.Name, &f,
			"the running statistics %s of step %d are not those that the mini-batch of step %d leaves: element %d is %g and should be %g",
			t.Name, s.Step, s.Step-1, f.element, f.value, f.expected))
	}
	return nil
}

// isRounding reports whether a relative error is one of rounding. Where bits should agree,
// it adds a violation about that.
func (l *losses) isRounding(relative float64, s *record.Step, what string) bool {
	if !(relative <= otherKernel) {
		return false
	}
	if l.isExact {
		l.journal.check(false, Rounding, s, record.Some(relative), record.Some(0),
			"%s at step %d agrees to a relative error of %.2g only, not bit for bit, as when another version of the program recorded it",
			what, s.Step, relative)
	}
	return true
}

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

// equalNumbers reports whether two numbers are equal, or both NaN.
func equalNumbers(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }

// isLoss reports whether a recorded loss is the one that was computed again.
func (l *losses) isLoss(s *record.Step, recorded record.Optional, again float64, what string) bool {
	difference := math.Abs(recorded.Value - again)
	switch {
	case equalNumbers(recorded.Value, again):
		return true
	case l.stored.isFull():
		return l.isRounding(difference/math.Abs(again), s, what)
	}
	// To first order, rounding theta changes the loss by its product with the gradient.
	const margin = 4
	rounding := 0.0
	for i, g := range l.grad {
		rounding += math.Abs(float64(g) * float64(s.Theta[i]))
	}
	return difference <= margin*l.stored.unit()*rounding+otherKernel*math.Abs(again)
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

// addRounding adds the violation about the rounding of the last gradient, unless the update
// has shown that this gradient is wrong.
func (l *losses) addRounding() {
	if l.rounded != nil {
		l.rounded()
		l.rounded = nil
	}
}

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
