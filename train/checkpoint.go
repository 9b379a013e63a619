package train

import (
	"fmt"
	"slices"
)

// Buffer is one named vector of an optimizer's state, for example a momentum
// buffer or a step counter. Exactly one of the three slices is set.
type Buffer struct {
	Name    string
	Float32 []float32
	Float64 []float64
	Uint64  []uint64
}

// Checkpointed is an optimizer whose updates depend on earlier steps. A second
// optimizer that is built from the same record and seed and receives the state of
// the first one continues with the same bits.
//
// State returns the buffers in a fixed order. The slices are the optimizer's own
// memory: they are valid until the next call of Step or SetState and must not be
// changed. SetState copies the values of such buffers, which may be in any order.
// If SetState returns an error, the optimizer has not changed.
type Checkpointed interface {
	State() []Buffer
	SetState([]Buffer) error
}

// Checkpoint is the complete state of a run just before step Step. Together with
// the run's header it is enough to resume the run with the same bits.
type Checkpoint struct {
	Step        int64 // the next step
	Epoch       int   // epoch, from 1, of the batch that the next step draws
	Batch       int   // number of that batch in its epoch, from 0
	Begun       int   // last epoch whose first step was taken
	Evaluations int64 // evaluations before step Step
	Rows        int64 // rows before step Step; a recording with fewer rows is damaged
	Theta       []float32
	State       []float32
	Optimizer   []Buffer // empty for an optimizer without state
}

// progress says how far a run has come before a step. The loop takes it at the
// start of a step, because drawing the batch and recording the row change it.
type progress struct {
	cursor      cursor
	lastEpoch   int
	evaluations int64
	keptRows    int64
}

// progress returns the current progress.
func (r *run) progress() progress {
	return progress{r.cursor, r.lastEpoch, r.result.Evaluations, r.keptRows}
}

// checkpoint returns the checkpoint for the current step, whose progress was p
// before its batch was drawn. The vectors are borrowed from the run.
func (r *run) checkpoint(p progress) *Checkpoint {
	c := &Checkpoint{
		Step: r.result.Steps, Epoch: p.cursor.epoch, Batch: p.cursor.batch,
		Begun: p.lastEpoch, Evaluations: p.evaluations, Rows: p.keptRows,
		Theta: r.Model.Theta(), State: r.state,
	}
	if o, ok := r.Optimizer.(Checkpointed); ok {
		c.Optimizer = o.State()
	}
	return c
}

// restore sets the run, its model and its optimizer to the checkpoint.
func (r *run) restore(c *Checkpoint) error {
	if len(c.Theta) != len(r.Model.Theta()) || len(c.State) != len(r.Model.State()) {
		return fmt.Errorf("train: the checkpoint has %d parameters and %d statistics; the model has %d and %d",
			len(c.Theta), len(c.State), len(r.Model.Theta()), len(r.Model.State()))
	}
	if c.Step < 0 || c.Epoch < 1 || c.Batch < 0 || c.Batch >= r.cursor.perEpoch {
		return fmt.Errorf("train: the checkpoint is at step %d, epoch %d, batch %d; an epoch has batches 0 to %d",
			c.Step, c.Epoch, c.Batch, r.cursor.perEpoch-1)
	}
	if o, ok := r.Optimizer.(Checkpointed); ok {
		if err := o.SetState(c.Optimizer); err != nil {
			return fmt.Errorf("train: checkpoint: %w", err)
		}
	} else if n := len(c.Optimizer); n > 0 {
		return fmt.Errorf("train: the checkpoint has %d buffers of an optimizer; this optimizer has no state", n)
	}
	copy(r.Model.Theta(), c.Theta)
	copy(r.Model.State(), c.State)
	r.result.Steps, r.result.Evaluations, r.keptRows = c.Step, c.Evaluations, c.Rows
	r.cursor.epoch, r.cursor.batch, r.lastEpoch = c.Epoch, c.Batch, c.Begun
	return nil
}

// Clone returns a deep copy, which stays valid after the step.
func (c *Checkpoint) Clone() *Checkpoint {
	d := *c
	d.Theta, d.State = slices.Clone(c.Theta), slices.Clone(c.State)
	d.Optimizer = slices.Clone(c.Optimizer)
	for i, b := range d.Optimizer {
		d.Optimizer[i] = Buffer{b.Name, slices.Clone(b.Float32), slices.Clone(b.Float64), slices.Clone(b.Uint64)}
	}
	return &d
}

// Position is the place of a row in a recording.
type Position struct {
	Step    int64
	Substep int32
}

// before reports whether p comes before q.
func (p Position) before(q Position) bool {
	return p.Step < q.Step || p.Step == q.Step && p.Substep < q.Substep
}
