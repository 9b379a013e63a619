package arrowfile

import (
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

func TestAsyncConformance(t *testing.T) {
	for name, opts := range map[string]AsyncOptions{
		"default": {}, "one": {Queue: 1},
		"long queue": {Queue: 50, OnError: ContinueOnError},
		"in place":   {InPlace: true},
	} {
		t.Run(name, func(t *testing.T) {
			recordtest.Sink(t, func(t *testing.T, h *record.Header) (record.Sink, func() record.Trajectory) {
				dir := filepath.Join(t.TempDir(), "run")
				w, err := Create(dir, h, Options{SegmentBytes: 9000})
				must(t, err)
				a, err := NewAsync(w, h, opts)
				must(t, err)
				return a, func() record.Trajectory { return mustOpen(t, dir) }
			})
		})
	}
}

// slowSink takes a time for each row and fails at one.
type slowSink struct {
	*record.Memory
	takes  time.Duration
	failAt int // -1 for never
	closed bool
}

var errSink = errors.New("disk full")

func (s *slowSink) Append(row *record.Step) error {
	time.Sleep(s.takes)
	if s.Len() == s.failAt {
		return errSink
	}
	return s.Memory.Append(row)
}

func (s *slowSink) Close() error {
	s.closed = true
	return s.Memory.Close()
}

func newSlowSink(t *testing.T, h *record.Header, takes time.Duration, failAt int) *slowSink {
	t.Helper()
	m, err := record.NewMemory(h)
	must(t, err)
	return &slowSink{Memory: m, takes: takes, failAt: failAt}
}

// TestAsyncBackPressure: with a queue of two and a sink of 10 ms a row, a loop of
// 1 ms a step is taken three rows at once and waits from then on.
func TestAsyncBackPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := recordtest.Header(4)
		rows := recordtest.Rows(h, 10, 1)
		sink := newSlowSink(t, h, 10*time.Millisecond, -1)
		a, err := NewAsync(sink, h, AsyncOptions{Queue: 2})
		must(t, err)
		for i := range rows {
			before := time.Now()
			must(t, a.Append(&rows[i]))
			waited := time.Since(before)
			// The first row is written while the loop goes on. Row 3 is appended after
			// 3 ms and waits for the 10th; each one after it comes 1 ms after a buffer
			// became free and waits 9 ms.
			want := 9 * time.Millisecond
			switch {
			case i < 3:
				want = 0
			case i == 3:
				want = 7 * time.Millisecond
			}
			if waited != want {
				t.Errorf("row %d waited %v, want %v", i, waited, want)
			}
			time.Sleep(time.Millisecond)
		}
		must(t, a.Close())
		s := a.Stats()
		blocked := 7*time.Millisecond + time.Duration(len(rows)-4)*9*time.Millisecond
		if s.Rows != 11 || s.Dropped != 0 || s.Blocked != blocked || s.Writing != 110*time.Millisecond ||
			s.Elapsed != 110*time.Millisecond || s.MostWaiting != 3 || s.Waiting != 0 {
			t.Errorf("%+v, want 11 rows, %v blocked, 110ms writing and elapsed", s, blocked)
		}
		if want := float64(blocked) / float64(110*time.Millisecond); s.Share() != want {
			t.Errorf("share %v, want %v", s.Share(), want)
		}
		if !sink.closed {
			t.Error("the sink is open")
		}
	})
}

func TestAsyncFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := recordtest.Header(4)
		rows := recordtest.Rows(h, 2, 1)
		sink := newSlowSink(t, h, time.Second, -1)
		a, err := NewAsync(sink, h, AsyncOptions{})
		must(t, err)
		for i := range rows {
			must(t, a.Append(&rows[i]))
		}
		if n := a.Stats().Rows; n != 0 {
			t.Errorf("%d rows of a second each are written at once", n)
		}
		must(t, a.Flush())
		if sink.Len() != 3 || a.Stats().Waiting != 0 {
			t.Errorf("%d rows after Flush", sink.Len())
		}
		must(t, a.Flush())
		must(t, a.Close())
		if err := a.Flush(); !errors.Is(err, record.ErrClosed) {
			t.Errorf("flush after close: %v", err)
		}
	})
}

