package consistency_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/train"
	"sgdwalk/train/consistency"
	"sgdwalk/train/nn/kernel"
	"sgdwalk/train/optim"
	"sgdwalk/train/session"
)

func schedule(t *testing.T, text string) record.Schedule {
	t.Helper()
	s, err := record.ParseSchedule(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSchedules: a recording with some of the rows or vectors has no violation, and the notes
// say which updates were not checked.
func TestSchedules(t *testing.T) {
	for _, test := range []struct {
		optimizer, rows, theta, grad string
		updates                      int // of 30
		note                         string
	}{
		{optimizer: "sgd", rows: "every:10", updates: 0, note: "3 pairs of rows were not compared: steps between them are not recorded"},
		{optimizer: "momentum", rows: "every:10", updates: 0, note: "3 pairs of rows were not compared: steps between them are not recorded"},
		// Steps 0 to 4 and 20 to 24: the last of them is followed by a gap.
		{optimizer: "sgd", rows: "steps:0-4,20-24", updates: 8, note: "2 pairs of rows were not compared"},
		{optimizer: "adam", rows: "steps:0-4,20-24", updates: 4, note: "the state of the optimizer is not known"},
		{optimizer: "momentum", rows: "steps:0-4,20-24", updates: 7, note: "was inferred from an update"},
		{optimizer: "nesterov", rows: "steps:0-4,20-24", updates: 7, note: "was inferred from an update"},
		{optimizer: "rmsprop", rows: "epochs:2", updates: 0, note: "the state of the optimizer is not known"},
		{optimizer: "sgd", rows: "log:4", updates: 3, note: "steps between them"},
		{optimizer: "sgd", theta: "every:3", updates: 0, note: "30 updates were not checked: theta of the step"},
		{optimizer: "sgd", theta: "steps:0-9", updates: 9, note: "theta of the step"},
		{optimizer: "sgd", grad: "every:2", updates: 15, note: "15 updates were not checked: the gradient"},
		{optimizer: "entropy-sgd", rows: "every:2", updates: 0, note: "steps between them"},
		{optimizer: "sam-sgd", grad: "every:2", updates: 1, note: "15 updates were not checked: the gradient"},
		// The last step is recorded too, for the average.
		{optimizer: "schedule-free-sgd", rows: "every:10", updates: 0, note: "3 pairs of rows were not compared"},
		{optimizer: "schedule-free-sgd", rows: "steps:0-4", updates: 4, note: "the state of the optimizer is not known"},
	} {
		t.Run(fmt.Sprintf("%s/%s%s%s", test.optimizer, test.rows, test.theta, test.grad), func(t *testing.T) {
			c := config(t, test.optimizer)
			c.Schedule, c.ThetaSchedule, c.GradSchedule = schedule(t, test.rows), schedule(t, test.theta), schedule(t, test.grad)
			r := check(t, trainRun(t, c), consistency.Options{Samples: 1})
			wantNone(t, r)
			if r.Updates != test.updates || !noted(r, test.note) {
				t.Errorf("%d updates; want %d, and the note %q: %+v", r.Updates, test.updates, test.note, r.Notes)
			}
		})
	}
}

// TestInferredStateFindsDefects: after a gap, momentum is checked with the state that one
// update gives.
func TestInferredStateFindsDefects(t *testing.T) {
	c := config(t, "momentum")
	c.Schedule = schedule(t, "steps:0-4,20-29")
	run := trainRun(t, c)
	another, _ := run.Read(2, record.GradPart)
	bad := copied(t, run, func(_ int, s *record.Step) bool {
		if s.Step == 26 {
			copy(s.Grad, another.Grad)
		}
		return true
	})
	r := check(t, bad, consistency.Options{SkipLosses: true})
	if v := find(r, consistency.Update, 26); v == nil || len(r.Violations) != 1 {
		t.Errorf("%+v", r.Violations)
	}
}

// TestUnfinishedAndDivergedRuns have no violation.
func TestUnfinishedAndDivergedRuns(t *testing.T) {
	for _, name := range optim.Names() {
		run := trainRun(t, config(t, name))
		for _, rows := range []int{0, 1, 2, 7} {
			part := copied(t, run, func(i int, _ *record.Step) bool { return i < rows })
			r := check(t, part, consistency.Options{})
			wantNone(t, r)
			if r.Rows != rows {
				t.Errorf("%s: %d rows of %d", name, r.Rows, rows)
			}
		}
		c := config(t, name)
		c.RateSchedule = ""
		c.Hyperparameters["learning_rate"] = 1e30
		diverged := trainRun(t, c)
		last, _ := diverged.Read(diverged.Len()-1, record.AllParts)
		wantNone(t, check(t, diverged, consistency.Options{Samples: -1}))
		if name == "sgd" && !math.IsNaN(last.BatchLoss.Value) {
			t.Errorf("the run did not diverge: %v", last.BatchLoss)
		}
	}
}

// stopper stops training after some steps.
type stopper struct {
	left int
	stop context.CancelFunc
}

func (*stopper) Begin(string, int) {}

func (s *stopper) Add(n int) {
	if s.left -= n; s.left <= 0 {
		s.stop()
	}
}

// TestResumedRun: a run that was stopped and resumed, read from its files, has no violation. A
// model with running statistics is one.
func TestResumedRun(t *testing.T) {
	for _, name := range []string{"adam", "sam-sgd"} {
		t.Run(name, func(t *testing.T) { resumedRun(t, name) })
	}
}

func resumedRun(t *testing.T, optimizer string) {
	data, err := digits()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "run")
	batch := 400
	settings := &session.Settings{
		Data: "digits", Model: "resnet:8", Optimizer: optimizer, Batch: &batch, Epochs: 2, Seed: 3, Grad: true,
	}
	ctx, cancel := context.WithCancel(t.Context())
	s, err := session.Start(ctx, dir, settings, session.Options{Progress: &stopper{5, cancel}, Opened: data})
	if err != nil || s.Result.Status != train.Stopped {
		t.Fatalf("%+v, %v; want a stopped run", s, err)
	}
	if _, err = session.Resume(t.Context(), dir, session.Options{Opened: data}, nil); err != nil {
		t.Fatal(err)
	}
	run, err := arrowfile.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	r := check(t, run, consistency.Options{Samples: -1})
	wantNone(t, r)
	if r.Updates != 8 || r.Gradients != 8 || r.Losses == 0 || r.Rows != run.Len() {
		t.Errorf("%+v", r)
	}

	// The running statistics of a step follow from the batch before it.
	bad := copied(t, run, func(_ int, s *record.Step) bool {
		if s.Step == 4 && s.Substep == 0 {
			s.State[3] += 0.25
		}
		return true
	})
	r = check(t, bad, consistency.Options{Samples: -1})
	if v := find(r, consistency.State, 4); v == nil || v.Tensor != run.Header().State[0].Name || r.Counts[consistency.BatchLoss] != 0 {
		t.Errorf("want the running statistics of step 4, got %+v", r.Violations)
	}

	useAnotherKernel(t, run.Header().Kernel)
	r = check(t, run, consistency.Options{Samples: 2})
	wantNone(t, r)
	if !noted(r, "not bit for bit") || r.Updates != 8 {
		t.Errorf("%d updates, notes %+v", r.Updates, r.Notes)
	}
}

// useAnotherKernel makes the test compute with another instruction set, which gives other
// bits, and skips it where there is none.
func useAnotherKernel(t *testing.T, name string) {
	t.Helper()
	others := slices.DeleteFunc(kernel.Available(), func(k string) bool { return k == name })
	if len(others) == 0 {
		t.Skip("this processor has one instruction set only")
	}
	if err := kernel.Use(others[len(others)-1]); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kernel.Use(name) })
}

