package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"sgdwalk/record"
)

// Source delivers mini-batches. Batch number b (from 0) of an epoch (from 1)
// depends on these two numbers only, so that a run can be replayed and resumed.
// The slices are valid until the next call.
type Source interface {
	PerEpoch() int
	Batch(epoch, b int) (inputs []float32, labels []int32, err error)
}

// Evaluator computes the loss over a fixed set of examples at any theta. It must
// not change the model in training.
type Evaluator interface {
	Evaluate(ctx context.Context, theta []float32) (Measure, error)
}

// Loop is one training run. Model, Optimizer, Source, LearningRate and Epochs are
// required. The zero value of every other field is a documented default.
type Loop struct {
	Model        Model
	Optimizer    Optimizer
	Source       Source
	LearningRate func(step int64) float64 // learning rate of an update, counted from 0
	Epochs       int                      // passes over the data
	MaxSteps     int64                    // stop after this number of updates; 0 means no limit

	Sink     record.Sink     // receives the rows; nil records nothing. The loop does not close it
	Schedule record.Schedule // which rows are recorded
	Columns  record.Columns  // which vectors a row has

	// ThetaSchedule, GradSchedule and StateSchedule select the recorded rows that
	// have these vectors. The last row always has the state.
	ThetaSchedule, GradSchedule, StateSchedule record.Schedule

	// Full and Test compute the losses over whole sets at the first step of every
	// epoch and at the last iterate. The loop records them there. nil computes
	// none.
	Full, Test Evaluator

	// Hook is called with every step before its update, also with steps that are
	// not recorded. The step and its slices are borrowed for the call.
	Hook func(*record.Step) error

	// Resume continues a run from its checkpoint. Model, optimizer and source
	// must be built as for the run that made the checkpoint. Recorded is the last
	// row that the sink already has. A checkpoint may be older than that row: the
	// loop then computes the rows in between again, but does not append them.
	Resume   *Checkpoint
	Recorded Position

	// Checkpoint is called at the first step of every epoch except the first
	// epoch, and when the run is stopped. The checkpoint's vectors are borrowed
	// for the call.
	Checkpoint func(*Checkpoint) error
}

// Status says how a run ended.
type Status string

// The ways in which a run ends.
const (
	Finished Status = "finished" // all epochs, or MaxSteps updates, are done
	Diverged Status = "diverged" // the loss or theta is not finite; the step is recorded
	// Stopped means that the context was cancelled. The last row is the step at
	// which the run stopped. If the run can resume from a checkpoint and the stop
	// interrupted the losses over whole sets, the last row is the step before.
	Stopped Status = "stopped"
)

// Result says how a run ended and what it measured last.
type Result struct {
	Status      Status          `json:"status"`
	Steps       int64           `json:"steps"`             // finished updates
	Rows        int64           `json:"rows"`              // recorded rows
	Evaluations int64           `json:"evaluations"`       // gradients and losses of mini-batches
	BatchLoss   float64         `json:"-"`                 // of the last batch
	FullLoss    record.Optional `json:"full_loss"`         // of the last evaluation, usually at the last iterate
	TestLoss    record.Optional `json:"test_loss"`         // likewise, over the held-out set
	TestAcc     record.Optional `json:"test_accuracy"`     // likewise
	Average     *Average        `json:"average,omitempty"` // nil unless the optimizer is Averaging
	Message     string          `json:"message"`           // the same in a sentence
}

// Average has the losses of the point that an Averaging optimizer returns, at the end of
// the run. Normalization layers have the running statistics of the training at theta.
type Average struct {
	FullLoss record.Optional `json:"full_loss"`
	TestLoss record.Optional `json:"test_loss"`
	TestAcc  record.Optional `json:"test_accuracy"`
}

// Run trains. A run that diverges or is stopped is a result, not an error. An
// error means that the model, the optimizer, the sink or a callback failed; Run
// then also returns the result so far.
func (l *Loop) Run(ctx context.Context) (Result, error) {
	if err := l.validate(); err != nil {
		return Result{}, err
	}
	r := &run{
		Loop:   l,
		grad:   make([]float32, l.Model.Layout().Len()),
		state:  make([]float32, l.Model.StateLayout().Len()),
		cursor: cursor{perEpoch: l.Source.PerEpoch(), epoch: 1},
	}
	r.averaging, _ = l.Optimizer.(Averaging)
	if l.Resume != nil {
		if err := r.restore(l.Resume); err != nil {
			return Result{}, err
		}
	}
	err := r.run(ctx)
	return r.result, err
}

