package arrowfile

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

// checkAll runs Check and returns its problems.
func checkAll(t testing.TB, dir string) (Summary, []error) {
	t.Helper()
	var problems []error
	s, err := Check(dir, func(err error) { problems = append(problems, err) })
	if err != nil {
		t.Fatal(err)
	}
	if s.Problems != len(problems) {
		t.Errorf("%d problems counted, %d reported", s.Problems, len(problems))
	}
	return s, problems
}

func TestCheckSound(t *testing.T) {
	h := recordtest.Header(5)
	rows := recordtest.Rows(h, 6, 1)
	for name, opts := range map[string]Options{
		"one segment": {}, "a row a segment": {SegmentBytes: 1},
		"rotating": {SegmentBytes: 6000},
	} {
		t.Run(name, func(t *testing.T) {
			s, problems := checkAll(t, writeRun(t, h, rows, opts))
			if len(problems) != 0 {
				t.Errorf("problems: %v", problems)
			}
			if s.Rows != 7 || s.Damaged != 0 || !s.Closed || !s.Finished || s.Torn != 0 || s.Live {
				t.Errorf("summary: %+v", s)
			}
		})
	}
	t.Run("no rows", func(t *testing.T) {
		if s, problems := checkAll(t, writeRun(t, h, nil, Options{})); len(problems) != 0 || s.Rows != 0 || !s.Closed {
			t.Errorf("summary %+v, problems %v", s, problems)
		}
	})
	t.Run("being written", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "run")
		w, err := Create(dir, h, Options{SegmentBytes: 6000})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		for i := range rows[:6] {
			if err := w.Append(&rows[i]); err != nil {
				t.Fatal(err)
			}
			s, problems := checkAll(t, dir)
			if len(problems) != 0 || s.Rows != int64(i+1) || s.Closed || s.Finished || !s.Live {
				t.Errorf("after %d rows: %+v, %v", i+1, s, problems)
			}
		}
	})
}

// flips returns how many random bit flips a test makes.
func flips(t *testing.T, usual int) int {
	if v := os.Getenv("SGDWALK_FLIPS"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			t.Fatalf("SGDWALK_FLIPS is %q; it must be a whole number", v)
		}
		return n
	}
	if raceEnabled {
		return usual / 20
	}
	return usual
}

// memorySource serves a segment from memory, which is quicker than writing a
// file for each of thousands of damages.
type memorySource []byte

func (m memorySource) bytes(off, n int64) ([]byte, error) {
	if err := checkRange(off, n, m.size()); err != nil {
		return nil, err
	}
	return m[off : off+n : off+n], nil
}
func (m memorySource) size() int64         { return int64(len(m)) }
func (m memorySource) mapped() bool        { return true }
func (m memorySource) refresh(int64) error { return nil }
func (m memorySource) freeze() error       { return nil }
func (m memorySource) close() error        { return nil }

// damagedRun is a run of two segments whose bits are flipped one at a time.
type damagedRun struct {
	dir   string
	rows  []record.Step
	files map[string][]byte
	names []string
	total int
}

func newDamagedRun(t *testing.T) *damagedRun {
	h := recordtest.Header(4)
	f := &damagedRun{
		rows: recordtest.Rows(h, 3, 4), files: make(map[string][]byte),
		names: []string{segmentName(0), segmentName(1)},
	}
	f.dir = writeRun(t, h, f.rows, Options{SegmentBytes: 4900})
	for _, name := range f.names {
		b, err := os.ReadFile(filepath.Join(f.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		f.files[name] = b
		f.total += len(b)
	}
	return f
}

func (f *damagedRun) open(path string) (byteSource, error) {
	return memorySource(f.files[filepath.Base(path)]), nil
}

// flip flips a bit, runs run and flips it back.
func (f *damagedRun) flip(at int, bit uint, run func(where string)) {
	for _, name := range f.names {
		b := f.files[name]
		if at >= len(b) {
			at -= len(b)
			continue
		}
		b[at] ^= 1 << bit
		run(fmt.Sprintf("%s, byte %d, bit %d", name, at, bit))
		b[at] ^= 1 << bit
		return
	}
}

// verdict reads the whole run and checks it: nothing that is handed out may be
// wrong, and Check must notice. It returns how many rows can still be read.
func (f *damagedRun) verdict(t *testing.T, where string) (intact int) {
	t.Helper()
	noticed := false
	if _, err := check(f.dir, func(error) { noticed = true }, f.open); err != nil {
		noticed = true
	}
	if !noticed {
		t.Errorf("%s: Check found nothing", where)
	}
	r, err := open(f.dir, f.open)
	if err != nil {
		return 0
	}
	defer r.Close()
	if r.Len() > len(f.rows) {
		t.Errorf("%s: %d rows of %d", where, r.Len(), len(f.rows))
		return 0
	}
	for i := range r.Len() {
		got, err := r.Read(i, record.AllParts)
		if err != nil {
			var corrupt *CorruptError
			if !errors.As(err, &corrupt) {
				t.Errorf("%s: row %d: %v is no CorruptError", where, i, err)
			}
			continue
		}
		intact++
		if d := recordtest.Diff(&got, &f.rows[i]); d != "" {
			t.Errorf("%s: row %d: wrong value: %s", where, i, d)
		}
	}
	return intact
}

// TestEveryByte flips one bit of the bytes of a run. It costs one row at most,
// wherever it is. The usual test takes every eleventh byte.
func TestEveryByte(t *testing.T) {
	f := newDamagedRun(t)
	rng := rand.New(rand.NewPCG(3, 4))
	stride := 11
	switch {
	case os.Getenv("SGDWALK_FLIPS") != "":
		stride = 1
	case raceEnabled:
		stride = 101
	}
	flipped := 0
	for at := 0; at < f.total; at += stride {
		flipped++
		f.flip(at, rng.UintN(8), func(where string) {
			if intact := f.verdict(t, where); intact < len(f.rows)-1 {
				t.Errorf("%s: %d rows of %d are left", where, intact, len(f.rows))
			}
		})
	}
	if !t.Failed() {
		t.Logf("%d of %d bytes damaged, one at a time: each detected, at most one row of %d lost",
			flipped, f.total, len(f.rows))
	}
}

func TestRandomFlips(t *testing.T) {
	f := newDamagedRun(t)
	rng := rand.New(rand.NewPCG(5, 6))
	n, rows := flips(t, 2000), 0
	for range n {
		f.flip(rng.IntN(f.total), rng.UintN(8), func(where string) { rows += f.verdict(t, where) })
	}
	if !t.Failed() {
		t.Logf("%d flips, each detected; %d rows could still be read, each as it was recorded", n, rows)
	}
}

// TestHeaderFlips: the header's bytes are the run's identity.
func TestHeaderFlips(t *testing.T) {
	h := recordtest.Header(4)
	dir := writeRun(t, h, recordtest.Rows(h, 2, 1), Options{})
	path := filepath.Join(dir, headerName)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := range b {
		b[at] ^= 1 << (at % 8)
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		if r, err := Open(dir); err == nil {
			r.Close()
			t.Errorf("byte %d of %s: the run was opened", at, headerName)
		}
		b[at] ^= 1 << (at % 8)
	}
}