// TestMuonOnAnotherKernel: the updates of Muon are not compared, because their bits are those
// of the instruction set.
func TestMuonOnAnotherKernel(t *testing.T) {
	run := trainRun(t, config(t, "muon"))
	useAnotherKernel(t, run.Header().Kernel)
	r := check(t, run, consistency.Options{Samples: 2})
	wantNone(t, r)
	if r.Updates != 0 || !noted(r, "the update of muon depends on the instruction set") {
		t.Errorf("%d updates, notes %+v", r.Updates, r.Notes)
	}
}

// TestFullLoss: the losses over the whole sets are those of the model at theta.
func TestFullLoss(t *testing.T) {
	run := trainRun(t, config(t, "adam"))
	for code, change := range map[consistency.Code]func(s *record.Step){
		consistency.FullLoss: func(s *record.Step) { s.FullLoss.Value *= 1.01 },
		consistency.TestLoss: func(s *record.Step) { s.TestLoss.Value *= 1.01 },
		consistency.Rounding: func(s *record.Step) { s.FullLoss.Value = math.Nextafter(s.FullLoss.Value, 9) },
	} {
		bad := copied(t, run, func(i int, s *record.Step) bool {
			if i == 15 { // the first step of the second epoch
				change(s)
			}
			return true
		})
		if v := check(t, bad, consistency.Options{}).Violations; len(v) != 1 || v[0].Code != code || v[0].Step != 15 {
			t.Errorf("want %s at step 15, got %+v", code, v)
		}
	}
}

