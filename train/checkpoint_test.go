package train_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sgdwalk/record"
	"sgdwalk/train"
)

// momentum is an optimizer with state, so that a test notices if a resumed run
// loses the state.
type momentum struct{ velocity []float32 }

func (o *momentum) Step(_ context.Context, theta, grad []float32, rate float64, _ train.Probe) error {
	for i := range theta {
		o.velocity[i] = 0.5*o.velocity[i] + grad[i]
		theta[i] -= float32(rate) * o.velocity[i]
	}
	return nil
}

func (o *momentum) State() []train.Buffer {
	return []train.Buffer{{Name: "velocity", Float32: o.velocity}}
}

func (o *momentum) SetState(b []train.Buffer) error {
	copy(o.velocity, b[0].Float32)
	return nil
}

// resumable returns a loop with a stateful optimizer. The loop stores the latest
// checkpoint in *saved.
func resumable(t *testing.T) (l *train.Loop, m *record.Memory, saved **train.Checkpoint) {
	l, m, _ = start(t)
	l.Optimizer, l.Epochs = &momentum{velocity: make([]float32, 1)}, 4
	saved = new(*train.Checkpoint)
	l.Checkpoint = func(c *train.Checkpoint) error { *saved = c.Clone(); return nil }
	return l, m, saved
}

// resume makes the loop continue from the checkpoint with the rows of m.
func resume(l *train.Loop, c *train.Checkpoint, m *record.Memory) {
	l.Resume, l.Sink, l.Recorded = c, m, train.Position{Step: -1}
	if n := m.Len(); n > 0 {
		last, _ := m.Read(n-1, record.AllParts)
		l.Recorded = train.Position{Step: last.Step, Substep: last.Substep}
	}
}

// mustFinish runs the loop to its end.
func mustFinish(t *testing.T, l *train.Loop) {
	t.Helper()
	if r, err := l.Run(context.Background()); err != nil || r.Status != train.Finished {
		t.Fatalf("%+v, %v", r, err)
	}
}

// values prints what a resumed run must reproduce of a row.
func values(s record.Step) string {
	return fmt.Sprint(s.Step, s.Epoch, s.Evaluations, s.Theta, s.Grad, s.State, s.FullLoss)
}

// TestResumeIsBitForBit stops a run at every step and resumes it from its
// checkpoint. The rows must equal those of a run that was never stopped.
func TestResumeIsBitForBit(t *testing.T) {
	uninterrupted, want, _ := resumable(t)
	mustFinish(t, uninterrupted)
	steps := map[string][]int64{"every:1": {0, 1, 2, 3, 4, 5, 6, 7, 8}, "every:3": {0, 3, 6, 8}}
	for schedule, wantSteps := range steps {
		// The loop sees the cancellation at the step after at, so the last step is
		// not reached here.
		for at := range int64(7) {
			l, m, saved := resumable(t)
			l.Schedule, _ = record.ParseSchedule(schedule)
			if r := stopAt(t, l, at); r.Status != train.Stopped {
				t.Fatalf("cancelled at step %d: %+v", at, r)
			}
			resumed, _, _ := resumable(t)
			resumed.Schedule = l.Schedule
			resume(resumed, *saved, m)
			mustFinish(t, resumed)
			var steps []int64
			for i := range m.Len() {
				s, _ := m.Read(i, record.AllParts)
				steps = append(steps, s.Step)
				w, _ := want.Read(int(s.Step), record.AllParts)
				if values(s) != values(w) {
					t.Fatalf("stopped at %d: the row is %s; the uninterrupted run has %s", at, values(s), values(w))
				}
			}
			if !slices.Equal(steps, wantSteps) {
				t.Errorf("stopped at %d with %s: rows of steps %v; want %v", at, schedule, steps, wantSteps)
			}
		}
	}
}

// TestResumeFromAnOlderCheckpoint has the situation after a killed process: some
// rows are newer than the last checkpoint. The loop computes these steps again but
// does not record them twice.
func TestResumeFromAnOlderCheckpoint(t *testing.T) {
	l, m, _ := resumable(t)
	var saved []*train.Checkpoint
	l.Checkpoint = func(c *train.Checkpoint) error { saved = append(saved, c.Clone()); return nil }
	l.MaxSteps = 5
	mustFinish(t, l)
	if len(saved) != 2 || saved[0].Step != 2 || saved[1].Step != 4 {
		t.Fatalf("checkpoints %+v; want one at the first step of epochs 2 and 3", saved)
	}
	if saved[0].Rows != 2 || saved[1].Rows != 4 { // one row per step
		t.Errorf("the checkpoints are after %d and %d rows; want 2 and 4", saved[0].Rows, saved[1].Rows)
	}
	rows := m.Len()
	resumed, _, _ := resumable(t)
	var later []int64
	resumed.Checkpoint = func(c *train.Checkpoint) error { later = append(later, c.Rows); return nil }
	resume(resumed, saved[0], m)
	mustFinish(t, resumed)
	// Row 5 was recorded as a last row; steps 6 to 8 are new.
	if m.Len() != rows+3 {
		t.Errorf("%d rows became %d; want three more", rows, m.Len())
	}
	// Rows that are computed again count too, because the recording has them.
	if want := []int64{2, 4, 6}; !slices.Equal(later, want) {
		t.Errorf("after resuming, checkpoints are after %d rows; want %d", later, want)
	}
}

func TestForeignCheckpointsAreRefused(t *testing.T) {
	one, two := make([]float32, 1), make([]float32, 2)
	for want, c := range map[string]*train.Checkpoint{
		"2 parameters": {Theta: two, State: one, Epoch: 1},
		"batch 2":      {Theta: one, State: one, Epoch: 1, Batch: 2},
	} {
		l, _, _ := resumable(t)
		l.Resume = c
		if _, err := l.Run(context.Background()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v; want an error with %q", err, want)
		}
	}
}

// interrupted is an evaluation that cancels the run in its n-th call.
type interrupted struct {
	n      int
	cancel func()
}

func (e *interrupted) Evaluate(ctx context.Context, theta []float32) (train.Measure, error) {
	if e.n--; e.n == 0 {
		e.cancel()
	}
	return train.Measure{Loss: float64(theta[0])}, ctx.Err()
}

// TestResumeWithinAnEvaluation stops a run while it computes a loss over a whole
// set, also at the last iterate. The resumed run must record that loss.
func TestResumeWithinAnEvaluation(t *testing.T) {
	uninterrupted, want, _ := resumable(t)
	uninterrupted.Full = &interrupted{}
	mustFinish(t, uninterrupted)
	for at := 1; at <= 5; at++ { // four epochs and the last iterate
		l, m, saved := resumable(t)
		ctx, cancel := context.WithCancel(context.Background())
		l.Full = &interrupted{n: at, cancel: cancel}
		if r, err := l.Run(ctx); err != nil || r.Status != train.Stopped || *saved == nil {
			t.Fatalf("stopped in evaluation %d: %+v, %v", at, r, err)
		}
		resumed, _, _ := resumable(t)
		resumed.Full = &interrupted{}
		resume(resumed, *saved, m)
		mustFinish(t, resumed)
		if m.Len() != want.Len() {
			t.Fatalf("stopped in evaluation %d: %d rows; want %d", at, m.Len(), want.Len())
		}
		for i := range m.Len() {
			s, _ := m.Read(i, record.AllParts)
			w, _ := want.Read(i, record.AllParts)
			if values(s) != values(w) {
				t.Errorf("stopped in evaluation %d: row %d is %s; want %s", at, i, values(s), values(w))
			}
		}
	}
}
