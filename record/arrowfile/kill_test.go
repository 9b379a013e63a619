package arrowfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

// child is what a re-executed test binary does.
func child(role string, args []string) error {
	switch role {
	case "write":
		return childWrites(args[0])
	case "second":
		return childIsSecond(args[0])
	case "small disk":
		return childFillsDisk(args[0])
	}
	return fmt.Errorf("no such child: %s", role)
}

// childParameters makes rows large enough to be written in several pieces.
const childParameters = 6000

// childWrites appends rows until it is killed and says the number of each row
// after Append has acknowledged it.
func childWrites(dir string) error {
	h := recordtest.Header(childParameters)
	w, err := Create(dir, h, Options{SegmentBytes: 1 << 20})
	if err != nil {
		return err
	}
	rows := recordtest.Rows(h, childRows, 1)
	for i := range rows {
		if err := w.Append(&rows[i]); err != nil {
			return err
		}
		fmt.Println(i)
	}
	return w.Close()
}

const childRows = 400

func childIsSecond(dir string) error {
	_, err := Create(dir, recordtest.Header(3), Options{Overwrite: true})
	if !errors.Is(err, ErrLocked) {
		return fmt.Errorf("second writer: %w, want %w", err, ErrLocked)
	}
	return nil
}

func childCommand(role string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	// Under the race detector a process sleeps for a second before it ends.
	cmd.Env = append(os.Environ(), childVariable+"="+role, "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	return cmd
}

// TestKill kills a writing process at random moments: every acknowledged row is
// there, bit for bit.
func TestKill(t *testing.T) {
	times := 8
	if v := os.Getenv("SGDWALK_KILLS"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			t.Fatalf("SGDWALK_KILLS is %q; it must be a whole number", v)
		}
		times = n
	}
	h := recordtest.Header(childParameters)
	rows := recordtest.Rows(h, childRows, 1)
	rng := rand.New(rand.NewPCG(7, 8))
	torn, promised, found := 0, 0, 0
	for i := range times {
		dir := filepath.Join(t.TempDir(), "run")
		acknowledged := killedAfter(t, dir, rng.IntN(childRows*3/4), time.Duration(rng.IntN(2000))*time.Microsecond)
		r := mustOpen(t, dir)
		if r.Len() <= acknowledged || r.Len() > len(rows) {
			t.Errorf("kill %d: %d rows, but row %d was acknowledged", i, r.Len(), acknowledged)
		}
		if r.Torn() > 0 {
			torn++
		}
		promised += acknowledged + 1
		found += r.Len()
		for j := range r.Len() {
			got, err := r.Read(j, record.AllParts)
			if err != nil {
				t.Fatal(err)
			}
			if d := recordtest.Diff(&got, &rows[j]); d != "" {
				t.Errorf("kill %d, row %d: %s", i, j, d)
			}
		}
		if r.Finished() != (r.Len() == len(rows)) {
			t.Errorf("kill %d: finished is %v after %d rows", i, r.Finished(), r.Len())
		}
		s, problems := checkAll(t, dir)
		if s.Damaged != 0 || s.Rows != int64(r.Len()) || (len(problems) > 0) != (r.Torn() > 0) || s.Live {
			t.Errorf("kill %d: %+v, %v", i, s, problems)
		}
		r.Close()
		if w, err := Create(dir, h, Options{Overwrite: true}); err != nil {
			t.Errorf("kill %d: the lock outlived its process: %v", i, err)
		} else {
			w.Close()
		}
	}
	t.Logf("%d kills, %d of them in the middle of a row; %d rows were acknowledged, %d found and compared",
		times, torn, promised, found)
}

// killedAfter starts a child, kills it some time after it acknowledged the row
// and returns the last row that it said it had acknowledged.
func killedAfter(t *testing.T, dir string, row int, after time.Duration) (acknowledged int) {
	t.Helper()
	cmd := childCommand("write", dir)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	acknowledged = -1
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			break
		}
		if acknowledged, err = strconv.Atoi(strings.TrimSpace(line)); err != nil {
			t.Fatal(err)
		}
		if acknowledged == row {
			time.AfterFunc(after, func() { cmd.Process.Kill() })
		}
	}
	cmd.Wait() // killed: an error is expected
	return acknowledged
}

func TestSecondWriterProcess(t *testing.T) {
	h := recordtest.Header(3)
	dir := filepath.Join(t.TempDir(), "run")
	w, err := Create(dir, h, Options{})
	must(t, err)
	defer w.Close()
	if err := childCommand("second", dir).Run(); err != nil {
		t.Error(err)
	}
}
