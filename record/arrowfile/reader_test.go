package arrowfile

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

// TestReadWhileWriting opens a run again and again while it is being written:
// what is there is right, and no acknowledged row is missing.
func TestReadWhileWriting(t *testing.T) {
	h := recordtest.Header(5000)
	rows := recordtest.Rows(h, 150, 1)
	dir := filepath.Join(t.TempDir(), "run")
	w, err := Create(dir, h, Options{SegmentBytes: 400_000})
	must(t, err)
	var wg sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		wg.Go(func() {
			for stop := false; !stop; {
				select {
				case <-done:
					stop = true // after one more look at the finished run
				default:
				}
				acknowledged := int(w.Rows())
				r, err := Open(dir)
				if err != nil {
					t.Error(err)
					return
				}
				if r.Len() < acknowledged {
					t.Errorf("%d rows are seen, %d were acknowledged", r.Len(), acknowledged)
				}
				for i := range r.Len() {
					got, err := r.Read(i, record.AllParts)
					if err != nil {
						t.Error(err)
						break
					}
					if d := recordtest.Diff(&got, &rows[i]); d != "" {
						t.Errorf("row %d: %s", i, d)
					}
				}
				if stop && (r.Len() != len(rows) || !r.Finished()) {
					t.Errorf("%d rows in the end, finished %v", r.Len(), r.Finished())
				}
				r.Close()
			}
		})
	}
	appendRows(t, w, rows)
	must(t, w.Close())
	close(done)
	wg.Wait()
}

func TestZeroCopy(t *testing.T) {
	h := recordtest.Header(1000)
	r := mustOpen(t, writeRun(t, h, recordtest.Rows(h, 2, 1), Options{}))
	a, err := r.Read(1, record.AllParts)
	must(t, err)
	b, err := record.ThetaOf(r, 1)
	must(t, err)
	if runtime.GOOS != "windows" && &a.Theta[0] != &b[0] {
		t.Error("two reads of one vector gave two copies")
	}
	if cap(b) != len(b) {
		t.Errorf("a view of %d elements has room for %d", len(b), cap(b))
	}
	if n := testing.AllocsPerRun(100, func() {
		if _, err := record.ThetaOf(r, 1); err != nil {
			t.Fatal(err)
		}
	}); n > 2 {
		t.Errorf("reading a verified vector allocates %v times", n)
	}
}

func TestClosedReader(t *testing.T) {
	h := recordtest.Header(3)
	r := mustOpen(t, writeRun(t, h, recordtest.Rows(h, 2, 1), Options{}))
	must(t, r.Close())
	if _, err := r.Read(0, record.AllParts); err == nil {
		t.Error("a row was read after Close")
	}
	if r.Finished() {
		t.Error("finished is true after Close")
	}
	must(t, r.Close())
}

// TestReleases: neither maps nor descriptors stay behind, not even after errors.
func TestReleases(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc to read the resident memory from")
	}
	h := recordtest.Header(100)
	dir := writeRun(t, h, recordtest.Rows(h, 5, 1), Options{SegmentBytes: 1})
	for range 3 {
		r := mustOpen(t, dir)
		_, err := r.Read(3, record.AllParts)
		must(t, err)
		must(t, r.Close())
		checkAll(t, dir)
	}
	mustWrite(t, filepath.Join(dir, segmentName(3)), []byte("spoilt beyond recognition"))
	if _, err := Open(dir); err == nil {
		t.Error("a run with a spoilt segment was opened")
	}
	checkAll(t, dir)
	maps := string(mustRead(t, "/proc/self/maps"))
	if strings.Contains(maps, dir) {
		t.Error("a segment is still mapped")
	}
	fds, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	for _, fd := range fds {
		if target, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && strings.HasPrefix(target, dir) {
			t.Errorf("%s is still open", target)
		}
	}
}

// TestShrunkenFile: a file that is cut while it is mapped is an error, not the
// end of the process.
func TestShrunkenFile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files are not mapped here")
	}
	h := recordtest.Header(100_000)
	dir := writeRun(t, h, recordtest.Rows(h, 3, 1), Options{})
	r := mustOpen(t, dir)
	must(t, os.Truncate(filepath.Join(dir, segmentName(0)), 100))
	for i := range r.Len() {
		if _, err := r.Read(i, record.AllParts); err == nil {
			t.Errorf("row %d was read from a file that is gone", i)
		}
	}
	if _, err := Check(dir, func(error) {}); err != nil {
		t.Error(err)
	}
}

// TestManyRows: opening looks at the footer alone, or walks the messages, and
// both see every row.
func TestManyRows(t *testing.T) {
	h := recordtest.Header(2)
	h.Columns.Grad, h.Columns.State = false, false
	const n = 3000
	rows := recordtest.Rows(h, n, 1)
	dir := filepath.Join(t.TempDir(), "run")
	w, err := Create(dir, h, Options{})
	must(t, err)
	appendRows(t, w, rows)
	walked := mustOpen(t, dir)
	must(t, w.Close())
	listed := mustOpen(t, dir)
	if walked.Len() != n+1 || listed.Len() != n+1 || walked.Closed() || !listed.Closed() {
		t.Errorf("walked %d, listed %d rows", walked.Len(), listed.Len())
	}
	a, b := walked.state.Load().segments[0].offsets, listed.state.Load().segments[0].offsets
	for i := range a {
		if a[i] != b[i] {
			t.Fatalf("row %d: walked to %d, listed at %d", i, a[i], b[i])
		}
	}
}