// validate returns an error that names a missing field, or the value out of range.
func (l *Loop) validate() error {
	switch {
	case l.Model == nil || l.Optimizer == nil || l.Source == nil || l.LearningRate == nil:
		return errors.New("train: a loop needs a model, an optimizer, a source of batches and a learning rate")
	case l.Epochs < 1:
		return fmt.Errorf("train: epochs is %d; it must be at least 1", l.Epochs)
	case l.MaxSteps < 0:
		return fmt.Errorf("train: the largest number of steps is %d; it must not be negative", l.MaxSteps)
	case l.Source.PerEpoch() < 1:
		return fmt.Errorf("train: the source has %d batches per epoch; it must have at least 1", l.Source.PerEpoch())
	}
	return nil
}

// cursor is the position in the data: the batch that is drawn next.
type cursor struct{ perEpoch, epoch, batch int }

func (c *cursor) advance() {
	if c.batch++; c.batch == c.perEpoch {
		c.epoch, c.batch = c.epoch+1, 0
	}
}

// run is the state of one call of Run.
type run struct {
	*Loop
	cursor      cursor
	lastEpoch   int       // last epoch whose first step was taken
	final       bool      // the run ends at the current row
	isLast      bool      // the current step is the last one
	averaging   Averaging // the optimizer; nil unless it averages
	keptRows    int64     // rows that the schedule has kept, also before the run was resumed
	result      Result
	grad, state []float32
	inputs      []float32 // current mini-batch
	labels      []int32
	scratch     []float32 // gradients of Probe.Loss, which are not used; allocated on first use
	row         record.Step
}

// run does the remaining steps and then records the last iterate.
func (r *run) run(ctx context.Context) error {
	for !r.isDone(r.result.Steps) {
		done, err := r.step(ctx)
		if err != nil || done {
			return err
		}
	}
	return r.finish(ctx)
}

// isDone reports whether this number of updates is all, given that the batches of them
// were drawn.
func (r *run) isDone(updates int64) bool {
	return r.cursor.epoch > r.Epochs || r.MaxSteps != 0 && updates >= r.MaxSteps
}

// step does one step: batch, gradient, row, update. It reports whether the run
// has ended.
func (r *run) step(ctx context.Context) (done bool, err error) {
	k, epoch := r.result.Steps, r.cursor.epoch
	before := r.progress()
	// The forward pass changes the statistics of a normalization layer, so the row
	// copies them before it.
	copy(r.state, r.Model.State())
	firstOfEpoch := epoch != before.lastEpoch
	r.lastEpoch = epoch
	if firstOfEpoch && k > 0 && r.Checkpoint != nil {
		if err := r.saveCheckpoint(before); err != nil {
			return false, err
		}
	}
	// The losses over whole sets belong to the row's theta and state, so they also
	// come before the forward pass.
	var measured record.Step
	if firstOfEpoch {
		if err := r.evaluate(ctx, &measured); err != nil {
			return false, fmt.Errorf("train: step %d: %w", k, err)
		}
	}
	m, err := r.nextGradient(r.Model.Theta(), r.grad)
	if err != nil {
		return false, fmt.Errorf("train: step %d: %w", k, err)
	}
	r.isLast = r.isDone(k + 1)
	rate := r.LearningRate(k)
	r.row = record.Step{
		Step: k, Epoch: int32(epoch), Examples: int32(m.Examples), Evaluations: before.evaluations,
		WallTime:  time.Now(),
		BatchLoss: record.Some(m.Loss), BatchAccuracy: record.Some(m.Accuracy), LearningRate: record.Some(rate),
		FullLoss: measured.FullLoss, TestLoss: measured.TestLoss,
	}
	r.result.BatchLoss = m.Loss
	diverged, stopped := !finite(m.Loss), ctx.Err() != nil
	// The schedule cannot drop the row at which a run ends. A stopped run that
	// has a checkpoint does not end here, because it can resume.
	r.final = diverged || stopped && r.Checkpoint == nil
	// A stop may have interrupted the losses of this row. The resumed run computes
	// the whole row again, so do not record it incomplete.
	if !stopped || r.final || !firstOfEpoch {
		if err := r.append(r.final || r.keeps(), r.grad); err != nil {
			return false, err
		}
	}
	switch {
	case diverged:
		r.end(Diverged, "diverged: the batch loss is %v at step %d, epoch %d; the step is recorded", m.Loss, k, epoch)
		return true, nil
	case stopped:
		r.end(Stopped, "stopped at step %d, epoch %d, before its update", k, epoch)
		if r.Checkpoint != nil {
			err = r.saveCheckpoint(before)
		}
		return true, err
	}
	if err := r.Optimizer.Step(ctx, r.Model.Theta(), r.grad, rate, (*probe)(r)); err != nil {
		return false, fmt.Errorf("train: step %d: %w", k, err)
	}
	r.result.Steps++
	return false, nil
}

