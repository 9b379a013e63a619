package arrowfile

import (
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"

	"sgdwalk/record"
)

// runInfo is what the segments of a run have in common.
type runInfo struct {
	header  *record.Header
	columns *columns
	id      identity
	shapes  shapeCache
}

// startOf returns where the first row of a segment begins.
func (r *runInfo) startOf(n int, first int64) int64 {
	return int64(len(newEncoder(r.header, r.id).prefix(n, first)))
}

// openSegments opens the segments with these numbers, in order. It calls failed
// for each that cannot be opened and goes on as long as that returns true.
func (r *runInfo) openSegments(dir string, numbers []int, open func(string) (source, error), failed func(error) bool) []*segment {
	var out []*segment
	first := int64(0)
	for i, n := range numbers {
		if n != i && n != numbers[i-min(i, 1)]+1 {
			first = unknown
		}
		s, err := openGuarded(dir, n, first, i == len(numbers)-1, r, open)
		if err == nil && len(out) > 0 {
			if err = out[len(out)-1].endBefore(s); err != nil {
				s.src.close()
			}
		}
		if err != nil {
			if !failed(err) {
				return out
			}
			first = unknown
			continue
		}
		out = append(out, s)
		first = s.first + int64(s.rows())
	}
	return out
}

func openGuarded(dir string, n int, first int64, last bool, run *runInfo, open func(string) (source, error)) (s *segment, err error) {
	if fault := guardFaults(func() { s, err = openSegment(dir, n, first, last, run, open) }); fault != nil {
		return nil, fmt.Errorf("arrowfile: %s: %w", segmentName(n), fault)
	}
	return s, err
}

// endBefore takes back rows that the walk thought to see in a damaged footer:
// the segment after it knows how many there are.
func (s *segment) endBefore(next *segment) error {
	rows := next.first - s.first
	if rows >= int64(s.rows()) {
		return nil
	}
	if rows < 0 || s.closed {
		return next.corrupt(-1, schemaAt, "the segment says that it begins with row %d; the segments before it end with row %d", next.first, s.first+int64(s.rows())-1)
	}
	s.offsets = s.offsets[:rows+1]
	s.tail = s.src.size() - s.offsets[rows]
	return nil
}

// unknown stands for the number of a segment's first row when an earlier segment
// cannot tell.
const unknown = -1

// openSegment opens segment number n, whose first row should be row first. The
// last segment of a run may be incomplete: it is, or was, being written.
//
// A damaged schema costs nothing but the independence of other programs from
// the header: what it says is known from there, and the rows prove by their
// checksums that they belong here. It is kept in damage, for Check.
func openSegment(dir string, n int, first int64, last bool, run *runInfo, open func(string) (source, error)) (_ *segment, err error) {
	s := &segment{path: filepath.Join(dir, segmentName(n)), run: run, number: n, first: max(0, first)}
	if s.src, err = open(s.path); err != nil {
		return nil, fmt.Errorf("arrowfile: %w", err)
	}
	defer func() {
		if err != nil {
			s.src.close()
		}
	}()
	startErr := s.readStart()
	if errors.Is(startErr, errShort) && last && s.src.size() <= run.startOf(n, max(0, first)) {
		s.tail = s.src.size()
		return s, nil
	}
	if startErr == nil {
		s.index()
		if (s.first == first || first == unknown) && s.start == run.startOf(n, first) {
			return s, nil
		}
		// An earlier segment lost rows, or another program wrote this one, or the
		// schema is damaged where it can be read all the same. The first row decides.
		if s.holdsRow(0, s.first) {
			return s, nil
		}
		startErr = s.corrupt(-1, schemaAt, "the schema says that row %d is the first and begins at byte %d; row %d at byte %d follows from what is before it", s.first, s.start, first, run.startOf(n, first))
	}
	if first == unknown {
		return nil, startErr
	}
	s.start, s.first, s.damage = run.startOf(n, first), first, startErr
	s.index()
	if !s.holdsRow(0, first) {
		return nil, startErr
	}
	return s, nil
}

// index finds the rows from start on.
func (s *segment) index() {
	offsets, err := readFooter(s.src, s.start, s.run.columns)
	if s.closed = err == nil; s.closed {
		s.offsets = offsets
	} else {
		s.walk()
	}
	s.verified = make([]atomic.Uint64, (4*s.rows()+63)/64)
}

// readStart reads what comes before the first row.
func (s *segment) readStart() error {
	begin, err := s.src.bytes(0, min(schemaAt, s.src.size()))
	if err != nil {
		return s.corrupt(-1, 0, "%w", err)
	}
	if fileStart[:len(begin)] != string(begin) {
		return s.corrupt(-1, 0, "it does not begin like an Arrow file")
	}
	if int64(len(begin)) < schemaAt {
		return s.corrupt(-1, 0, "%w", errShort)
	}
	e, err := readEnvelope(s.src, schemaAt)
	if err != nil {
		return s.corrupt(-1, schemaAt, "%w", err)
	}
	s.start = e.body
	info, err := parseSchema(e.meta, s.run.columns)
	switch {
	case err != nil:
		return s.corrupt(-1, schemaAt, "%w", err)
	case info.format > record.FormatVersion:
		return fmt.Errorf("arrowfile: %s: format is %d, %w; this one reads 1 to %d", s.path, info.format, ErrNewerFormat, record.FormatVersion)
	case info.run != hex.EncodeToString(s.run.id[:]):
		return fmt.Errorf("arrowfile: %s: %w: the segment names header %.12s, %s is %x", s.path, ErrWrongRun, info.run, headerName, s.run.id[:6])
	case info.segment != s.number:
		return fmt.Errorf("arrowfile: %s: %w: it is segment %d of its run", s.path, ErrWrongRun, info.segment)
	}
	s.first = info.firstRow
	return nil
}
