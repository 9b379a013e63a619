package arrowfile

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

// drawRows draws a run with any values and any of its numbers and vectors absent.
func drawRows(t *rapid.T) (*record.Header, []record.Step) {
	h := recordtest.Header(rapid.IntRange(2, 40).Draw(t, "parameters"))
	h.Columns = record.Columns{
		Theta: rapid.Bool().Draw(t, "theta"), Grad: rapid.Bool().Draw(t, "grad"),
		State: rapid.Bool().Draw(t, "state"),
	}
	h.Format = rapid.IntRange(1, record.FormatVersion).Draw(t, "format")
	if h.Format > 1 {
		h.Columns.Substep = rapid.Bool().Draw(t, "inner iterates")
		h.DType = rapid.SampledFrom([]string{record.Float32, record.Float16, record.BFloat16}).Draw(t, "dtype")
	}
	round := func(v []float32) []float32 {
		precisionOf(h.DType).RoundTo(v, v)
		return v
	}
	optional := func() record.Optional {
		if rapid.Bool().Draw(t, "absent") {
			return record.Optional{}
		}
		return record.Some(math.Float64frombits(rapid.Uint64().Draw(t, "number")))
	}
	vector := func(recorded bool, n int) []float32 {
		if !recorded || rapid.IntRange(0, 4).Draw(t, "vector absent") == 0 {
			return nil
		}
		bits := rapid.SliceOfN(rapid.Uint32(), n, n).Draw(t, "vector")
		v := make([]float32, n)
		for i := range v {
			v[i] = math.Float32frombits(bits[i])
		}
		return v
	}
	rows := make([]record.Step, rapid.IntRange(0, 8).Draw(t, "rows"))
	step := int64(0)
	for k := range rows {
		step += rapid.Int64Range(1, 1<<40).Draw(t, "step")
		ns := rapid.Int64().Filter(func(ns int64) bool { return ns != 0 }).Draw(t, "wall time") // 0 stands for none
		rows[k] = record.Step{
			Step:  step,
			Epoch: rapid.Int32().Draw(t, "epoch"), Examples: rapid.Int32().Draw(t, "examples"),
			Evaluations: rapid.Int64().Draw(t, "evaluations"),
			WallTime:    time.Unix(0, ns),
			BatchLoss:   optional(), BatchAccuracy: optional(), LearningRate: optional(), FullLoss: optional(),
			TestLoss: optional(),
			Theta:    round(vector(h.Columns.Theta, h.Layout.Len())),
			Grad:     round(vector(h.Columns.Grad, h.Layout.Len())), State: vector(h.Columns.State, h.State.Len()),
		}
		if h.HasSubsteps() {
			rows[k].Substep = rapid.Int32Range(0, math.MaxInt32).Draw(t, "substep")
		}
	}
	return h, rows
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h, rows := drawRows(rt)
		dir := writeRun(t, h, rows, Options{SegmentBytes: rapid.Int64Range(0, 12000).Draw(rt, "segment")})
		r := mustOpen(t, dir)
		if r.Len() != len(rows) || !r.Closed() || r.Torn() != 0 {
			rt.Fatalf("%d rows, closed %v, torn %d; want %d, true, 0", r.Len(), r.Closed(), r.Torn(), len(rows))
		}
		for i := range rows {
			got, err := r.Read(i, record.AllParts)
			if err != nil {
				rt.Fatal(err)
			}
			if d := recordtest.Diff(&got, &rows[i]); d != "" {
				rt.Errorf("row %d: %s", i, d)
			}
		}
		if s, err := Check(dir, func(err error) { rt.Error(err) }); err != nil || s.Rows != int64(len(rows)) {
			rt.Errorf("check: %+v, %v", s, err)
		}
		r.Close()
	})
}

