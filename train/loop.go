package train

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"sgdwalk/record"
)

// Source hands out mini-batches. Batch b, from 0, of an epoch, from 1, depends
// on nothing but the two numbers, so that a run can be replayed and resumed. The
// slices are valid until the next call.
type Source interface {
	PerEpoch() int
	Batch(epoch, b int) (inputs []float32, labels []int32, err error)
}

// Evaluator measures a loss over a fixed set of examples at any theta, without
// disturbing the model in training.
type Evaluator interface {
	Evaluate(ctx context.Context, theta []float32) (Measure, error)
}

// Loop is one training run. Model, Optimizer, Source, LearningRate and Epochs
// are needed; everything else may be left at its zero value.
type Loop struct {
	Model        Model
	Optimizer    Optimizer
	Source       Source
	LearningRate func(step int64) float64 // learning rate of update k, from 0
	Epochs       int                      // passes over the data
	MaxSteps     int64                    // stop after so many updates; 0 means no such limit

	Sink     record.Sink     // takes the rows; nil records nothing. Not closed by the loop
	Schedule record.Schedule // which rows are kept
	Columns  record.Columns  // which vectors they have

	// ThetaSchedule, GradSchedule and StateSchedule say which of the kept rows have these vectors;
	// the last row has the state whatever they say.
	ThetaSchedule, GradSchedule, StateSchedule record.Schedule

	// Full and Test, where given, are evaluated at the first step of every epoch
	// and at the last iterate, and recorded there.
	Full, Test Evaluator

	// Hook, where given, sees every step before its update, kept or not. The Step
	// and its slices are the loop's and valid during the call only.
	Hook func(*record.Step) error

	// Resume, where given, is where the run goes on; the model, optimizer and
	// source must be those of the run that made the checkpoint. Recorded is then the
	// place of the last row that the sink already has: rows up to it are computed
	// again, as the checkpoint is older, and not appended.
	Resume   *Checkpoint
	Recorded Position

	// Checkpoint, where given, is called at the first step of every epoch but the
	// first, and when the run is stopped. The checkpoint's vectors are the run's
	// and valid during the call only.
	Checkpoint func(*Checkpoint) error
}

// Status says how a run ended.
type Status string

// The ways in which a run ends.
const (
	Finished Status = "finished" // all epochs, or MaxSteps updates, were done
	Diverged Status = "diverged" // the loss or theta stopped being finite; the step is recorded
	// Stopped: the context was cancelled. The last row is the step it stopped at, or
	// the one before where a checkpoint lets it go on and the stop cut losses short.
	Stopped Status = "stopped"
)

// Result is how a run ended.
type Result struct {
	Status      Status   `json:"status"`
	Steps       int64    `json:"steps"`       // updates that were done
	Rows        int64    `json:"rows"`        // rows that were recorded
	Evaluations int64    `json:"evaluations"` // gradient and loss evaluations of mini-batches
	BatchLoss   float64  `json:"-"`           // of the last batch
	FullLoss    Optional `json:"full_loss"`   // at the last iterate, where measured
	TestLoss    Optional `json:"test_loss"`
	TestAcc     Optional `json:"test_accuracy"`
	Message     string   `json:"message"` // in words, for a reader
}

// Optional is record.Optional, a number that may be absent.
type Optional = record.Optional

// Run trains. A run that diverges or is stopped is a result, not an error; an
// error means that the run could not go on (the model, the sink or the hook
// failed) and comes with the result so far.
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
	if l.Resume != nil {
		if err := r.restore(l.Resume); err != nil {
			return Result{}, err
		}
	}
	err := r.run(ctx)
	return r.result, err
}

func (l *Loop) validate() error {
	switch {
	case l.Model == nil || l.Optimizer == nil || l.Source == nil || l.LearningRate == nil:
		return fmt.Errorf("train: a loop needs a model, an optimizer, a source of batches and a learning rate")
	case l.Epochs < 1:
		return fmt.Errorf("train: epochs is %d; it must be at least 1", l.Epochs)
	case l.MaxSteps < 0:
		return fmt.Errorf("train: the largest number of steps is %d; it must not be negative", l.MaxSteps)
	case l.Source.PerEpoch() < 1:
		return fmt.Errorf("train: the source has %d batches per epoch; it must have at least 1", l.Source.PerEpoch())
	}
	return nil
}

// cursor is the position in the data: the next batch to be drawn.
type cursor struct{ perEpoch, epoch, batch int }

func (c *cursor) advance() {
	if c.batch++; c.batch == c.perEpoch {
		c.epoch, c.batch = c.epoch+1, 0
	}
}

// run is the state of one Run.
type run struct {
	*Loop
	cursor      cursor
	begun       int   // last epoch whose first step was taken
	ends        bool  // the current row is where the run ends
	kept        int64 // rows that the schedule has kept, from the start of the first run
	result      Result
	grad, state []float32
	inputs      []float32 // current mini-batch
	labels      []int32
	probed      []float32 // scratch for losses at other points, made at first use
	row         record.Step
}

