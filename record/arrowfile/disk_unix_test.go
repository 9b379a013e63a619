//go:build unix

package arrowfile

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

const smallDiskParameters = 20000 // vectors that are passed through, of 80 kB

// childFillsDisk writes into a file system whose files cannot grow beyond a
// limit, given as "limit:parameters:dir", and reports how far it came.
func childFillsDisk(arg string) error {
	var n uint64
	var parameters int
	var dir string
	if _, err := fmt.Sscan(strings.Replace(arg, ":", " ", 2), &n, &parameters, &dir); err != nil {
		return err
	}
	signal.Ignore(syscall.SIGXFSZ)
	h := recordtest.Header(parameters)
	rows := recordtest.Rows(h, 4, 1)
	w, err := Create(dir, h, Options{})
	if err != nil {
		return err
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: n, Max: n}); err != nil {
		return err
	}
	taken := 0
	var failed error
	for i := range rows {
		err := w.Append(&rows[i])
		switch {
		case failed != nil && (err == nil || err.Error() != failed.Error()):
			return fmt.Errorf("after %w came %w", failed, err)
		case err != nil:
			failed = err
		default:
			taken++
		}
	}
	closeErr := w.Close()
	fmt.Printf("%d %v %v\n", taken, failed != nil, closeErr != nil)
	if failed != nil && !errors.Is(failed, syscall.EFBIG) {
		return failed
	}
	if w.Rows() != int64(taken) {
		return fmt.Errorf("%d rows are counted, %d were taken", w.Rows(), taken)
	}
	return nil
}

// TestFullDisk limits the size of the file at many places: the rows that were
// taken are there, nothing is torn, and the error is clear.
func TestFullDisk(t *testing.T) {
	t.Run("rows in one piece", func(t *testing.T) {
		h := recordtest.Header(smallDiskParameters)
		testFullDisk(t, h, func(s *segment) []int64 {
			limits := []int64{0, 1, 100, s.start, s.src.size() - 1, s.src.size() - 11}
			if testing.Short() {
				return limits
			}
			for _, off := range s.offsets {
				limits = append(limits, off-1, off, off+1, off+500, off+1000, off+90_000)
			}
			return limits
		})
	})
	t.Run("rows in parts", func(t *testing.T) {
		h := recordtest.Header(inPartsFrom/4 + 3)
		testFullDisk(t, h, func(s *segment) []int64 {
			second := (s.offsets[1]/partBytes + 1) * partBytes // where the second part of row 1 begins
			limits := []int64{second, second + 1, s.offsets[2] - 1}
			if testing.Short() {
				return limits[:1]
			}
			return limits
		})
	})
}

func testFullDisk(t *testing.T, h *record.Header, limitsOf func(*segment) []int64) {
	rows := recordtest.Rows(h, 4, 1)
	whole := writeRun(t, h, rows, Options{})
	s := mustOpen(t, whole).state.Load().segments[0]
	limits := limitsOf(s)
	full, found := 0, 0
	for _, limit := range limits {
		if limit >= s.src.size() {
			continue
		}
		dir := filepath.Join(t.TempDir(), "run")
		cmd := childCommand("small disk", fmt.Sprintf("%d:%d:%s", limit, h.Layout.Len(), dir))
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("limit %d: %v: %s", limit, err, out)
		}
		var taken int
		var failed, closeFailed bool
		if _, err := fmt.Sscan(string(out), &taken, &failed, &closeFailed); err != nil {
			t.Fatalf("limit %d: %v: %q", limit, err, out)
		}
		want := 0
		for want < len(rows) && s.offsets[want+1] <= limit {
			want++
		}
		r := mustOpen(t, dir)
		full++
		found += r.Len()
		if taken != want || r.Len() != want || r.Torn() != 0 || failed != (want < len(rows)) || closeFailed == failed {
			t.Errorf("limit %d: %d rows taken, failed %v, close failed %v, %d readable, %d bytes torn; want %d rows",
				limit, taken, failed, closeFailed, r.Len(), r.Torn(), want)
		}
		for i := range r.Len() {
			got, err := r.Read(i, record.AllParts)
			if err != nil {
				t.Fatal(err)
			}
			if d := recordtest.Diff(&got, &rows[i]); d != "" {
				t.Errorf("limit %d, row %d: %s", limit, i, d)
			}
		}
		if info, err := os.Stat(filepath.Join(dir, segmentName(0))); err != nil || info.Size() > max(limit, s.start) {
			t.Errorf("limit %d: %d bytes, %v", limit, info.Size(), err)
		}
	}
	t.Logf("%d full disks; %d rows found and compared", full, found)
}

// TestAbsentVectorsTakeNoRoom holds what FORMAT.md says: the room of an absent
// vector is a hole, where the file system keeps holes.
func TestAbsentVectorsTakeNoRoom(t *testing.T) {
	h := recordtest.Header(1 << 18)
	rows := recordtest.Rows(h, 20, 1)
	for i := range rows {
		if i%10 != 0 {
			rows[i].Grad = nil
		}
	}
	dir := writeRun(t, h, rows, Options{})
	info, err := os.Stat(filepath.Join(dir, segmentName(0)))
	if err != nil {
		t.Fatal(err)
	}
	onDisk := info.Sys().(*syscall.Stat_t).Blocks * 512
	vectors := int64(0) // bytes of the vectors that are there
	for i := range rows {
		vectors += 4 * int64(len(rows[i].Theta)+len(rows[i].Grad)+len(rows[i].State))
	}
	if info.Size() < vectors+18<<20 {
		t.Errorf("the file has %d bytes: no room for absent gradients", info.Size())
	}
	if onDisk > vectors+vectors/10 {
		t.Errorf("%d bytes on disk for %d of vectors: absent gradients take room", onDisk, vectors)
	}
	r := mustOpen(t, dir)
	for i := range rows {
		got, err := r.Read(i, record.AllParts)
		if err != nil {
			t.Fatal(err)
		}
		if d := recordtest.Diff(&got, &rows[i]); d != "" {
			t.Errorf("row %d: %s", i, d)
		}
	}
	if _, err := Check(dir, func(err error) { t.Error(err) }); err != nil {
		t.Fatal(err)
	}
}