func TestCounters(t *testing.T) {
	h := recordtest.Header(50000) // vectors large enough to be passed through
	rows := recordtest.Rows(h, 6, 1)
	dir := filepath.Join(t.TempDir(), "run")
	w, err := Create(dir, h, Options{SegmentBytes: 900_000})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	onDisk := func() (n int64) {
		numbers, err := segmentNumbers(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range numbers {
			info, err := os.Stat(filepath.Join(dir, segmentName(k)))
			if err != nil {
				t.Fatal(err)
			}
			n += info.Size()
		}
		return n
	}
	for i := range rows {
		if err := w.Append(&rows[i]); err != nil {
			t.Fatal(err)
		}
		if w.Rows() != int64(i+1) || w.Bytes() != onDisk() {
			t.Errorf("after row %d: %d rows, %d bytes; on disk are %d", i, w.Rows(), w.Bytes(), onDisk())
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if w.Bytes() != onDisk() {
		t.Errorf("closed: %d bytes, on disk are %d", w.Bytes(), onDisk())
	}
	if r := mustOpen(t, dir); r.Segments() < 3 || r.Bytes() != onDisk() {
		t.Errorf("%d segments, %d bytes; want several, %d", r.Segments(), r.Bytes(), onDisk())
	}
}

// TestSegmentBytes: no segment grows beyond what is allowed, except by its one row.
func TestSegmentBytes(t *testing.T) {
	h := recordtest.Header(100)
	const limit = 20_000
	dir := writeRun(t, h, recordtest.Rows(h, 30, 1), Options{SegmentBytes: limit})
	numbers, err := segmentNumbers(dir)
	if err != nil || len(numbers) < 3 {
		t.Fatalf("%d segments, %v", len(numbers), err)
	}
	for _, n := range numbers {
		b := mustRead(t, filepath.Join(dir, segmentName(n)))
		footer := 3000 // not counted
		if len(b) > limit+footer {
			t.Errorf("segment %d has %d bytes", n, len(b))
		}
	}
}

func TestIdenticalRuns(t *testing.T) {
	h := recordtest.Header(30)
	rows := recordtest.Rows(h, 9, 1)
	later := slices.Clone(rows)
	for i := range later {
		later[i].WallTime = later[i].WallTime.Add(time.Duration(i+1) * time.Hour)
	}
	opts := Options{SegmentBytes: 8000}
	one, same, other := writeRun(t, h, rows, opts), writeRun(t, h, rows, opts), writeRun(t, h, later, opts)
	names := []string{headerName}
	for n := range mustOpen(t, one).Segments() {
		names = append(names, segmentName(n))
	}
	r := mustOpen(t, one)
	for i, name := range names {
		a, b, c := mustRead(t, filepath.Join(one, name)), mustRead(t, filepath.Join(same, name)),
			mustRead(t, filepath.Join(other, name))
		if !bytes.Equal(a, b) {
			t.Errorf("%s differs between two runs of the same rows", name)
		}
		if i == 0 {
			continue
		}
		// With other wall times, only they and their checksums differ.
		s := r.state.Load().segments[i-1]
		for j := range s.rows() {
			v, err := s.row(j)
			if err != nil {
				t.Fatal(err)
			}
			for k, col := range s.run.columns.list {
				if col.field == fieldWallTime {
					at := v.at + v.body.data[k].offset
					clear(a[at : at+8])
					clear(c[at : at+8])
				}
			}
			for k, check := range s.run.columns.checks {
				if check == fieldWallCRC {
					at := v.at + v.body.checks.offset + 4*int64(k)
					clear(a[at : at+4])
					clear(c[at : at+4])
				}
			}
		}
		if !bytes.Equal(a, c) {
			t.Errorf("%s differs outside the wall time", name)
		}
	}
}

func TestWallTimeOutOfRange(t *testing.T) {
	h := recordtest.Header(2)
	w, err := Create(filepath.Join(t.TempDir(), "run"), h, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Append(&record.Step{WallTime: time.Date(2500, 1, 1, 0, 0, 0, 0, time.UTC)}); err == nil {
		t.Error("a wall time that 64 bits of nanoseconds cannot hold was taken")
	}
	if err := w.Append(&record.Step{}); err != nil {
		t.Errorf("after a refused row: %v", err)
	}
}

func TestOptions(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	_, err := Create(dir, recordtest.Header(2), Options{SegmentBytes: -1})
	if err == nil || !strings.Contains(err.Error(), "SegmentBytes is -1") {
		t.Errorf("error %v; want one that names SegmentBytes and -1", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a refused Create left %s", dir)
	}
}

// TestAppendAllocations: a row allocates nothing, whatever its length; the list of
// rows for the footer grows now and then.
func TestAppendAllocations(t *testing.T) {
	for p, runs := range map[int]int{2: 50, 100_000: 50, inPartsFrom / 4: 5} {
		h := recordtest.Header(p)
		s := recordtest.Rows(h, 1, 1)[0]
		w, err := Create(filepath.Join(t.TempDir(), "run"), h, Options{})
		must(t, err)
		defer w.Close()
		appendOne := func() {
			s.Step++
			must(t, w.Append(&s))
		}
		if n := testing.AllocsPerRun(runs, appendOne); n != 0 && !raceEnabled {
			t.Errorf("a row of %d parameters takes %v allocations", p, n)
		}
	}
}

// TestRoom: what the format adds to a row of 100,000 parameters is less than 0.2
// per cent.
func TestRoom(t *testing.T) {
	h := recordtest.Header(100_000)
	h.Columns = record.Columns{Theta: true}
	row, run, err := Overhead(h)
	must(t, err)
	if row > 800 || run > 6000 {
		t.Errorf("the format adds %d bytes to a row and %d to a run", row, run)
	}
}
