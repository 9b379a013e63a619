package arrowfile

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

// TestRefresh looks at a run after every row, across segments, with and without
// a map.
func TestRefresh(t *testing.T) {
	for name, source := range map[string]func(string) (byteSource, error){
		"mapped": openSource,
		"read":   openReadSource,
	} {
		t.Run(name, func(t *testing.T) {
			h := recordtest.Header(3000)
			rows := recordtest.Rows(h, 40, 1)
			dir := filepath.Join(t.TempDir(), "run")
			w, err := Create(dir, h, Options{SegmentBytes: 200_000})
			must(t, err)
			defer w.Close()
			r, err := open(dir, source)
			must(t, err)
			defer r.Close()
			var views []record.Step
			for i := range rows {
				must(t, w.Append(&rows[i]))
				if n, err := r.Refresh(); err != nil || n != 1 || r.Len() != i+1 {
					t.Fatalf("row %d: %d new rows of %d, %v", i, n, r.Len(), err)
				}
				if n, err := r.Refresh(); err != nil || n != 0 {
					t.Fatalf("row %d: a second look finds %d rows, %v", i, n, err)
				}
				s, err := r.Read(i, record.AllParts)
				must(t, err)
				views = append(views, s)
			}
			must(t, w.Close())
			if n, err := r.Refresh(); err != nil || n != 0 || !r.Closed() || !r.Finished() || r.Segments() < 3 {
				t.Errorf("after the end: %d rows, %v, closed %v, finished %v, %d segments",
					n, err, r.Closed(), r.Finished(), r.Segments())
			}
			for i := range rows { // what was handed out early is still there
				if d := recordtest.Diff(&views[i], &rows[i]); d != "" {
					t.Errorf("row %d: %s", i, d)
				}
			}
		})
	}
}

// TestRefreshMapsAhead: looking often does not make a map each time.
func TestRefreshMapsAhead(t *testing.T) {
	h := recordtest.Header(2000)
	rows := recordtest.Rows(h, 300, 1)
	dir := filepath.Join(t.TempDir(), "run")
	w, err := Create(dir, h, Options{})
	must(t, err)
	defer w.Close()
	r := mustOpen(t, dir)
	for i := range rows {
		must(t, w.Append(&rows[i]))
		if _, err := r.Refresh(); err != nil {
			t.Fatal(err)
		}
	}
	if m, ok := r.state.Load().segments[0].src.(interface{ pieceCount() int }); ok && m.pieceCount() > 2 {
		t.Errorf("%d maps for %d looks", m.pieceCount(), len(rows))
	}
}

// TestRefreshTorn: a row that was seen half-written is seen whole later.
func TestRefreshTorn(t *testing.T) {
	h := recordtest.Header(50)
	rows := recordtest.Rows(h, 3, 1)
	whole := writeRun(t, h, rows, Options{})
	b := mustRead(t, filepath.Join(whole, segmentName(0)))
	dir := filepath.Join(t.TempDir(), "run")
	must(t, os.Mkdir(dir, 0o755))
	mustWrite(t, filepath.Join(dir, headerName), mustRead(t, filepath.Join(whole, headerName)))
	f, err := os.Create(filepath.Join(dir, segmentName(0)))
	must(t, err)
	defer f.Close()
	r := mustOpen(t, dir)
	offsets := mustOpen(t, whole).state.Load().segments[0].offsets
	const piece = 61
	for at := 0; at < len(b); at += piece {
		end := min(at+piece, len(b))
		if _, err := f.Write(b[at:end]); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Refresh(); err != nil {
			t.Fatalf("%d bytes: %v", end, err)
		}
		want := 0
		for want < len(rows) && offsets[want+1] <= int64(end) {
			want++
		}
		if r.Len() != want {
			t.Fatalf("%d bytes: %d rows, want %d", end, r.Len(), want)
		}
		for i := range want {
			got, err := r.Read(i, record.AllParts)
			must(t, err)
			if d := recordtest.Diff(&got, &rows[i]); d != "" {
				t.Fatalf("%d bytes: row %d: %s", end, i, d)
			}
		}
	}
	if !r.Closed() || r.Torn() != 0 {
		t.Errorf("in the end: closed %v, %d bytes torn", r.Closed(), r.Torn())
	}
}

