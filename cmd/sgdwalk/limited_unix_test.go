//go:build unix

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"sgdwalk/record/recorder"

	"golang.org/x/sys/unix"
)

// limitedName is the command that the test binary is for runLimited.
const limitedName = "sgdwalk-limited"

// runLimited is the program in a process whose files cannot grow beyond so many
// bytes, its first argument: the next write is cut there and fails, as on a disk
// that is full at that byte.
func runLimited() {
	n, err := strconv.ParseUint(os.Args[1], 10, 64)
	if err == nil {
		signal.Ignore(syscall.SIGXFSZ)
		err = unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: n, Max: n})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(9)
	}
	os.Exit(run(context.Background(), os.Args[2:], os.Stdout, os.Stderr))
}

var endsAfterRow = regexp.MustCompile(`the recording ends after row (-?\d+)`)

// TestDiskFullWhileTraining: whichever write of the program finds no room, it
// says so on one line, or trains on and says that the recording is incomplete if
// it was told to, and what was written before is there, sound, and nothing torn.
func TestDiskFullWhileTraining(t *testing.T) {
	f := faultRun{Model: "mlp:2", Optimizer: "sgd", Batch: 100, Epochs: 1, Seed: 5}
	reference := f.reference(t)
	size := int(reference.Bytes())
	stride := size / faults(7, 400)
	full, rows, refused := 0, 0, 0
	most := 0
	for limit := 0; limit < size; limit += stride {
		dir := filepath.Join(t.TempDir(), "run")
		args := f.args(dir)
		trainOn := limit/stride%2 == 1
		if trainOn {
			args = append(args, "--on-record-error", "continue")
		}
		status, stdout, stderr := callLimited(t, limit, args...)
		full++
		last := stderr[strings.LastIndex(strings.TrimSpace(stderr), "\n")+1:]
		if _, err := os.Stat(filepath.Join(dir, "header.json")); err != nil {
			if status != exitFailure || !strings.Contains(last, "file too large") {
				t.Errorf("limit %d: status %d without a run: %s", limit, status, stderr)
			}
			refused++
			continue
		}
		n, torn := prefix(t, dir, reference)
		if torn != 0 || n < most {
			t.Errorf("limit %d: %d rows, %d bytes torn; a smaller disk had room for %d rows", limit, n, torn, most)
		}
		most = max(most, n)
		rows += n
		verified, _ := wantStatus(t, exitOK, "verify", dir)
		text := last
		switch {
		case trainOn && n < reference.Len():
			text = stdout
			if status != exitOK || !strings.Contains(stdout, "INCOMPLETE") {
				t.Errorf("limit %d: status %d, %q; want training to end and an incomplete recording",
					limit, status, stdout)
			}
			// A limit of the disk can leave train.json, which says so, unwritten too.
			if stats, err := recorder.ReadStats(dir); err == nil && stats != nil && !strings.Contains(verified,
				"INCOMPLETE: ") {
				t.Errorf("limit %d: verify says %q of an incomplete recording", limit, verified)
			}
		case status != exitFailure || !strings.HasPrefix(last, "sgdwalk: "):
			t.Errorf("limit %d: status %d: %s", limit, status, stderr)
		}
		if !strings.Contains(text, "file too large") || !strings.Contains(text, "steps-") {
			t.Errorf("limit %d: the message does not say what was too large: %q", limit, text)
		}
		if m := endsAfterRow.FindStringSubmatch(text); n < reference.Len() && (m == nil || m[1] != strconv.Itoa(n-1)) {
			t.Errorf("limit %d: %d rows are there; the message says %q", limit, n, text)
		}
	}
	if most != reference.Len() {
		t.Errorf("the largest disk had room for %d of %d rows; only the footer should have been missing",
			most, reference.Len())
	}
	t.Logf("%d full disks: %d before the first row could be written, %d rows found and compared after the others",
		full, refused, rows)
}

// callLimited runs the program in a limited process.
func callLimited(t *testing.T, limit int, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	cmd := exec.Command(limitedName, append([]string{strconv.Itoa(limit)}, args...)...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() < 0 {
		t.Fatalf("limit %d: %v", limit, err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}