func TestAsyncErrors(t *testing.T) {
	for _, policy := range []ErrorPolicy{FailOnError, ContinueOnError} {
		synctest.Test(t, func(t *testing.T) {
			h := recordtest.Header(4)
			rows := recordtest.Rows(h, 19, 1)
			sink := newSlowSink(t, h, time.Millisecond, 5)
			a, err := NewAsync(sink, h, AsyncOptions{OnError: policy})
			must(t, err)
			refused := 0
			for i := range rows {
				if err := a.Append(&rows[i]); err != nil {
					if !errors.Is(err, errSink) {
						t.Fatal(err)
					}
					refused++
				}
				time.Sleep(2 * time.Millisecond)
			}
			if err := a.Close(); !errors.Is(err, errSink) {
				t.Errorf("close: %v, want %v", err, errSink)
			}
			s := a.Stats()
			wantRefused, wantDropped := 14, int64(1)
			if policy == ContinueOnError {
				wantRefused, wantDropped = 0, 15
			}
			if refused != wantRefused || s.Rows != 5 || s.Dropped != wantDropped || !errors.Is(s.Err, errSink) {
				t.Errorf("policy %d: %d refused, %+v; want %d refused, 5 rows, %d dropped",
					policy, refused, s, wantRefused, wantDropped)
			}
			if sink.Len() != 5 || !sink.closed {
				t.Errorf("policy %d: %d rows in the sink, closed %v", policy, sink.Len(), sink.closed)
			}
		})
	}
}

// TestAsyncInPlace: Append returns when the row is written, from the memory of the caller, and
// returns the error of this row.
func TestAsyncInPlace(t *testing.T) {
	for _, policy := range []ErrorPolicy{FailOnError, ContinueOnError} {
		synctest.Test(t, func(t *testing.T) {
			h := recordtest.Header(4)
			rows := recordtest.Rows(h, 9, 1)
			sink := newSlowSink(t, h, time.Millisecond, 5)
			a, err := NewAsync(sink, h, AsyncOptions{OnError: policy, InPlace: true})
			must(t, err)
			for i := range rows {
				wants := policy == FailOnError && i >= 5
				if err := a.Append(&rows[i]); errors.Is(err, errSink) != wants {
					t.Errorf("policy %d, row %d: %v", policy, i, err)
				}
				if sink.Len() != min(i+1, 5) {
					t.Errorf("policy %d: %d rows are written when row %d was appended", policy, sink.Len(), i)
				}
			}
			if err := a.Close(); !errors.Is(err, errSink) {
				t.Errorf("close: %v, want %v", err, errSink)
			}
			wantDropped := int64(1)
			if policy == ContinueOnError {
				wantDropped = 5
			}
			if s := a.Stats(); s.Rows != 5 || s.Dropped != wantDropped || s.Copying != 0 || s.Blocked != 0 ||
				s.MostWaiting != 1 {
				t.Errorf("policy %d: %+v", policy, s)
			}
		})
	}
}

// TestAsyncRecycles: after the first rows nothing is allocated for the vectors,
// whether all rows have them or not.
func TestAsyncRecycles(t *testing.T) {
	h := recordtest.Header(1 << 16)
	s := recordtest.Rows(h, 1, 1)[0]
	dir := filepath.Join(t.TempDir(), "run")
	w, err := Create(dir, h, Options{})
	must(t, err)
	a, err := NewAsync(w, h, AsyncOptions{})
	must(t, err)
	defer a.Close()
	step := func() {
		s.Step++
		row := s
		if s.Step%2 == 0 {
			row.Grad = nil
		}
		must(t, a.Append(&row))
	}
	for range 10 {
		step()
	}
	seen := map[*float32]bool{}
	for range 20 {
		step()
		must(t, a.Flush())
		b := <-a.free
		seen[&b.memory[theta][0]] = true
		if b.memory[grad] != nil {
			seen[&b.memory[grad][0]] = true
		}
		a.free <- b
	}
	if len(seen) > 2*(DefaultQueue+1) {
		t.Errorf("%d vectors were made for %d buffers", len(seen), DefaultQueue+1)
	}
}

