package recordtest

import (
	"math/rand/v2"
	"sync"
	"testing"

	"sgdwalk/record"
)

// OpenTrajectory makes a trajectory of the rows.
type OpenTrajectory func(t *testing.T, h *record.Header, rows []record.Step) record.Trajectory

// Trajectory runs the conformance suite for a record.Trajectory.
func Trajectory(t *testing.T, open OpenTrajectory) {
	h := Header(64)
	rows := Rows(h, 40, 9)
	tr := open(t, h, rows)
	t.Run("header", func(t *testing.T) {
		if got, want := mustEncode(t, tr.Header()), mustEncode(t, h); got != want {
			t.Errorf("header:\n%s\nwant:\n%s", got, want)
		}
	})
	t.Run("any order", func(t *testing.T) {
		for range 2 { // the second time everything was read before
			for _, i := range rand.New(rand.NewPCG(1, 1)).Perm(len(rows)) {
				readRow(t, tr, rows, i)
			}
		}
	})
	t.Run("out of range", func(t *testing.T) {
		for _, i := range []int{-1, len(rows), len(rows) + 1000} {
			if _, err := tr.Read(i, record.AllParts); err == nil {
				t.Errorf("row %d of %d was read", i, len(rows))
			}
		}
	})
	t.Run("views stay", func(t *testing.T) {
		first, err := tr.Read(0, record.AllParts)
		if err != nil {
			t.Fatal(err)
		}
		for i := range rows {
			readRow(t, tr, rows, i)
		}
		if d := Diff(&first, &rows[0]); d != "" {
			t.Errorf("row 0 changed while others were read: %s", d)
		}
	})
	t.Run("concurrent", func(t *testing.T) {
		fresh := open(t, h, rows)
		var wg sync.WaitGroup
		for g := range 8 {
			wg.Go(func() {
				for _, i := range rand.New(rand.NewPCG(uint64(g), 2)).Perm(len(rows)) {
					readRow(t, fresh, rows, i)
				}
			})
		}
		wg.Wait()
	})
	t.Run("empty", func(t *testing.T) {
		empty := open(t, h, nil)
		if empty.Len() != 0 {
			t.Errorf("%d rows, want none", empty.Len())
		}
		if _, err := empty.Read(0, record.AllParts); err == nil {
			t.Error("row 0 of an empty run was read")
		}
	})
}

func readRow(t *testing.T, tr record.Trajectory, rows []record.Step, i int) {
	t.Helper()
	got, err := tr.Read(i, record.AllParts)
	if err != nil {
		t.Errorf("row %d: %v", i, err)
		return
	}
	if d := Diff(&got, &rows[i]); d != "" {
		t.Errorf("row %d: %s", i, d)
	}
}