func TestRefreshOtherRun(t *testing.T) {
	h := recordtest.Header(3)
	dir := writeRun(t, h, recordtest.Rows(h, 2, 1), Options{})
	r := mustOpen(t, dir)
	want, err := r.Read(1, record.AllParts)
	must(t, err)
	h.Seed++
	w, err := Create(dir, h, Options{Overwrite: true})
	must(t, err)
	must(t, w.Close())
	if _, err := r.Refresh(); !errors.Is(err, ErrWrongRun) {
		t.Errorf("refresh: %v, want %v", err, ErrWrongRun)
	}
	// The old run is gone from the directory, not from its reader.
	if got, err := r.Read(1, record.AllParts); err != nil || recordtest.Diff(&got, &want) != "" {
		t.Errorf("row 1 of the old run: %v", err)
	}
	r.Close()
	if _, err := r.Refresh(); err == nil {
		t.Error("a closed reader was refreshed")
	}
}

// TestFollow: a follower, other readers of its Reader and the writer at once.
func TestFollow(t *testing.T) {
	h := recordtest.Header(2000)
	rows := recordtest.Rows(h, 200, 1)
	dir := filepath.Join(t.TempDir(), "run")
	w, err := Create(dir, h, Options{SegmentBytes: 300_000})
	must(t, err)
	r := mustOpen(t, dir)
	var wg sync.WaitGroup
	done := make(chan struct{})
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if n := r.Len(); n > 0 {
				readBack(t, r, rows, n/2)
				readBack(t, r, rows, n-1)
			}
		}
	})
	wg.Go(func() {
		defer close(done)
		next := 5
		err := r.Follow(t.Context(), next, time.Millisecond, func(i int, s record.Step) error {
			if i != next {
				t.Errorf("row %d came, want %d", i, next)
			}
			next++
			if d := recordtest.Diff(&s, &rows[i]); d != "" {
				t.Errorf("row %d: %s", i, d)
			}
			return nil
		})
		if err != nil || next != len(rows) {
			t.Errorf("the follower ended before row %d: %v", next, err)
		}
	})
	appendRows(t, w, rows)
	must(t, w.Close())
	wg.Wait()
}

func readBack(t *testing.T, r *Reader, rows []record.Step, i int) {
	t.Helper()
	got, err := r.Read(i, record.AllParts)
	if err != nil {
		t.Error(err)
		return
	}
	if d := recordtest.Diff(&got, &rows[i]); d != "" {
		t.Errorf("row %d: %s", i, d)
	}
}

func TestFollowEnds(t *testing.T) {
	h := recordtest.Header(3)
	dir := filepath.Join(t.TempDir(), "run")
	w, err := Create(dir, h, Options{})
	must(t, err)
	defer w.Close()
	appendRows(t, w, recordtest.Rows(h, 2, 1))
	r := mustOpen(t, dir)
	stop := errors.New("enough")
	if err := r.Follow(t.Context(), 0, 0, func(int, record.Step) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("follow: %v, want the error of the function", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := r.Follow(ctx, 0, time.Millisecond, func(int, record.Step) error { return nil }); !errors.Is(err,
		context.DeadlineExceeded) {
		t.Errorf("follow: %v, want the error of the context", err)
	}
	for _, bad := range []func() error{
		func() error { return r.Follow(t.Context(), -1, 0, nil) },
		func() error { return r.Follow(t.Context(), 0, -1, nil) },
	} {
		if bad() == nil {
			t.Error("a negative argument was taken")
		}
	}
}