func (r *run) run(ctx context.Context) error {
	for r.cursor.epoch <= r.Epochs && (r.MaxSteps == 0 || r.result.Steps < r.MaxSteps) {
		done, err := r.step(ctx)
		if err != nil || done {
			return err
		}
	}
	return r.finish(ctx)
}

// step does one step: batch, gradient, row, update. It reports whether the run
// has ended.
func (r *run) step(ctx context.Context) (done bool, err error) {
	k, epoch := r.result.Steps, r.cursor.epoch
	// What a checkpoint before this step says. The statistics of a normalization
	// layer move in the forward pass, so row k takes them before it.
	before := r.mark()
	copy(r.state, r.Model.State())
	firstOfEpoch := epoch != before.begun
	r.begun = epoch
	if firstOfEpoch && k > 0 && r.Checkpoint != nil {
		if err := r.Checkpoint(r.checkpoint(before)); err != nil {
			return false, fmt.Errorf("train: checkpoint before step %d: %w", k, err)
		}
	}
	// The losses of a row are those of its theta and its state, so they too come before
	// the forward pass of the batch.
	var whole record.Step
	if firstOfEpoch {
		if err := r.evaluate(ctx, &whole); err != nil {
			return false, fmt.Errorf("train: step %d: %w", k, err)
		}
	}
	m, err := r.draw(r.Model.Theta(), r.grad)
	if err != nil {
		return false, fmt.Errorf("train: step %d: %w", k, err)
	}
	rate := r.LearningRate(k)
	r.row = record.Step{
		Step: k, Epoch: int32(epoch), Examples: int32(m.Examples), Evaluations: before.evaluations, WallTime: time.Now(),
		BatchLoss: record.Some(m.Loss), BatchAccuracy: record.Some(m.Accuracy), LearningRate: record.Some(rate),
		FullLoss: whole.FullLoss, TestLoss: whole.TestLoss,
	}
	r.result.BatchLoss = m.Loss
	diverged := !finite(m.Loss)
	stopped := ctx.Err() != nil
	// The row at which a run ends is kept whatever the schedule says; one that a
	// checkpoint lets go on does not end here.
	ends := diverged || stopped && r.Checkpoint == nil
	// A stop may have cut short the losses that belong in this row. A run that goes
	// on computes the row again, whole.
	if !stopped || ends || !firstOfEpoch {
		r.ends = ends
		if err := r.append(ends || r.Schedule.Keep(k, int32(epoch)), r.grad); err != nil {
			return false, err
		}
	}
	switch {
	case diverged:
		r.end(Diverged, fmt.Sprintf("diverged: the batch loss is %v at step %d, epoch %d; the step is recorded", m.Loss, k, epoch))
		return true, nil
	case stopped:
		r.end(Stopped, fmt.Sprintf("stopped at step %d, epoch %d, before its update", k, epoch))
		if r.Checkpoint != nil {
			if err := r.Checkpoint(r.checkpoint(before)); err != nil {
				return true, fmt.Errorf("train: checkpoint before step %d: %w", k, err)
			}
		}
		return true, nil
	}
	if err := r.Optimizer.Step(ctx, r.Model.Theta(), r.grad, rate, (*probe)(r)); err != nil {
		return false, fmt.Errorf("train: step %d: %w", k, err)
	}
	r.result.Steps++
	return false, nil
}

// draw takes the next batch and fills grad with its gradient at theta, which is
// either the model's own or another point for which the model's is lent.
func (r *run) draw(theta, grad []float32) (Measure, error) {
	inputs, labels, err := r.Source.Batch(r.cursor.epoch, r.cursor.batch)
	if err != nil {
		return Measure{}, err
	}
	r.inputs, r.labels = inputs, labels
	r.cursor.advance()
	return r.gradient(theta, grad)
}

// gradient evaluates the current mini-batch at theta.
func (r *run) gradient(theta, grad []float32) (Measure, error) {
	r.result.Evaluations++
	own := r.Model.Theta()
	if &own[0] == &theta[0] {
		return r.Model.Gradient(r.inputs, r.labels, grad)
	}
	kept := slices.Clone(own)
	defer copy(own, kept)
	copy(own, theta)
	return r.Model.Gradient(r.inputs, r.labels, grad)
}

// evaluate fills in the losses over whole sets.
func (r *run) evaluate(ctx context.Context, s *record.Step) error {
	if r.Full != nil {
		m, err := r.Full.Evaluate(ctx, r.Model.Theta())
		if err != nil {
			return ignoreCancel(ctx, err)
		}
		s.FullLoss = record.Some(m.Loss)
		r.result.FullLoss = s.FullLoss
	}
	if r.Test != nil {
		m, err := r.Test.Evaluate(ctx, r.Model.Theta())
		if err != nil {
			return ignoreCancel(ctx, err)
		}
		s.TestLoss = record.Some(m.Loss)
		r.result.TestLoss, r.result.TestAcc = s.TestLoss, record.Some(m.Accuracy)
	}
	return nil
}