func TestAsyncOptions(t *testing.T) {
	h := recordtest.Header(2)
	m, err := record.NewMemory(h)
	must(t, err)
	for _, o := range []AsyncOptions{{Queue: -1}, {Queue: 1 << 20}, {OnError: 7}} {
		if _, err := NewAsync(m, h, o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

// TestAsyncSyncsWithoutRows: the interval is kept also when no further row comes,
// as between the epochs of a thin schedule; and then there is nothing more to do.
func TestAsyncSyncsWithoutRows(t *testing.T) {
	t.Run("queue", func(t *testing.T) { testSyncsWithoutRows(t, AsyncOptions{}) })
	t.Run("in place", func(t *testing.T) { testSyncsWithoutRows(t, AsyncOptions{InPlace: true}) })
}

func testSyncsWithoutRows(t *testing.T, opts AsyncOptions) {
	h := recordtest.Header(2)
	rows := recordtest.Rows(h, 1, 1)
	w, err := Create(filepath.Join(t.TempDir(), "run"), h, Options{SyncInterval: 100 * time.Millisecond})
	must(t, err)
	a, err := NewAsync(w, h, opts)
	must(t, err)
	defer a.Close()
	for i := range rows {
		start := time.Now()
		must(t, a.Append(&rows[i]))
		must(t, a.Flush())
		before := w.SyncCount()
		if before > int64(i) && time.Since(start) < 50*time.Millisecond && i == 0 {
			t.Errorf("row %d was synced at once", i)
		}
		for w.SyncCount() < int64(i)+1 {
			if time.Since(start) > 20*time.Second {
				t.Fatalf("row %d is not durable after %v", i, time.Since(start))
			}
			time.Sleep(time.Millisecond)
		}
		time.Sleep(250 * time.Millisecond)
		if n := w.SyncCount(); n != int64(i)+1 {
			t.Errorf("%d syncs for %d rows", n, i+1)
		}
	}
}

// TestTend: what a writer by itself is asked for.
func TestTend(t *testing.T) {
	h := recordtest.Header(2)
	rows := recordtest.Rows(h, 1, 1)
	tend := func(w *Writer) time.Duration {
		t.Helper()
		after, err := w.SyncIfDue()
		must(t, err)
		return after
	}
	w, err := Create(filepath.Join(t.TempDir(), "run"), h, Options{SyncInterval: time.Hour})
	must(t, err)
	if after := tend(w); after != 0 {
		t.Errorf("without rows: again after %v; want never", after)
	}
	must(t, w.Append(&rows[0]))
	if after := tend(w); after <= 59*time.Minute || after > time.Hour || w.SyncCount() != 0 {
		t.Errorf("again after %v, %d syncs; want an hour and none", after, w.SyncCount())
	}
	w.synced = w.synced.Add(-time.Hour)
	if after := tend(w); after != 0 || w.SyncCount() != 1 {
		t.Errorf("an hour later: again after %v, %d syncs; want never and 1", after, w.SyncCount())
	}
	must(t, w.Append(&rows[1]))
	must(t, w.file.file.Close()) // the disk is gone
	w.synced = w.synced.Add(-time.Hour)
	if _, err := w.SyncIfDue(); err == nil {
		t.Error("a sync that failed is no error")
	}
	if err := w.Append(&rows[1]); err == nil {
		t.Error("a row was taken after an error of the disk")
	}
	must(t, w.Close())
	r := mustOpen(t, w.dir)
	if r.Len() != 2 {
		t.Errorf("%d rows; want 2", r.Len())
	}
}
