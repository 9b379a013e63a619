package replay_test

import (
	"path/filepath"
	"testing"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/train"
	"sgdwalk/train/replay"
)

// TestRecord: the run on disk has the rows of the loop, with the full losses where
// an epoch begins and at the end, and another run does not replace it unasked.
func TestRecord(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	x, err := replay.New(config())
	if err != nil {
		t.Fatal(err)
	}
	r, err := x.Record(t.Context(), dir, arrowfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Status != train.Finished || r.Steps != 15 || !r.FullLoss.Valid || !r.TestAcc.Valid {
		t.Errorf("%+v", r)
	}
	run, err := arrowfile.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	want, _ := trainRun(t, config())
	got, err := record.NewMemory(run.Header())
	if err != nil {
		t.Fatal(err)
	}
	for i := range run.Len() {
		s, err := run.Read(i, record.AllParts)
		if err != nil {
			t.Fatal(err)
		}
		if measured := i == 0 || s.IsLast(); s.FullLoss.Valid != measured || s.TestLoss.Valid != measured {
			t.Errorf("row %d: full loss %v, held-out loss %v", i, s.FullLoss, s.TestLoss)
		}
		if err := got.Append(&s); err != nil {
			t.Fatal(err)
		}
	}
	equalRows(t, want, got)
	if x, err = replay.New(config()); err != nil {
		t.Fatal(err)
	}
	if _, err := x.Record(t.Context(), dir, arrowfile.Options{}); err == nil {
		t.Error("a second run was written over the first one")
	}
}
