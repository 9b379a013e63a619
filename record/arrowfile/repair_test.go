package arrowfile

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

// repaired repairs a run and compares what came out with the rows that should
// have survived.
func repaired(t *testing.T, dir string, rows []record.Step, survivors string, lost int64) (Repaired, []error) {
	t.Helper()
	var problems []error
	out := filepath.Join(t.TempDir(), "repaired")
	before := tree(t, dir)
	got, err := Repair(dir, out, Options{}, func(err error) { problems = append(problems, err) })
	must(t, err)
	if after := tree(t, dir); !slices.Equal(before, after) {
		t.Errorf("the damaged run had %q and has %q", before, after)
	}
	if got.Rows != int64(len(survivors)) || got.Lost != lost {
		t.Errorf("%+v; want %d rows, %d lost", got, len(survivors), lost)
	}
	r := mustOpen(t, out)
	if r.Len() != len(survivors) || !r.Closed() {
		t.Fatalf("%d rows, closed %v; want %d", r.Len(), r.Closed(), len(survivors))
	}
	for i, c := range survivors {
		s, err := r.Read(i, record.AllParts)
		must(t, err)
		if d := recordtest.Diff(&s, &rows[c-'0']); d != "" {
			t.Errorf("row %d: %s", i, d)
		}
	}
	if s, problems := checkAll(t, out); len(problems) > 0 || s.Finished != got.Finished {
		t.Errorf("the new run: %+v, %v", s, problems)
	}
	return got, problems
}

func TestRepair(t *testing.T) {
	h := recordtest.Header(8)
	rows := recordtest.Rows(h, 5, 1)
	opts := Options{SegmentBytes: 6400} // three rows a segment
	spoil := func(t *testing.T, dir string, segment int, f func(damage)) {
		t.Helper()
		sound := mustOpen(t, dir)
		path := filepath.Join(dir, segmentName(segment))
		b := mustRead(t, path)
		f(damage{t, sound.state.Load().segments[segment], b})
		must(t, os.Remove(path))
		mustWrite(t, path, b)
	}
	t.Run("sound", func(t *testing.T) {
		dir := writeRun(t, h, rows, Options{})
		got, problems := repaired(t, dir, rows, "012345", 0)
		if len(problems) > 0 || !got.Finished {
			t.Errorf("%+v, %v", got, problems)
		}
	})
	t.Run("same bytes", func(t *testing.T) {
		dir := writeRun(t, h, rows, opts)
		out := filepath.Join(t.TempDir(), "out")
		_, err := Repair(dir, out, opts, func(err error) { t.Error(err) })
		must(t, err)
		for _, name := range tree(t, dir) {
			if !bytes.Equal(mustRead(t, filepath.Join(dir, name)), mustRead(t, filepath.Join(out, name))) {
				t.Errorf("repairing a sound run changes %s", name)
			}
		}
	})
	t.Run("torn", func(t *testing.T) {
		dir := writeRun(t, h, rows, opts)
		path := filepath.Join(dir, segmentName(1))
		end := mustOpen(t, dir).state.Load().segments[1].offsets[2]
		must(t, os.WriteFile(path, mustRead(t, path)[:end+100], 0o644))
		if got, _ := repaired(t, dir, rows, "01234", 0); got.Torn != 100 || got.Finished {
			t.Errorf("%+v; want 100 bytes torn, not finished", got)
		}
	})
	t.Run("values", func(t *testing.T) {
		dir := writeRun(t, h, rows, opts)
		spoil(t, dir, 0, func(d damage) { d.at(1, "theta")[0] ^= 1; d.at(2, "crc32c")[0] ^= 1 })
		if _, problems := repaired(t, dir, rows, "0345", 2); len(problems) != 2 {
			t.Error(problems)
		}
	})
	t.Run("schema and first row", func(t *testing.T) {
		dir := writeRun(t, h, rows, opts)
		spoil(t, dir, 1, func(d damage) { clear(d.b[:d.s.start]); clear(d.row(0)) })
		repaired(t, dir, rows, "01245", 1)
	})
	t.Run("missing segment", func(t *testing.T) {
		dir := writeRun(t, h, rows, Options{SegmentBytes: 1})
		removeSegments(t, dir, 1, 3)
		if _, problems := repaired(t, dir, rows, "0245", 2); len(problems) > 0 {
			t.Error(problems) // the gap shows in Lost
		}
	})
	t.Run("segment beyond help", func(t *testing.T) {
		dir := writeRun(t, h, rows, Options{SegmentBytes: 1})
		mustWrite(t, filepath.Join(dir, segmentName(2)), []byte("not ours any more"))
		if _, problems := repaired(t, dir, rows, "01345", 1); len(problems) != 1 {
			t.Error(problems)
		}
	})
}

