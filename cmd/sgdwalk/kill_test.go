package main

import (
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/recorder"
	"sgdwalk/train/replay"
)

// killTally is what TestKilledTraining reports.
type killTally struct {
	kills, unborn, torn, resumed int
	acknowledged, rows, foreign  int
}

// TestKilledTraining kills training (SIGKILL) at random moments, from its start
// to its last rows. A row is acknowledged when Writer.Append has returned nil for
// it. Half of the kills are of a process that says so: the last number which
// arrived from it counts. The others are of the program as users have it, which
// does not say; there, what a reader in another process has seen before the kill
// counts. After every kill
//
//   - all acknowledged rows are there, and every row is, bit for bit, that of the
//     same run without a kill;
//   - verify finds nothing but a torn end, and no damage;
//   - repair gives a run that verify finds sound, with all these rows, and the
//     Arrow library by itself reads the same values from it; of a run without rows it
//     says that nothing could be saved;
//   - of some, train --resume makes the whole run.
func TestKilledTraining(t *testing.T) {
	t.Parallel()
	kills := faults(8, 200)
	rng := rand.New(rand.NewPCG(11, 12))
	runs := faultRuns()
	references := make([]*arrowfile.Reader, len(runs))
	for i, f := range runs {
		references[i] = f.reference(t)
	}
	var tally killTally
	for i := 0; tally.kills < kills; i++ {
		if i > 3*kills {
			t.Fatalf("only %d of %d runs could be killed before they ended", tally.kills, i)
		}
		k := &kill{run: runs[i%len(runs)], reference: references[i%len(runs)], dir: filepath.Join(t.TempDir(), "run")}
		k.says = i/len(runs)%2 == 0
		k.target = rng.IntN(k.reference.Len() * 9 / 10)
		k.delay = time.Duration(rng.IntN(3000)) * time.Microsecond
		if i%10 == 9 { // while it starts, perhaps before there is a run
			k.target, k.delay = -1, time.Duration(rng.IntN(60))*time.Millisecond
		}
		if !k.strike(t) {
			continue // it had ended
		}
		tally.kills++
		k.check(t, &tally, i%10 == 4)
		if t.Failed() {
			t.Fatalf("kill %d: %+v, after %d rows were acknowledged", tally.kills, k.run, k.acknowledged)
		}
		os.RemoveAll(filepath.Dir(k.dir))
	}
	t.Logf("%d kills: %d before the run could be opened, %d in the middle of a row; %d rows were acknowledged, %d "+
		"found and compared, %d read by the Arrow library after repair; %d runs resumed to their end",
		tally.kills, tally.unborn, tally.torn, tally.acknowledged, tally.rows, tally.foreign, tally.resumed)
}

// kill is one of them.
type kill struct {
	run          faultRun
	reference    *arrowfile.Reader
	dir          string
	says         bool          // the process says what it has acknowledged
	target       int           // rows that must be acknowledged first; below 0 the delay alone counts
	delay        time.Duration // from then on
	acknowledged int
}

// strike trains and kills; it reports whether the kill came before the end.
func (k *kill) strike(t *testing.T) (killed bool) {
	t.Helper()
	if k.says {
		cmd, rows := k.run.startAcknowledging(t, k.dir)
		for k.acknowledged < k.target {
			n, more := <-rows
			if !more {
				break
			}
			k.acknowledged = n
		}
		time.Sleep(k.delay)
		cmd.Process.Kill()
		for n := range rows {
			k.acknowledged = n
		}
		return cmd.Wait() != nil
	}
	cmd := exec.Command("sgdwalk", k.run.args(k.dir, "--quiet")...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for k.target >= 0 && rowsIn(k.dir) < k.target {
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("training failed without a kill: %v", err)
			}
			return false
		case <-time.After(200 * time.Microsecond):
		}
	}
	time.Sleep(k.delay)
	k.acknowledged = rowsIn(k.dir)
	cmd.Process.Kill()
	return <-ended != nil
}

