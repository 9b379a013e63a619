package arrowfile

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sort"
	"sync/atomic"

	"sgdwalk/record"
)

// Reader reads a run. Its methods may be called from several goroutines, Close
// excepted.
type Reader struct {
	dir      string
	header   *record.Header
	run      *runInfo
	segments []*segment
	rows     int64
	closed   atomic.Bool
}

var _ record.Trajectory = (*Reader)(nil)

// Open opens the run in dir: finished, unfinished or being written. Rows that
// are written later are not seen. A torn last row is left out, see Torn; damage
// anywhere else is an error of the rows that it covers, and of Open only when it
// is in the header or at the beginning of a segment. Errors are ErrNotRun,
// ErrNewerFormat, ErrMissingSegment, ErrWrongRun, a *CorruptError or those of
// the file system.
func Open(dir string) (*Reader, error) { return open(dir, openSource) }

func open(dir string, source func(string) (source, error)) (*Reader, error) {
	if !littleEndian {
		return nil, errBigEndian
	}
	h, id, err := readHeader(dir)
	if err != nil {
		return nil, err
	}
	// The list of segments is taken before any of them is looked at: of what it
	// has, only the last can still be growing.
	n, err := countSegments(dir)
	if err != nil {
		return nil, err
	}
	r := &Reader{dir: dir, header: h, run: &runInfo{header: h, columns: columnsOf(h), id: id}}
	numbers := make([]int, n)
	for i := range numbers {
		numbers[i] = i
	}
	r.segments = r.run.openSegments(dir, numbers, source, func(e error) bool { err = e; return false })
	if err != nil {
		r.Close()
		return nil, err
	}
	last := r.segments[n-1]
	r.rows = last.first + int64(last.rows())
	return r, nil
}

var errFault = errors.New("the file cannot be read: it became shorter, or the disk failed")

// guardFaults runs f, which reads mapped memory. When the system cannot supply a
// page, because the disk failed or somebody cut the file, the process would be
// killed; here it becomes an error.
func guardFaults(f func()) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			if _, isFault := p.(interface{ Addr() uintptr }); !isFault {
				panic(p)
			}
			err = errFault
		}
	}()
	f()
	return nil
}

// Header returns the run's header, which the caller must not change.
func (r *Reader) Header() *record.Header { return r.header }

// Len returns the number of rows.
func (r *Reader) Len() int { return int(r.rows) }

// Segments returns the number of segment files.
func (r *Reader) Segments() int { return len(r.segments) }

// Bytes returns the size of the segment files when they were opened.
func (r *Reader) Bytes() int64 {
	n := int64(0)
	for _, s := range r.segments {
		n += s.src.size()
	}
	return n
}

// Closed reports whether the last segment was ended in order, with a footer.
func (r *Reader) Closed() bool { return r.segments[len(r.segments)-1].closed }

// Torn returns how many bytes follow the last row and belong to none: the
// beginning of a row or of a footer whose writer died, or is at work on it.
func (r *Reader) Torn() int64 { return r.segments[len(r.segments)-1].tail }

// Finished reports whether the run came to its end: its last row follows the
// last update. The reason why it cannot be told is an error of that row.
func (r *Reader) Finished() bool {
	if r.rows == 0 {
		return false
	}
	s, err := r.Scalars(int(r.rows) - 1)
	return err == nil && s.Last()
}

// At returns row i. Its vectors are views of the mapped files, valid until
// Close. Each part of a row is verified when it is first read; an error is a
// *CorruptError and concerns this row only.
func (r *Reader) At(i int) (record.Step, error) {
	return r.read(i, true, true, true)
}

// Scalars returns row i without its vectors, which are not touched.
func (r *Reader) Scalars(i int) (record.Step, error) { return r.read(i, false, false, false) }

// Theta returns theta of row i and nothing else of it; nil when the row has none.
func (r *Reader) Theta(i int) ([]float32, error) {
	s, err := r.read(i, true, false, false)
	return s.Theta, err
}

// Grad returns the gradient of row i and nothing else of it; nil when the row has none.
func (r *Reader) Grad(i int) ([]float32, error) {
	s, err := r.read(i, false, true, false)
	return s.Grad, err
}

// State returns the state of row i and nothing else of it; nil when the row has none.
func (r *Reader) State(i int) ([]float32, error) {
	s, err := r.read(i, false, false, true)
	return s.State, err
}

func (r *Reader) read(i int, want ...bool) (out record.Step, err error) {
	if r.closed.Load() {
		return record.Step{}, errReaderClosed
	}
	if i < 0 || int64(i) >= r.rows {
		return record.Step{}, fmt.Errorf("arrowfile: row %d is outside the recording of %d rows", i, r.rows)
	}
	s := r.segments[sort.Search(len(r.segments), func(n int) bool { return r.segments[n].first > int64(i) })-1]
	j := i - int(s.first)
	fault := guardFaults(func() { out, err = s.step(j, want) })
	if fault != nil {
		return record.Step{}, s.corrupt(j, 0, "%w", fault)
	}
	if err != nil {
		return record.Step{}, err
	}
	return out, nil
}

// step reads and verifies row j with the vectors that are wanted.
func (s *segment) step(j int, want []bool) (out record.Step, err error) {
	v, err := s.row(j)
	if err != nil {
		return out, err
	}
	sc, err := s.verifiedScalars(j, v)
	if err != nil {
		return out, err
	}
	out = sc.toStep()
	for which, to := range []*[]float32{&out.Theta, &out.Grad, &out.State} {
		if !want[which] {
			continue
		}
		if *to, err = s.vector(j, v, &sc, which); err != nil {
			return out, err
		}
	}
	return out, nil
}

// Close unmaps the run. Views that were handed out must not be used any more.
func (r *Reader) Close() error {
	if r.closed.Swap(true) {
		return nil
	}
	var errs []error
	for _, s := range r.segments {
		if err := s.src.close(); err != nil {
			errs = append(errs, fmt.Errorf("arrowfile: %w", err))
		}
	}
	return errors.Join(errs...)
}