// damaged is a recording with a row that cannot be read.
type damaged struct {
	record.Trajectory
	row int
	err error
}

func (d damaged) Read(i int, parts record.Parts) (record.Step, error) {
	if i == d.row {
		return record.Step{}, d.err
	}
	return d.Trajectory.Read(i, parts)
}

// TestUnreadableRow: damage is noted and the rows around it are checked; any other error ends
// the check.
func TestUnreadableRow(t *testing.T) {
	run := trainRun(t, config(t, "sgd"))
	r := check(t, damaged{run, 9, &arrowfile.CorruptError{Path: "x", Err: errors.New("torn")}}, consistency.Options{})
	wantNone(t, r)
	if r.Rows != 30 || r.Updates != 28 || !noted(r, "row 9 is damaged") {
		t.Errorf("%d rows, %d updates, %+v", r.Rows, r.Updates, r.Notes)
	}
	broken := errors.New("broken")
	if _, err := consistency.Check(t.Context(), damaged{run, 9, broken}, consistency.Options{SkipLosses: true}); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := consistency.Check(ctx, run, consistency.Options{SkipLosses: true}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := consistency.Check(t.Context(), run, consistency.Options{Samples: -2}); err == nil {
		t.Error("-2 samples are accepted")
	}
}

// TestContradictingHeader: the numbers of the header determine the number of steps.
func TestContradictingHeader(t *testing.T) {
	run := trainRun(t, config(t, "sgd"))
	h := run.Header().Clone()
	h.Steps++
	m, _ := record.NewMemory(h)
	for i := range run.Len() {
		s, _ := run.Read(i, record.AllParts)
		if err := m.Append(&s); err != nil {
			t.Fatal(err)
		}
	}
	r := check(t, m, consistency.Options{SkipLosses: true})
	if len(r.Violations) == 0 || r.Violations[0].Code != consistency.Header || r.Violations[0].Value.Value != 31 ||
		r.Violations[0].Expected.Value != 30 {
		t.Errorf("%+v", r.Violations)
	}
}

// TestOtherData: losses are not compared on data that are not the recorded ones.
func TestOtherData(t *testing.T) {
	r, err := consistency.Check(t.Context(), trainRun(t, config(t, "sgd")), consistency.Options{Data: "spirals"})
	if err != nil {
		t.Fatal(err)
	}
	wantNone(t, r)
	if r.Gradients != 0 || !noted(r, "not the data that the run was recorded on") {
		t.Errorf("%+v", r)
	}
}
