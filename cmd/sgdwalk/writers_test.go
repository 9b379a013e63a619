package main

import (
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sgdwalk/record/arrowfile"
)

// TestTwoWriters: while the program trains into a run, nothing else gets to write
// it, and the run comes out as if nobody had tried.
func TestTwoWriters(t *testing.T) {
	f := faultRun{Model: "mlp:128", Optimizer: "sgd", Batch: 20, Epochs: 15, Seed: 6}
	reference := f.reference(t)
	rng := rand.New(rand.NewPCG(15, 16))
	times := faults(1, 10)
	refused, rows := 0, 0
	for range times {
		dir := filepath.Join(t.TempDir(), "run")
		cmd := exec.Command("sgdwalk", f.args(dir, "--quiet")...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		target := 1 + rng.IntN(reference.Len()/4)
		for rowsIn(dir) < target {
			time.Sleep(200 * time.Microsecond)
		}
		for _, second := range [][]string{
			f.args(dir, "--force"),
			{"train", "--resume", dir},
			{"repair", dir, "--out", dir + "-repaired"},
		} {
			status, _, stderr := call(second...)
			isRefused := status == exitFailure && strings.Contains(stderr, arrowfile.ErrLocked.Error())
			if !isRefused && over(ended) {
				continue // it came after the end of the first one: no verdict
			}
			if !isRefused {
				t.Errorf("sgdwalk %s leaves with %d: %s", strings.Join(second, " "), status, stderr)
			}
			refused++
		}
		if err := <-ended; err != nil {
			t.Fatalf("the first writer failed: %v", err)
		}
		wantStatus(t, exitOK, "verify", dir)
		n, _ := prefix(t, dir, reference)
		if n != reference.Len() {
			t.Errorf("%d rows of %d", n, reference.Len())
		}
		rows += n
	}
	if refused < 3*times/2 {
		t.Errorf("only %d of %d second writers came in time", refused, 3*times)
	}
	t.Logf("%d second writers refused; %d rows of the first ones found and compared", refused, rows)
}

// over reports whether a process has ended, or is about to.
func over(ended chan error) bool {
	select {
	case err := <-ended:
		ended <- err
		return true
	case <-time.After(200 * time.Millisecond):
		return false
	}
}

// rowsIn returns how many rows a reader sees.
func rowsIn(dir string) int {
	r, err := arrowfile.Open(dir)
	if err != nil {
		return 0
	}
	defer r.Close()
	return r.Len()
}