// check looks at what the kill has left.
func (k *kill) check(t *testing.T, tally *killTally, resume bool) {
	t.Helper()
	tally.acknowledged += k.acknowledged
	r, err := arrowfile.Open(k.dir)
	if err != nil {
		if k.acknowledged > 0 || !errors.Is(err, arrowfile.ErrNotRun) && !errors.Is(err, arrowfile.ErrMissingSegment) {
			t.Fatalf("%d rows were acknowledged, and now: %v", k.acknowledged, err)
		}
		tally.unborn++
		return
	}
	r.Close()
	rows, torn := prefix(t, k.dir, k.reference)
	if rows < k.acknowledged {
		t.Errorf("%d rows, but %d were acknowledged", rows, k.acknowledged)
	}
	tally.rows += rows
	status := exitOK
	if torn > 0 {
		tally.torn++
		status = exitDamaged
	}
	wantStatus(t, status, "verify", k.dir)
	if s, err := arrowfile.Check(k.dir, func(error) {}); err != nil || s.Damaged != 0 || int(s.Rows) != rows || s.Live {
		t.Errorf("%+v, %v; want %d rows and no damage", s, err, rows)
	}
	repaired := k.dir + "-repaired"
	if rows == 0 {
		wantStatus(t, exitFailure, "repair", k.dir, "--out", repaired)
		return
	}
	wantStatus(t, exitOK, "repair", k.dir, "--out", repaired)
	wantStatus(t, exitOK, "verify", repaired)
	if n, _ := prefix(t, repaired, k.reference); n != rows {
		t.Errorf("%d rows are left of %d after repair", n, rows)
	}
	n := independently(t, repaired, k.reference)
	if n != rows {
		t.Errorf("the Arrow library reads %d rows of %d", n, rows)
	}
	tally.foreign += n
	if _, err := os.Stat(filepath.Join(k.dir, recorder.ConfigName)); !resume || err != nil {
		return // killed before its settings were written
	}
	if rows == k.reference.Len() {
		return // the last row was there, and only the end of the file was not
	}
	wantStatus(t, exitOK, "train", "--resume", k.dir)
	if n, _ := prefix(t, k.dir, k.reference); n != k.reference.Len() {
		t.Errorf("%d rows of %d after --resume", n, k.reference.Len())
	}
	tally.resumed++
}

// TestResumeWithLostRows: a power cut can leave a checkpoint and lose rows that
// were written before it. The run is computed again, and no row is missing.
func TestResumeWithLostRows(t *testing.T) {
	f := faultRun{Model: "mlp:8", Optimizer: "entropy-sgd", Batch: 100, Epochs: 3, Seed: 5}
	written := filepath.Join(t.TempDir(), "reference")
	wantStatus(t, exitOK, f.args(written)...)
	reference, err := arrowfile.Open(written)
	if err != nil {
		t.Fatal(err)
	}
	defer reference.Close()
	checkpoint, err := os.ReadFile(filepath.Join(written, replay.CheckpointName))
	if err != nil {
		t.Fatal(err)
	}
	config, err := os.ReadFile(filepath.Join(written, recorder.ConfigName))
	if err != nil {
		t.Fatal(err)
	}
	h := reference.Header()
	c, err := replay.LoadCheckpoint(written, h)
	if err != nil {
		t.Fatal(err)
	}
	if c.Rows < 5 || c.Rows >= int64(reference.Len()) {
		t.Fatalf("the last checkpoint is after %d of %d rows", c.Rows, reference.Len())
	}
	for _, lost := range []int64{0, 1, 4, c.Rows} {
		dir := filepath.Join(t.TempDir(), "run")
		w, err := arrowfile.Create(dir, h, arrowfile.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range c.Rows - lost {
			s, err := reference.Read(int(i), record.AllParts)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Append(&s); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string][]byte{replay.CheckpointName: checkpoint, recorder.ConfigName: config} {
			if err := os.WriteFile(filepath.Join(dir, name), text, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		_, stderr := wantStatus(t, exitOK, "train", "--resume", dir)
		if again := strings.Contains(stderr, "computed again from the start"); again != (lost > 0) {
			t.Errorf("%d rows lost: it says %q", lost, stderr)
		}
		if n, _ := prefix(t, dir, reference); n != reference.Len() {
			t.Errorf("%d rows lost: %d rows of %d after --resume", lost, n, reference.Len())
		}
	}
}
