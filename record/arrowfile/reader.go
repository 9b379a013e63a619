package arrowfile

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"
	"sync/atomic"

	"sgdwalk/record"
	"sgdwalk/record/internal/mapped"
)

// Reader reads a run. Except for Close, its methods may be called concurrently.
type Reader struct {
	dir    string
	header *record.Header
	run    *runInfo
	source func(string) (byteSource, error)
	state  atomic.Pointer[runState]
	mu     sync.Mutex // held by Refresh
	closed atomic.Bool
}

// runState is what is known of the run since it was opened or last refreshed.
type runState struct {
	segments []*segment
	rows     int64
}

// last returns the last segment, the only one that may still grow.
func (s *runState) last() *segment { return s.segments[len(s.segments)-1] }

var _ record.Trajectory = (*Reader)(nil)

// Open opens the run in dir, which may be finished, unfinished or being written. Refresh
// finds rows that are written later. A torn last row is left out, see Torn. Other damage is
// an error of the damaged rows only; it is an error of Open when it is in the header or
// covers a whole segment. Errors are ErrNotRun, ErrNewerFormat, ErrMissingSegment,
// ErrWrongRun, a *CorruptError, or errors of the file system.
//
// In addition to the maps, a Reader needs about 9 bytes for each row, and at most 2 MiB for
// the metadata of rows, also for a damaged file.
func Open(dir string) (*Reader, error) { return open(dir, openSource) }

// open does the work of Open with another way to open files, for tests.
func open(dir string, source func(string) (byteSource, error)) (*Reader, error) {
	if !littleEndian {
		return nil, errBigEndian
	}
	h, err := readHeader(dir)
	if err != nil {
		return nil, err
	}
	r := &Reader{dir: dir, header: h.Header, run: newRunInfo(h), source: source}
	if err := r.openNew(nil); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// openNew opens the segments that are not among have, and refreshes the last one of have,
// which may have grown.
func (r *Reader) openNew(have []*segment) error {
	// The segments are listed before any of them is opened, so that only the last one in the
	// list can still be growing.
	n, err := countSegments(r.dir)
	if err != nil {
		return err
	}
	numbers := make([]int, max(n, len(have)))
	for i := range numbers {
		numbers[i] = i
	}
	if k := len(have) - 1; k >= 0 && !have[k].closed {
		have = slices.Clone(have)
		fault := mapped.Catch(func() { have[k], err = have[k].refreshed(k == len(numbers)-1) })
		if err = errors.Join(err, fault); err != nil {
			return err
		}
		if have[k].closed {
			if err := have[k].src.freeze(); err != nil {
				return fmt.Errorf("arrowfile: %w", err)
			}
		}
	}
	segments := r.run.openSegments(r.dir, numbers, have, r.source, func(e error) bool { err = e; return false })
	next := &runState{segments: segments}
	if len(segments) > 0 {
		next.rows = next.last().next()
	}
	r.state.Store(next)
	return err
}

// Refresh finds rows that were written since the run was opened or last refreshed, and
// returns their number. Views stay valid, and other goroutines may read rows at the same
// time. The error is ErrWrongRun when another run was started in the directory.
func (r *Reader) Refresh() (added int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed.Load() {
		return 0, errReaderClosed
	}
	h, err := readHeader(r.dir)
	if err != nil {
		return 0, err
	}
	if h.id != r.run.id {
		return 0, fmt.Errorf("arrowfile: %s: %w: another run was started here", r.dir, ErrWrongRun)
	}
	before := r.state.Load()
	err = r.openNew(before.segments)
	return int(r.state.Load().rows - before.rows), err
}

// Header returns the run's header, which the caller must not change.
func (r *Reader) Header() *record.Header { return r.header }

// Len returns the number of rows.
func (r *Reader) Len() int { return int(r.state.Load().rows) }

// Segments returns the number of segment files.
func (r *Reader) Segments() int { return len(r.state.Load().segments) }

// Bytes returns the size of the segment files at the last refresh.
func (r *Reader) Bytes() int64 {
	n := int64(0)
	for _, s := range r.state.Load().segments {
		n += s.src.size()
	}
	return n
}

// Closed reports whether the last segment has a footer.
func (r *Reader) Closed() bool { return r.state.Load().last().closed }

// Torn returns the number of bytes after the last row that are not a row: the beginning of a
// row or footer whose writer died, or is writing it now.
func (r *Reader) Torn() int64 { return r.state.Load().last().tornBytes }

// Live reports whether a writer has the run open now.
func (r *Reader) Live() bool { return isLive(r.dir) }

// Finished reports whether the run came to its end. From format 3 on the footer of the last
// segment has this information; a last row after the last planned update proves it too.
// Before format 3, a last row without a batch counts. Finished is false when the last row
// cannot be read.
func (r *Reader) Finished() bool {
	now := r.state.Load()
	if r.closed.Load() || now.rows == 0 {
		return false
	}
	if r.header.Format > 2 && now.last().finalRows == now.rows {
		return true
	}
	s, err := r.Read(int(now.rows)-1, record.ScalarsOnly)
	return err == nil && r.header.EndsRun(&s)
}

// Read returns row i with the vectors in parts. The vectors are views of the mapped
// files, valid until Close; vectors with 16-bit elements in the file are converted to a new
// float32 slice on every call. Each part of a row is verified when it is first read. An
// error is a *CorruptError, and concerns only this row.
func (r *Reader) Read(i int, parts record.Parts) (out record.Step, err error) {
	s, j, err := r.locate(i)
	if err != nil {
		return record.Step{}, err
	}
	if parts == record.ScalarsOnly {
		s.prefetchEnds(j)
	}
	fault := mapped.Catch(func() { out, err = s.step(j, parts) })
	if fault != nil {
		return record.Step{}, s.damageAt(j, 0, "%w", fault)
	}
	if err != nil {
		return record.Step{}, err
	}
	return out, nil
}

// locate returns the segment of row i, and the index of the row in the segment.
func (r *Reader) locate(i int) (*segment, int, error) {
	if r.closed.Load() {
		return nil, 0, errReaderClosed
	}
	now := r.state.Load()
	if i < 0 || int64(i) >= now.rows {
		return nil, 0, fmt.Errorf("arrowfile: row %d is not in the recording; it has %d rows, from 0", i, now.rows)
	}
	s := now.segments[sort.Search(len(now.segments), func(n int) bool { return now.segments[n].first > int64(i) })-1]
	return s, i - int(s.first), nil
}

// step reads and verifies row j with the vectors in parts.
func (s *segment) step(j int, parts record.Parts) (out record.Step, err error) {
	v, err := s.row(j)
	if err != nil {
		return out, err
	}
	sc, err := s.verifiedScalars(j, v)
	if err != nil {
		return out, err
	}
	out = sc.toStep()
	for which, to := range out.Vectors() {
		if parts&(1<<which) == 0 {
			continue
		}
		if *to, err = s.vector(j, v, &sc, which); err != nil {
			return out, err
		}
	}
	return out, nil
}

// Close unmaps the run. Views must not be used any more.
func (r *Reader) Close() error {
	if r.closed.Swap(true) {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	if r.state.Load() == nil {
		return nil
	}
	for _, s := range r.state.Load().segments {
		if err := s.src.close(); err != nil {
			errs = append(errs, fmt.Errorf("arrowfile: %w", err))
		}
	}
	return errors.Join(errs...)
}
