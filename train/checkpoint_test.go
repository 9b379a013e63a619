package train_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"sgdwalk/record"
	"sgdwalk/train"
)

// heavy is descent with a memory, so that a resumed run shows whether it is kept.
type heavy struct{ velocity []float32 }

func (h *heavy) Step(_ context.Context, theta, grad []float32, rate float64, _ train.Probe) error {
	for i := range theta {
		h.velocity[i] = 0.5*h.velocity[i] + grad[i]
		theta[i] -= float32(rate) * h.velocity[i]
	}
	return nil
}

func (h *heavy) State() []train.Piece { return []train.Piece{{Name: "velocity", Float32: h.velocity}} }

func (h *heavy) SetState(p []train.Piece) error {
	copy(h.velocity, p[0].Float32)
	return nil
}

func resumable(t *testing.T) (*train.Loop, *record.Memory) {
	l, m, _ := start(t)
	l.Optimizer, l.Epochs = &heavy{velocity: make([]float32, 1)}, 4
	return l, m
}

// TestResumeIsBitForBit stops a run at every step and lets a new one go on from
// the checkpoint: the rows of both are those of a run that was never stopped.
func TestResumeIsBitForBit(t *testing.T) {
	whole, want := resumable(t)
	if _, err := whole.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, schedule := range []string{"every:1", "every:3"} {
		for at := range int64(8) {
			l, m := resumable(t)
			l.Schedule, _ = record.ParseSchedule(schedule)
			ctx, cancel := context.WithCancel(context.Background())
			l.Hook = func(s *record.Step) error {
				if s.Step == at {
					cancel()
				}
				return nil
			}
			// The hook cancels after the step was found not to be stopped, so the run
			// stops at the next one; at the last step it finishes.
			var kept *train.Checkpoint
			l.Checkpoint = func(c *train.Checkpoint) error { kept = c.Clone(); return nil }
			r, err := l.Run(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if r.Status == train.Finished {
				continue
			}
			again, _ := resumable(t)
			again.Schedule, again.Sink, again.Resume = l.Schedule, m, kept
			last, _ := m.Read(m.Len()-1, record.AllParts)
			again.Recorded = train.Position{Step: last.Step, Substep: last.Substep}
			if r, err := again.Run(context.Background()); err != nil || r.Status != train.Finished {
				t.Fatalf("stopped at %d: %+v, %v", at, r, err)
			}
			var steps []int64
			for i := range m.Len() {
				s, _ := m.Read(i, record.AllParts)
				steps = append(steps, s.Step)
				w, _ := want.Read(int(s.Step), record.AllParts)
				if !slices.Equal(s.Theta, w.Theta) || !slices.Equal(s.Grad, w.Grad) || !slices.Equal(s.State, w.State) || s.Evaluations != w.Evaluations || s.Epoch != w.Epoch {
					t.Fatalf("stopped at %d: row of step %d is %+v; the run in one piece has %+v", at, s.Step, s, w)
				}
			}
			wantSteps := []int64{0, 1, 2, 3, 4, 5, 6, 7, 8}
			if schedule == "every:3" {
				wantSteps = []int64{0, 3, 6, 8}
			}
			if !slices.Equal(steps, wantSteps) {
				t.Errorf("stopped at %d with %s: rows of steps %v; want %v", at, schedule, steps, wantSteps)
			}
		}
	}
}

// TestResumeFromAnOlderCheckpoint is what a killed process leaves: rows that are
// newer than the last checkpoint. They are computed again and not recorded twice.
func TestResumeFromAnOlderCheckpoint(t *testing.T) {
	l, m := resumable(t)
	var kept []*train.Checkpoint
	l.Checkpoint = func(c *train.Checkpoint) error { kept = append(kept, c.Clone()); return nil }
	l.MaxSteps = 5
	if _, err := l.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(kept) != 2 || kept[0].Step != 2 || kept[1].Step != 4 {
		t.Fatalf("checkpoints %+v; want one at the first step of epochs 2 and 3", kept)
	}
	// One row a step, so that as many come before a checkpoint as its step says.
	if kept[0].Rows != 2 || kept[1].Rows != 4 {
		t.Errorf("the checkpoints are after %d and %d rows; want 2 and 4", kept[0].Rows, kept[1].Rows)
	}
	rows := m.Len()
	again, _ := resumable(t)
	var later []int64
	again.Checkpoint = func(c *train.Checkpoint) error { later = append(later, c.Rows); return nil }
	again.Sink, again.Resume, again.Recorded = m, kept[0], train.Position{Step: 5}
	if _, err := again.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	// Row 5 was recorded as a last row; steps 6 to 8 are new.
	if m.Len() != rows+3 {
		t.Errorf("%d rows became %d; want three more", rows, m.Len())
	}
	// Rows that are computed again count as well: they are there.
	if want := []int64{2, 4, 6}; !slices.Equal(later, want) {
		t.Errorf("after resuming, checkpoints are after %d rows; want %d", later, want)
	}
}

func TestForeignCheckpointsAreRefused(t *testing.T) {
	l, _ := resumable(t)
	l.Resume = &train.Checkpoint{Theta: make([]float32, 2), State: make([]float32, 1), Epoch: 1}
	if _, err := l.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "2 parameters") {
		t.Errorf("got %v; want another model's checkpoint refused", err)
	}
	l.Resume = &train.Checkpoint{Theta: make([]float32, 1), State: make([]float32, 1), Epoch: 1, Batch: 2}
	if _, err := l.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "batch 2") {
		t.Errorf("got %v; want a place outside the data refused", err)
	}
}