func TestRepairRefuses(t *testing.T) {
	h := recordtest.Header(3)
	rows := recordtest.Rows(h, 2, 1)
	dir := writeRun(t, h, rows, Options{})
	ignore := func(error) {}
	other := writeRun(t, h, rows, Options{})
	for name, test := range map[string]struct {
		dir, out string
		opts     Options
		want     string
	}{
		"itself": {dir, dir, Options{Overwrite: true}, "the damaged run itself"},
		"itself, other words": {
			dir, filepath.Join(dir, "..", "run"),
			Options{Overwrite: true},
			"the damaged run itself",
		},
		"another run": {dir, other, Options{}, "already exists"},
		"no run":      {t.TempDir(), filepath.Join(t.TempDir(), "out"), Options{}, "not a recorded run"},
	} {
		before := tree(t, dir)
		if _, err := Repair(test.dir, test.out, test.opts, ignore); err == nil ||
			!strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, test.want)
		}
		if after := tree(t, dir); !slices.Equal(before, after) {
			t.Errorf("%s: the run had %q and has %q", name, before, after)
		}
	}
	live := filepath.Join(t.TempDir(), "live")
	w, err := Create(live, h, Options{})
	must(t, err)
	defer w.Close()
	if _, err := Repair(live, filepath.Join(t.TempDir(), "out"), Options{}, ignore); !errors.Is(err, ErrLocked) {
		t.Errorf("a run that is being written: %v, want %v", err, ErrLocked)
	}
}

func TestSync(t *testing.T) {
	h := recordtest.Header(10)
	rows := recordtest.Rows(h, 11, 1)
	for name, test := range map[string]struct {
		opts Options
		want int64 // syncs before Close
	}{
		"never":    {Options{}, 0},
		"rows":     {Options{SyncRows: 4}, 3},
		"bytes":    {Options{SyncBytes: 1}, 12},
		"interval": {Options{SyncInterval: time.Nanosecond}, 12},
		"long":     {Options{SyncInterval: time.Hour, SyncBytes: 1 << 40, SyncRows: 1 << 40}, 0},
	} {
		w, err := Create(filepath.Join(t.TempDir(), "run"), h, test.opts)
		must(t, err)
		appendRows(t, w, rows)
		if w.SyncCount() != test.want {
			t.Errorf("%s: %d syncs, want %d", name, w.SyncCount(), test.want)
		}
		must(t, w.Close())
		if w.SyncCount() != test.want+1 {
			t.Errorf("%s: %d syncs after Close, want %d", name, w.SyncCount(), test.want+1)
		}
	}
	for _, o := range []Options{{SyncRows: -1}, {SyncBytes: -1}, {SyncInterval: -1}} {
		if _, err := Create(filepath.Join(t.TempDir(), "run"), h, o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

func TestOverhead(t *testing.T) {
	for bits := range 8 {
		h := recordtest.Header(100)
		h.Columns = record.Columns{Theta: bits&1 != 0, Grad: bits&2 != 0, State: bits&4 != 0}
		size := func(updates int) int64 {
			rows := recordtest.Rows(h, updates, 1)[:updates]
			for i := range rows {
				rows[i].FullLoss, rows[i].TestLoss = record.Optional{}, record.Optional{}
			}
			dir := writeRun(t, h, rows, Options{})
			return mustOpen(t, dir).Bytes() + int64(len(mustRead(t, filepath.Join(dir, headerName))))
		}
		row, run, err := Overhead(h)
		must(t, err)
		vector := int64(0)
		for v, e := range columnsOf(h).exists {
			if e {
				vector += pad8(columnsOf(h).ofVector(v).bytes())
			}
		}
		for _, n := range []int{0, 1, 7} {
			if got, want := size(n), run+int64(n)*(row+vector); got != want {
				t.Errorf("%+v: %d rows take %d bytes, %d were expected", h.Columns, n, got, want)
			}
		}
	}
}