// ignoreCancel lets a cancelled evaluation leave its column absent: the step
// itself is still recorded and the loop stops at it.
func ignoreCancel(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// append hands the current row to the hook and, if it is kept, to the sink.
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
	r.kept++
	if r.recorded(&r.row) {
		return nil
	}
	kept := r.row
	if !r.Columns.Theta || !r.ends && !kept.Last() && !r.ThetaSchedule.Keep(kept.Step, kept.Epoch) {
		kept.Theta = nil
	}
	if !r.Columns.Grad || !r.GradSchedule.Keep(kept.Step, kept.Epoch) {
		kept.Grad = nil
	}
	if !r.Columns.State || !kept.Last() && !r.StateSchedule.Keep(kept.Step, kept.Epoch) {
		kept.State = nil
	}
	if err := r.Sink.Append(&kept); err != nil {
		return fmt.Errorf("train: step %d could not be recorded: %w", r.row.Step, err)
	}
	r.result.Rows++
	return nil
}

// recorded reports whether the sink has the row from before the run was resumed.
func (r *run) recorded(s *record.Step) bool {
	return r.Resume != nil && !r.Recorded.before(Position{s.Step, s.Substep})
}

// finish records the iterate after the last update.
func (r *run) finish(ctx context.Context) error {
	copy(r.state, r.Model.State())
	r.row = record.Step{
		Step: r.result.Steps, Epoch: int32(r.begun), Evaluations: r.result.Evaluations, WallTime: time.Now(),
	}
	if err := r.evaluate(ctx, &r.row); err != nil {
		return fmt.Errorf("train: last iterate: %w", err)
	}
	if ctx.Err() != nil && r.Checkpoint != nil && (r.Full != nil && !r.row.FullLoss.Valid || r.Test != nil && !r.row.TestLoss.Valid) {
		r.end(Stopped, fmt.Sprintf("stopped after the last update, step %d, before its losses were known", r.result.Steps))
		if err := r.Checkpoint(r.checkpoint(r.mark())); err != nil {
			return fmt.Errorf("train: checkpoint after step %d: %w", r.result.Steps, err)
		}
		return nil
	}
	if err := r.append(true, nil); err != nil {
		return err
	}
	if i := slices.IndexFunc(r.Model.Theta(), func(v float32) bool { return !finite(float64(v)) }); i >= 0 {
		r.end(Diverged, fmt.Sprintf("diverged: parameter %d is %v after the last update, step %d; the iterate is recorded", i, r.Model.Theta()[i], r.result.Steps))
		return nil
	}
	epochs := "epochs"
	if r.Epochs == 1 {
		epochs = "epoch"
	}
	r.end(Finished, fmt.Sprintf("finished %d %s in %d steps", r.Epochs, epochs, r.result.Steps))
	return nil
}

func (r *run) end(s Status, message string) { r.result.Status, r.result.Message = s, message }

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// probe is the run as the optimizer sees it.
type probe run

var _ Probe = (*probe)(nil)

// BatchLoss is the loss of the row.
func (p *probe) BatchLoss() float64 { return (*run)(p).row.BatchLoss.Value }

// Loss evaluates the current mini-batch at another theta. A look elsewhere is no
// training step: running statistics are as they were afterwards.
func (p *probe) Loss(theta []float32) (float64, error) {
	r := (*run)(p)
	if r.probed == nil {
		r.probed = make([]float32, len(r.grad))
	}
	kept := slices.Clone(r.Model.State())
	m, err := r.gradient(theta, r.probed)
	copy(r.Model.State(), kept)
	return m.Loss, err
}

// Next draws a fresh mini-batch.
func (p *probe) Next(theta, grad []float32) (float64, error) {
	m, err := (*run)(p).draw(theta, grad)
	return m.Loss, err
}

// Inner records an inner iterate where the outer step is kept.
func (p *probe) Inner(theta []float32, loss float64) error {
	r := (*run)(p)
	if r.Sink == nil || !r.Schedule.Keep(r.row.Step, r.row.Epoch) {
		return nil
	}
	s := record.Step{
		Step: r.row.Step, Substep: r.row.Substep + 1, Epoch: r.row.Epoch, Evaluations: r.result.Evaluations,
		WallTime: time.Now(), BatchLoss: record.Some(loss),
	}
	r.row.Substep = s.Substep
	if r.Columns.Theta && r.ThetaSchedule.Keep(s.Step, s.Epoch) {
		s.Theta = theta
	}
	r.kept++
	if r.recorded(&s) {
		return nil
	}
	if err := r.Sink.Append(&s); err != nil {
		return fmt.Errorf("substep %d could not be recorded: %w", s.Substep, err)
	}
	r.result.Rows++
	return nil
}
