package consistency

import (
	"context"
	"fmt"
	"math"

	"sgdwalk/record"
	"sgdwalk/record/printable"
	"sgdwalk/train/nn"
	"sgdwalk/train/nn/kernel"
	"sgdwalk/train/optim"
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
	if l.experiment == nil || s.Substep != 0 || s.Step > l.header.Steps {
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
	// PAL and SAM restore the statistics after their further evaluations. An inner loop changes them further.
	if s.State != nil && len(l.state) > 0 && l.stored.isFull() && optim.BatchesPerStep(l.header.Optimizer) == 1 {
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
	case !l.isExact || s.Theta == nil || s.Step > l.header.Steps || l.step != s.Step && l.spare == 0:
		return nil, nil
	case l.step == s.Step:
		return l.grad, nil
	}
	l.spare--
	return l.grad, l.compute(s)
}

// tensorEvent returns a violation about a tensor of a row.
func (l *losses) tensorEvent(code Code, s *record.Step, tensor string, f *update, format string, args ...any) *event {
	return &event{Violation: Violation{
		Code: code, Step: s.Step, LastStep: s.Step, Rows: 1, Tensor: tensor, Tensors: 1,
		Value: record.Some(f.value), Expected: record.Some(f.expected), Relative: record.Some(f.relative),
		Text: fmt.Sprintf(format, args...),
	}}
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

// addRounding adds the violation about the rounding of the last gradient, unless the update
// has shown that this gradient is wrong.
func (l *losses) addRounding() {
	if l.rounded != nil {
		l.rounded()
		l.rounded = nil
	}
}
