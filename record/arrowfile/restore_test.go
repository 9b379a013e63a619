package arrowfile

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

// TestRestoreHeader: whatever happens to header.json, the rows are saved. Damage to
// both is survived as long as one segment has its copy, or the damage is one byte.
func TestRestoreHeader(t *testing.T) {
	h := recordtest.Header(8)
	rows := recordtest.Rows(h, 5, 1)
	header := func(dir string) string { return filepath.Join(dir, headerName) }
	// spoilCopies damages the copy of the header in every segment, and not the hash.
	spoilCopies := func(t *testing.T, dir string) {
		for _, n := range []int{0, 1} {
			path := filepath.Join(dir, segmentName(n))
			b := mustRead(t, path)
			mustWrite(t, path, bytes.ReplaceAll(b, []byte(`"seed"`), []byte(`"sEed"`)))
		}
	}
	other := recordtest.Header(8)
	other.Seed++
	for _, test := range []struct {
		name   string
		format int
		spoil  func(t *testing.T, dir string)
		keep   string // rows
	}{
		{"sound", 3, func(*testing.T, string) {}, "012345"},
		{"missing", 3, func(t *testing.T, dir string) { must(t, os.Remove(header(dir))) }, "012345"},
		{"empty", 3, func(t *testing.T, dir string) { mustWrite(t, header(dir), nil) }, "012345"},
		{"cut", 3, func(t *testing.T,
			dir string,
		) {
			b := mustRead(t, header(dir))
			mustWrite(t, header(dir), b[:len(b)/2])
		}, "012345"},
		{"zeros", 3, func(t *testing.T, dir string) { mustWrite(t, header(dir), make([]byte, 4096)) }, "012345"},
		{"another run's", 3, func(t *testing.T, dir string) { changeSeed(t, dir) }, "012345"},
		{
			"a newer format's", 3, func(t *testing.T,
				dir string,
			) {
				mustWrite(t, header(dir), []byte(`{"format": 9}`))
			},
			"012345",
		},
		{
			"a bit, and the copies", 3,
			func(t *testing.T, dir string) { spoilCopies(t, dir); flipByte(t, header(dir), 300, 1) }, "012345",
		},
		{"a byte of format 2", 2, func(t *testing.T, dir string) { flipByte(t, header(dir), 20, 0x55) }, "012345"},
		{"a bit of format 1", 1, func(t *testing.T, dir string) { flipByte(t, header(dir), 40, 4) }, "012345"},
		{"missing, and the first segment", 3, func(t *testing.T, dir string) {
			must(t, os.Remove(header(dir)))
			must(t, os.Remove(filepath.Join(dir, segmentName(0))))
		}, "345"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := h.Clone()
			h.Format, h.Columns.Substep = test.format, test.format > 1
			dir := writeRun(t, h, rows, Options{SegmentBytes: []int64{1: 6400, 2: 5200, 3: 6400}[test.format]})
			if n := len(mustOpen(t, dir).state.Load().segments); n != 2 {
				t.Fatalf("%d segments, want 2", n)
			}
			test.spoil(t, dir)
			if _, err := Open(dir); test.name != "sound" && !record.IsDamage(err) {
				t.Errorf("Open: %v; want damage", err)
			}
			repaired(t, dir, rows, test.keep, int64(len(rows)-len(test.keep)))
		})
	}
}

func flipByte(t *testing.T, path string, at int, bits byte) {
	t.Helper()
	b := mustRead(t, path)
	b[at] ^= bits
	mustWrite(t, path, b)
}

// TestNothingSaved: a repair that saves nothing says so and leaves nothing behind.
func TestNothingSaved(t *testing.T) {
	h := recordtest.Header(8)
	for _, test := range []struct {
		name    string
		spoil   func(t *testing.T, dir string)
		damaged bool
	}{
		{"no rows", func(*testing.T, string) {}, false},
		{"no segments", func(t *testing.T, dir string) { removeSegments(t, dir, 0) }, true},
		{"segment of another run", func(t *testing.T, dir string) {
			other := recordtest.Header(9)
			foreign := writeRun(t, other, recordtest.Rows(other, 2, 1), Options{})
			mustWrite(t, filepath.Join(dir, segmentName(0)), mustRead(t, filepath.Join(foreign, segmentName(0))))
			b := mustRead(t, filepath.Join(dir, segmentName(0)))
			clear(b[:4000]) // and what it says about its run cannot be read
			mustWrite(t, filepath.Join(dir, segmentName(0)), b)
		}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := writeRun(t, h, nil, Options{})
			test.spoil(t, dir)
			out := filepath.Join(t.TempDir(), "out")
			_, err := Repair(dir, out, Options{}, func(err error) { t.Log(err) })
			if err == nil || record.IsDamage(err) != test.damaged || !test.damaged && !errors.Is(err, ErrNothingSaved) {
				t.Errorf("%v; want an error, damage: %v", err, test.damaged)
			}
			if _, err := os.Stat(out); err == nil {
				t.Errorf("%s is left behind", out)
			}
		})
	}
}

// TestFinishedMark: whether a run came to its end does not depend on what its rows
// look like.
func TestFinishedMark(t *testing.T) {
	h := recordtest.Header(4)
	h.Steps = 0 // nobody planned them
	rows := recordtest.Rows(h, 4, 1)
	last := len(rows) - 1
	yes, no := true, false
	for _, test := range []struct {
		name string
		rows int
		set  *bool
		end  func(t *testing.T, dir string, w *Writer)
		want bool
	}{
		{"closed after the last row", last + 1, nil, nil, true},
		{"closed before", last, nil, nil, false},
		{"closed before, and it is the end", last, &yes, nil, true},
		{"closed after the last row, and it is not the end", last + 1, &no, nil, false},
		{"killed after the last row", last + 1, &yes, func(*testing.T, string, *Writer) {}, false},
		{"its last segment lost", last + 1, nil, func(t *testing.T, dir string, w *Writer) {
			must(t, w.Close())
			removeSegments(t, dir, last)
		}, false},
		{"continued and not ended again", last, &yes, func(t *testing.T, dir string, w *Writer) {
			must(t, w.Close())
			w, err := Continue(dir, Options{})
			must(t, err)
			w.SetFinished(false)
			must(t, w.Append(&rows[last]))
			must(t, w.Close())
		}, false},
		{"continued with nothing to add", last + 1, &no, func(t *testing.T, dir string, w *Writer) {
			must(t, w.Close())
			w, err := Continue(dir, Options{})
			must(t, err)
			w.SetFinished(true)
			must(t, w.Close())
		}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "run")
			w, err := Create(dir, h, Options{SegmentBytes: 1})
			must(t, err)
			appendRows(t, w, rows[:test.rows])
			if test.set != nil {
				w.SetFinished(*test.set)
			}
			if test.end == nil {
				must(t, w.Close())
			} else {
				test.end(t, dir, w)
			}
			if got := mustOpen(t, dir).Finished(); got != test.want {
				t.Errorf("Reader: finished %v, want %v", got, test.want)
			}
			s, problems := checkAll(t, dir)
			if s.Finished != test.want || len(problems) > 0 {
				t.Errorf("Check: finished %v, want %v; %v", s.Finished, test.want, problems)
			}
			w.Close()
		})
	}
}
