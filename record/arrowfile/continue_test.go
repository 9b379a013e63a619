package arrowfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

// TestContinue lets a second writer go on where a first one stopped: in order,
// without an end, with a torn row, with nothing but a beginning.
func TestContinue(t *testing.T) {
	h := recordtest.Header(5)
	rows := recordtest.Rows(h, 8, 1)
	for _, c := range []struct {
		name string
		rows int
		stop func(t *testing.T, dir string, w *Writer)
	}{
		{"closed", 5, func(t *testing.T, _ string, w *Writer) { mustClose(t, w) }},
		{"died", 5, die},
		{"died before the first row", 0, die},
		{"torn", 5, func(t *testing.T, dir string, w *Writer) {
			appendRows(t, w, rows[5:6])
			die(t, dir, w)
			path := lastSegment(t, dir)
			b := mustRead(t, path)
			mustWrite(t, path, b[:len(b)-40])
		}},
	} {
		for _, segmentBytes := range []int64{0, 1} { // one segment, one for each row
			t.Run(fmt.Sprintf("%s/%d", c.name, segmentBytes), func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "run")
				w, err := Create(dir, h, Options{SegmentBytes: segmentBytes})
				if err != nil {
					t.Fatal(err)
				}
				appendRows(t, w, rows[:c.rows])
				c.stop(t, dir, w)
				w, err = Continue(dir, Options{SegmentBytes: segmentBytes})
				if err != nil {
					t.Fatal(err)
				}
				if w.Rows() != int64(c.rows) {
					t.Errorf("goes on after %d rows; there are %d", w.Rows(), c.rows)
				}
				if _, err := Continue(dir, Options{}); !errors.Is(err, ErrLocked) {
					t.Errorf("a second writer: %v; want it refused", err)
				}
				appendRows(t, w, rows[c.rows:])
				mustClose(t, w)
				r := mustOpen(t, dir)
				if r.Len() != len(rows) {
					t.Fatalf("%d rows; want %d", r.Len(), len(rows))
				}
				for i := range rows {
					got, err := r.Read(i, record.AllParts)
					if err != nil {
						t.Fatal(err)
					}
					if d := recordtest.Diff(&got, &rows[i]); d != "" {
						t.Errorf("row %d: %s", i, d)
					}
				}
				if r.Bytes() != w.Bytes() {
					t.Errorf("the writer counts %d bytes, there are %d", w.Bytes(), r.Bytes())
				}
				if _, err := Check(dir, func(err error) { t.Error(err) }); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
}

func TestContinueRefuses(t *testing.T) {
	h := recordtest.Header(5)
	rows := recordtest.Rows(h, 3, 1)
	dir := writeRun(t, h, rows, Options{})
	w, err := Continue(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(&rows[1]); err == nil {
		t.Error("a row that goes backwards is taken")
	}
	mustClose(t, w)
	if _, err := Continue(t.TempDir(), Options{}); !errors.Is(err, ErrNotRun) {
		t.Errorf("no run: %v", err)
	}
	// A damaged row in the segment that must be written anew is not carried over.
	dir = filepath.Join(t.TempDir(), "run")
	if w, err = Create(dir, h, Options{}); err != nil {
		t.Fatal(err)
	}
	appendRows(t, w, rows)
	die(t, dir, w)
	path := lastSegment(t, dir)
	b := mustRead(t, path)
	b[len(b)/2] ^= 4
	mustWrite(t, path, b)
	var corrupt *CorruptError
	if _, err := Continue(dir, Options{}); !errors.As(err, &corrupt) {
		t.Errorf("damaged: %v; want a CorruptError", err)
	}
	if got := mustRead(t, path); string(got) != string(b) {
		t.Error("the damaged segment was changed")
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 3 { // header, lock, segment
		t.Errorf("something was left behind: %v", entries)
	}
}

// die is the death of a writer's process: nothing more is written and the lock
// is gone.
func die(t *testing.T, _ string, w *Writer) {
	t.Helper()
	if err := w.file.file.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.lock.Close(); err != nil {
		t.Fatal(err)
	}
}

func mustClose(t *testing.T, w *Writer) {
	t.Helper()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func lastSegment(t *testing.T, dir string) string {
	t.Helper()
	numbers, err := segmentNumbers(dir)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, segmentName(numbers[len(numbers)-1]))
}