// keeps reports whether the row of the current step is recorded.
func (r *run) keeps() bool {
	return r.isLast && r.averaging != nil || r.Schedule.Keep(r.row.Step, r.row.Epoch)
}

// saveCheckpoint passes the checkpoint of the current step to the callback.
func (r *run) saveCheckpoint(p progress) error {
	if err := r.Checkpoint(r.checkpoint(p)); err != nil {
		return fmt.Errorf("train: checkpoint before step %d: %w", r.result.Steps, err)
	}
	return nil
}

// nextGradient draws the next batch and fills grad with its gradient at theta.
func (r *run) nextGradient(theta, grad []float32) (Measure, error) {
	inputs, labels, err := r.Source.Batch(r.cursor.epoch, r.cursor.batch)
	if err != nil {
		return Measure{}, err
	}
	r.inputs, r.labels = inputs, labels
	r.cursor.advance()
	return r.gradient(theta, grad)
}

// gradient computes the gradient of the current mini-batch at theta. If theta is
// another vector than the model's, the model's vector is set to theta for the
// call and restored afterwards.
func (r *run) gradient(theta, grad []float32) (Measure, error) {
	r.result.Evaluations++
	own := r.Model.Theta()
	if &own[0] != &theta[0] {
		saved := slices.Clone(own)
		defer copy(own, saved)
		copy(own, theta)
	}
	return r.Model.Gradient(r.inputs, r.labels, grad)
}

// evaluate sets the losses over whole sets. A cancelled evaluation leaves them
// absent and is not an error: the loop still records the step and stops there.
func (r *run) evaluate(ctx context.Context, s *record.Step) error {
	m, err := r.measure(ctx, r.Model.Theta())
	if s.FullLoss = m.FullLoss; s.FullLoss.Valid {
		r.result.FullLoss = s.FullLoss
	}
	if s.TestLoss = m.TestLoss; s.TestLoss.Valid {
		r.result.TestLoss, r.result.TestAcc = m.TestLoss, m.TestAcc
	}
	return err
}

// measure computes the losses over whole sets at any theta.
func (r *run) measure(ctx context.Context, theta []float32) (a Average, err error) {
	if r.Full != nil {
		m, err := r.Full.Evaluate(ctx, theta)
		if err != nil {
			return a, unlessCancelled(ctx, err)
		}
		a.FullLoss = record.Some(m.Loss)
	}
	if r.Test != nil {
		m, err := r.Test.Evaluate(ctx, theta)
		if err != nil {
			return a, unlessCancelled(ctx, err)
		}
		a.TestLoss, a.TestAcc = record.Some(m.Loss), record.Some(m.Accuracy)
	}
	return a, nil
}

