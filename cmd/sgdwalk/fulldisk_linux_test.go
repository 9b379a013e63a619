package main

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestFileSystemFullWhileTraining has something else take the room on a small
// file system while the program trains on it: the program had found it large
// enough. It mounts a tmpfs, which needs the right to and is nothing that a test
// does unasked, and therefore runs in the fault lane only.
func TestFileSystemFullWhileTraining(t *testing.T) {
	if os.Getenv("SGDWALK_FAULTS") == "" {
		t.Skip("SGDWALK_FAULTS is not set; TestDiskFullWhileTraining has the limited files")
	}
	f := faultRun{Model: "mlp:128", Optimizer: "sgd", Batch: 100, Epochs: 30, Seed: 1, Grad: true, SegmentBytes: 4e6}
	reference := f.reference(t)
	disk := t.TempDir()
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=80m"); err != nil {
		t.Skipf("no tmpfs could be mounted (%v); TestDiskFullWhileTraining has the limited files", err)
	}
	defer func() {
		if err := unix.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	}()
	rng := rand.New(rand.NewPCG(13, 14))
	const times = 30
	full, rows := 0, 0
	for i := range times {
		dir := filepath.Join(disk, "run")
		cmd := exec.Command("sgdwalk", f.args(dir, "--quiet")...)
		var errs strings.Builder
		cmd.Stderr = &errs
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ballast := filepath.Join(disk, "ballast")
		waitForRows(t, dir, 1+rng.IntN(reference.Len()/2))
		fill(t, ballast, int64(rng.IntN(400_000)))
		err := cmd.Wait()
		n, torn := prefix(t, dir, reference)
		wantStatus(t, exitOK, "verify", dir)
		if torn != 0 {
			t.Errorf("run %d: %d bytes are torn", i, torn)
		}
		rows += n
		last := errs.String()[strings.LastIndex(strings.TrimSpace(errs.String()), "\n")+1:]
		switch {
		case err == nil && n != reference.Len():
			t.Errorf("run %d: %d rows of %d, and no error", i, n, reference.Len())
		case err == nil: // it had ended
		case cmd.ProcessState.ExitCode() != exitFailure || !strings.HasPrefix(last, "sgdwalk: ") ||
			!strings.Contains(last, "no space left"):
			t.Errorf("run %d: %v: %s", i, err, errs.String())
		default:
			full++
		}
		os.RemoveAll(dir)
		os.Remove(ballast)
	}
	if full < times/2 {
		t.Errorf("only %d of %d runs had found the disk full before they ended", full, times)
	}
	t.Logf("%d runs, %d of them on a disk that became full; %d rows found and compared", times, full, rows)
}

// waitForRows waits until a reader sees so many rows.
func waitForRows(t *testing.T, dir string, rows int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Microsecond) {
		if rowsIn(dir) >= rows {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after a minute %s has not got %d rows", dir, rows)
		}
	}
}

// fill takes all room but so many bytes. The program takes room meanwhile, so
// that it may need another attempt.
func fill(t *testing.T, path string, leave int64) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		return // there is no room for even a name
	}
	defer f.Close()
	for range 1000 {
		var s unix.Statfs_t
		if err := unix.Statfs(path, &s); err != nil {
			t.Fatal(err)
		}
		have, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		room := int64(s.Bavail)*s.Bsize - leave
		if room <= 0 || unix.Fallocate(int(f.Fd()), 0, have.Size(), room) == nil {
			return
		}
	}
	t.Fatal("the disk could not be filled")
}
