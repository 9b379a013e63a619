package train

import (
	"fmt"
	"slices"
)

// Piece is a named part of an optimizer's memory. It has one kind of value.
type Piece struct {
	Name    string
	Float32 []float32
	Float64 []float64
	Uint64  []uint64
}

// Stateful is an optimizer with a memory. One that is built from the same record
// and seed and gets the state of another goes on exactly as that one would.
//
// State returns the pieces in a fixed order. Their vectors are the optimizer's
// own memory: they are valid, and must not be changed, until the next call of
// Step or SetState. SetState copies the values of such pieces, in any order; an
// error leaves the optimizer as it was.
type Stateful interface {
	State() []Piece
	SetState([]Piece) error
}

// Checkpoint is the state of a run just before step Step: everything from which
// it goes on bit for bit. Together with the run's header it is complete.
type Checkpoint struct {
	Step        int64 // the next step
	Epoch       int   // pass and batch that the next step draws, from 1 and from 0
	Batch       int
	Begun       int   // last epoch whose first step was taken
	Evaluations int64 // made so far
	Rows        int64 // that a recording has before step Step; one with fewer has lost some
	Theta       []float32
	State       []float32
	Optimizer   []Piece // memory of the optimizer; empty for one without
}

// mark is how far a run has come before a step. Drawing the batch and recording
// the row move it.
type mark struct {
	cursor      cursor
	begun       int
	evaluations int64
	kept        int64
}

func (r *run) mark() mark { return mark{r.cursor, r.begun, r.result.Evaluations, r.kept} }

// checkpoint describes where the run stood before the step that is about to be,
// or was just, recorded. Its vectors are the run's own.
func (r *run) checkpoint(before mark) *Checkpoint {
	c := &Checkpoint{
		Step: r.result.Steps, Epoch: before.cursor.epoch, Batch: before.cursor.batch,
		Begun: before.begun, Evaluations: before.evaluations, Rows: before.kept,
		Theta: r.Model.Theta(), State: r.state,
	}
	if o, ok := r.Optimizer.(Stateful); ok {
		c.Optimizer = o.State()
	}
	return c
}

// restore puts the run where the checkpoint says.
func (r *run) restore(c *Checkpoint) error {
	if len(c.Theta) != len(r.Model.Theta()) || len(c.State) != len(r.Model.State()) {
		return fmt.Errorf("train: the checkpoint has %d parameters and %d statistics; the model has %d and %d", len(c.Theta), len(c.State), len(r.Model.Theta()), len(r.Model.State()))
	}
	if c.Step < 0 || c.Epoch < 1 || c.Batch < 0 || c.Batch >= r.cursor.perEpoch {
		return fmt.Errorf("train: the checkpoint is at step %d, epoch %d, batch %d; an epoch has batches 0 to %d", c.Step, c.Epoch, c.Batch, r.cursor.perEpoch-1)
	}
	o, stateful := r.Optimizer.(Stateful)
	switch {
	case stateful:
		if err := o.SetState(c.Optimizer); err != nil {
			return fmt.Errorf("train: checkpoint: %w", err)
		}
	case len(c.Optimizer) > 0:
		return fmt.Errorf("train: the checkpoint has %d pieces of optimizer state; the optimizer has no state", len(c.Optimizer))
	}
	copy(r.Model.Theta(), c.Theta)
	copy(r.Model.State(), c.State)
	r.result.Steps, r.result.Evaluations, r.kept = c.Step, c.Evaluations, c.Rows
	r.cursor.epoch, r.cursor.batch, r.begun = c.Epoch, c.Batch, c.Begun
	return nil
}

// Clone returns a deep copy, which outlives the step.
func (c *Checkpoint) Clone() *Checkpoint {
	d := *c
	d.Theta, d.State = slices.Clone(c.Theta), slices.Clone(c.State)
	d.Optimizer = slices.Clone(c.Optimizer)
	for i, p := range d.Optimizer {
		d.Optimizer[i] = Piece{p.Name, slices.Clone(p.Float32), slices.Clone(p.Float64), slices.Clone(p.Uint64)}
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