// unlessCancelled returns err, or nil if the context is cancelled.
func unlessCancelled(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// append passes the current row to the hook and, if keep is set, to the sink.
func (r *run) append(keep bool, grad []float32) error {
	r.row.Theta, r.row.Grad, r.row.State = r.Model.Theta(), grad, r.state
	if r.Hook != nil {
		if err := r.Hook(&r.row); err != nil {
			return fmt.Errorf("train: step %d: %w", r.row.Step, err)
		}
	}
	if r.Sink == nil || !keep {
		return nil
	}
	row := r.row
	if !r.Columns.Theta || !r.final && !row.IsLast() && !r.ThetaSchedule.Keep(row.Step, row.Epoch) {
		row.Theta = nil
	}
	if !r.Columns.Grad || !r.GradSchedule.Keep(row.Step, row.Epoch) {
		row.Grad = nil
	}
	if !r.Columns.State || !row.IsLast() && !r.StateSchedule.Keep(row.Step, row.Epoch) {
		row.State = nil
	}
	if err := r.record(&row); err != nil {
		return fmt.Errorf("train: step %d could not be recorded: %w", row.Step, err)
	}
	return nil
}

// record appends a row to the sink, unless the sink has the row from before the
// run was resumed.
func (r *run) record(s *record.Step) error {
	r.keptRows++
	if r.Resume != nil && !r.Recorded.before(Position{s.Step, s.Substep}) {
		return nil
	}
	if err := r.Sink.Append(s); err != nil {
		return err
	}
	r.result.Rows++
	return nil
}

// finish records the iterate after the last update.
func (r *run) finish(ctx context.Context) error {
	copy(r.state, r.Model.State())
	r.row = record.Step{
		Step: r.result.Steps, Epoch: int32(r.lastEpoch), Evaluations: r.result.Evaluations, WallTime: time.Now(),
	}
	if err := r.evaluate(ctx, &r.row); err != nil {
		return fmt.Errorf("train: last iterate: %w", err)
	}
	ends := Average{FullLoss: r.row.FullLoss, TestLoss: r.row.TestLoss}
	if r.averaging != nil && r.result.Steps > 0 && r.isWhole(&ends) {
		var err error
		if ends, err = r.measure(ctx, r.averaging.Average()); err != nil {
			return fmt.Errorf("train: average of the last update: %w", err)
		}
		r.result.Average = &ends
	}
	missing := !r.isWhole(&ends)
	if ctx.Err() != nil && r.Checkpoint != nil && missing {
		r.end(Stopped, "stopped after the last update, step %d, before its losses were computed", r.result.Steps)
		return r.saveCheckpoint(r.progress())
	}
	if err := r.append(true, nil); err != nil {
		return err
	}
	theta := r.Model.Theta()
	if i := slices.IndexFunc(theta, func(v float32) bool { return !finite(float64(v)) }); i >= 0 {
		r.end(Diverged, "diverged: parameter %d is %v after the last update, step %d; the iterate is recorded",
			i, theta[i], r.result.Steps)
		return nil
	}
	epochs := "epochs"
	if r.Epochs == 1 {
		epochs = "epoch"
	}
	r.end(Finished, "finished %d %s in %d steps", r.Epochs, epochs, r.result.Steps)
	return nil
}

// isWhole reports whether no loss over a whole set is missing.
func (r *run) isWhole(a *Average) bool {
	return (r.Full == nil || a.FullLoss.Valid) && (r.Test == nil || a.TestLoss.Valid)
}

func (r *run) end(s Status, format string, args ...any) {
	r.result.Status, r.result.Message = s, fmt.Sprintf(format, args...)
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// probe is the Probe of a run. Its own type keeps these methods away from run.
type probe run

var _ Probe = (*probe)(nil)

// BatchLoss returns the loss of the current row.
func (p *probe) BatchLoss() float64 { return (*run)(p).row.BatchLoss.Value }

// Loss computes the loss of the current mini-batch at another theta.
func (p *probe) Loss(theta []float32) (float64, error) {
	r := (*run)(p)
	if r.scratch == nil {
		r.scratch = make([]float32, len(r.grad))
	}
	return p.Gradient(theta, r.scratch)
}

// Gradient computes the gradient of the current mini-batch at another theta. The running
// statistics belong to theta, so they are restored afterwards.
func (p *probe) Gradient(theta, grad []float32) (float64, error) {
	r := (*run)(p)
	saved := slices.Clone(r.Model.State())
	m, err := r.gradient(theta, grad)
	copy(r.Model.State(), saved)
	return m.Loss, err
}

// Next draws a fresh mini-batch.
func (p *probe) Next(theta, grad []float32) (float64, error) {
	m, err := (*run)(p).nextGradient(theta, grad)
	return m.Loss, err
}

// Inner records an inner iterate if the row of the step is recorded.
func (p *probe) Inner(theta, grad []float32, loss record.Optional) error {
	r := (*run)(p)
	if r.Sink == nil || !r.keeps() {
		return nil
	}
	r.row.Substep++
	s := record.Step{
		Step: r.row.Step, Substep: r.row.Substep, Epoch: r.row.Epoch, Evaluations: r.result.Evaluations,
		WallTime: time.Now(), BatchLoss: loss,
	}
	if r.Columns.Theta && (r.ThetaSchedule.Keep(s.Step, s.Epoch) || r.isLast && r.averaging != nil) {
		s.Theta = theta
	}
	if r.Columns.Grad && r.GradSchedule.Keep(s.Step, s.Epoch) {
		s.Grad = grad
	}
	if err := r.record(&s); err != nil {
		return fmt.Errorf("substep %d could not be recorded: %w", s.Substep, err)
	}
	return nil
}