// cutShort is an evaluation that the n-th of its calls interrupts.
type cutShort struct {
	left   int
	cancel func()
}

func (c *cutShort) Evaluate(ctx context.Context, theta []float32) (train.Measure, error) {
	if c.left--; c.left == 0 {
		c.cancel()
	}
	return train.Measure{Loss: float64(theta[0])}, ctx.Err()
}

// A run that is stopped within the evaluation of a whole set, the last one
// included, records that loss when it goes on.
func TestResumeWithinAnEvaluation(t *testing.T) {
	nothing := func() {}
	whole, want := resumable(t)
	whole.Full = &cutShort{cancel: nothing}
	if _, err := whole.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	for at := 1; at <= 5; at++ { // four epochs and the last iterate
		l, m := resumable(t)
		ctx, cancel := context.WithCancel(context.Background())
		l.Full = &cutShort{left: at, cancel: cancel}
		var kept *train.Checkpoint
		l.Checkpoint = func(c *train.Checkpoint) error { kept = c.Clone(); return nil }
		if r, err := l.Run(ctx); err != nil || r.Status != train.Stopped || kept == nil {
			t.Fatalf("stopped in evaluation %d: %+v, %v", at, r, err)
		}
		again, _ := resumable(t)
		again.Full, again.Sink, again.Resume, again.Recorded = &cutShort{cancel: nothing}, m, kept, train.Position{Step: -1}
		if m.Len() > 0 {
			last, _ := m.Read(m.Len()-1, record.AllParts)
			again.Recorded = train.Position{Step: last.Step, Substep: last.Substep}
		}
		if r, err := again.Run(context.Background()); err != nil || r.Status != train.Finished {
			t.Fatalf("stopped in evaluation %d: %+v, %v", at, r, err)
		}
		if m.Len() != want.Len() {
			t.Fatalf("stopped in evaluation %d: %d rows; want %d", at, m.Len(), want.Len())
		}
		for i := range m.Len() {
			s, _ := m.Read(i, record.AllParts)
			w, _ := want.Read(i, record.AllParts)
			if s.FullLoss != w.FullLoss || !slices.Equal(s.Theta, w.Theta) || s.Epoch != w.Epoch || s.Evaluations != w.Evaluations {
				t.Errorf("stopped in evaluation %d: row %d is %+v; want %+v", at, i, s, w)
			}
		}
	}
}
