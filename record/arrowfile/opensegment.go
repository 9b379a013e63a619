package arrowfile

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"sgdwalk/record"
	"sgdwalk/record/internal/mapped"
)

// runInfo is shared by all segments of a run.
type runInfo struct {
	header   *record.Header
	columns  *columns
	id       identity
	metadata metadataCache
	encoder  func() *encoder // made at its first use, to compare a schema
}

// newRunInfo returns the shared information for a header.
func newRunInfo(h *runHeader) *runInfo {
	return &runInfo{
		header: h.Header, columns: columnsOf(h.Header), id: h.id,
		encoder: sync.OnceValue(func() *encoder { return newEncoder(h) }),
	}
}

// startOf returns where the first row of a segment begins.
func (r *runInfo) startOf(n int, first int64) int64 {
	return int64(len(r.encoder().prefix(n, first)))
}

// openSegments opens the segments with these numbers, in order. have are the first of them,
// which are already open. For each segment that cannot be opened it calls failed, and
// continues if that returns true.
func (r *runInfo) openSegments(dir string, numbers []int, have []*segment, open func(string) (byteSource, error),
	failed func(error) bool,
) []*segment {
	out := slices.Clone(have)
	first := int64(0)
	if n := len(have); n > 0 {
		first = have[n-1].next()
	}
	for i := len(have); i < len(numbers); i++ {
		n := numbers[i]
		if i == 0 && n > 0 || i > 0 && n != numbers[i-1]+1 {
			first = unknown
		}
		s, err := openGuarded(dir, n, first, i == len(numbers)-1, r, open)
		if err == nil && len(out) > 0 {
			if err = out[len(out)-1].truncateBefore(s); err != nil {
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
		first = s.next()
	}
	return out
}

// openGuarded opens a segment, and returns an error when the system cannot read a mapped page.
func openGuarded(dir string, n int, first int64, last bool, run *runInfo, open func(string) (byteSource,
	error),
) (s *segment, err error) {
	if fault := mapped.Catch(func() { s, err = openSegment(dir, n, first, last, run, open) }); fault != nil {
		path := filepath.Join(dir, segmentName(n))
		size := int64(math.MaxInt64)
		return nil, fmt.Errorf("arrowfile: %s: %w", path, mapped.Explain(path, size))
	}
	return s, err
}

// truncateBefore removes rows that the walk wrongly found in a damaged footer: the next
// segment has the number of its first row, so the number of rows here is known.
func (s *segment) truncateBefore(next *segment) error {
	rows := next.first - s.first
	if rows >= int64(s.rows()) {
		return nil
	}
	if rows < 0 || s.closed {
		return next.damageAt(-1, schemaAt, "the segment says that it begins with row %d; the segments before it end "+
			"with row %d", next.first, s.first+int64(s.rows())-1)
	}
	s.offsets = s.offsets[:rows+1]
	s.tornBytes = s.src.size() - s.offsets[rows]
	return nil
}

// unknown is the number of a segment's first row when an earlier segment is missing or
// damaged, and the number of rows of a run that is not finished.
const unknown = -1

// openSegment opens segment number n, whose first row should be row first. The last segment
// of a run may be incomplete, because a writer is or was writing it.
func openSegment(dir string, n int, first int64, last bool, run *runInfo,
	open func(string) (byteSource, error)) (*segment,
	error,
) {
	s := &segment{path: filepath.Join(dir, segmentName(n)), run: run, number: n, finalRows: unknown}
	var err error
	if s.src, err = open(s.path); err != nil {
		return nil, fmt.Errorf("arrowfile: %w", err)
	}
	err = s.load(first, last)
	if err == nil && (s.closed || !last) {
		err = s.src.freeze()
	}
	if err != nil {
		s.src.close()
		return nil, err
	}
	return s, nil
}

// load finds the rows of a segment.
//
// A damaged schema loses no row: its content is known from the header, and the checksums of
// the rows prove that they belong here. The damage is kept for Check, because other
// programs need the schema.
func (s *segment) load(first int64, last bool) error {
	s.first = max(0, first)
	startErr := s.readStart()
	if errors.Is(startErr, errTruncated) && last && s.src.size() <= s.run.startOf(s.number, s.first) {
		s.start, s.tornBytes = 0, s.src.size()
		return nil
	}
	if startErr == nil {
		s.index()
		if (s.first == first || first == unknown) && s.start == s.run.startOf(s.number, s.first) {
			return nil
		}
		// An earlier segment lost rows, or another program wrote this one, or the schema is
		// damaged but still readable. The checksum of the first row decides.
		if s.holdsRow(0, s.first) {
			return nil
		}
		startErr = s.damageAt(-1, schemaAt, "the schema says that row %d is the first and begins at byte %d, which "+
			"does not follow from what is before it", s.first, s.start)
	}
	if first == unknown {
		return startErr
	}
	s.start, s.first, s.damage = s.run.startOf(s.number, first), first, startErr
	s.index()
	for j := range s.rows() {
		if s.holdsRow(j, first+int64(j)) {
			return nil
		}
	}
	return startErr
}

// index finds the rows from start on: in the footer, or by a walk.
func (s *segment) index() {
	f, err := readFooter(s.src, s.start, s.run.columns)
	if s.closed = err == nil; s.closed {
		s.offsets, s.finalRows = f.offsets, f.finalRows
	} else {
		s.offsets = nil
		s.walk(s.start)
	}
	s.verified = make([]atomic.Uint64, verifiedWords(s.rows()))
}

// refreshed returns a new segment for the file after it has grown. s is unchanged, because
// other goroutines may be reading it.
func (s *segment) refreshed(last bool) (*segment, error) {
	from := s.start
	known := max(0, s.rows()-1) // the last row is checked again: it may have been incomplete
	if s.rows() > 0 {
		from = s.offsets[known]
	}
	if err := s.src.refresh(from); err != nil {
		return nil, fmt.Errorf("arrowfile: %w", err)
	}
	n := &segment{
		path: s.path, src: s.src, run: s.run, number: s.number, first: s.first, start: s.start,
		damage: s.damage, finalRows: unknown,
	}
	if s.start == 0 {
		return n, n.load(s.first, last)
	}
	if f, err := readFooter(n.src, n.start, n.run.columns); err == nil && len(f.offsets) > known &&
		slices.Equal(f.offsets[:known], s.offsets[:known]) {
		n.offsets, n.finalRows, n.closed = f.offsets, f.finalRows, true
	} else {
		n.offsets = slices.Clone(s.offsets[:known])
		n.walk(from)
	}
	n.verified = make([]atomic.Uint64, verifiedWords(n.rows()))
	for i := range min(len(n.verified), verifiedWords(known)) {
		n.verified[i].Store(s.verified[i].Load())
	}
	return n, nil
}

// verifiedWords returns the length of segment.verified for this number of rows.
func verifiedWords(rows int) int { return (4*rows + 63) / 64 }

// readStart reads and checks the bytes before the first row.
func (s *segment) readStart() error {
	begin, err := s.src.bytes(0, min(schemaAt, s.src.size()))
	if err != nil {
		return s.damageAt(-1, 0, "%w", err)
	}
	if fileStart[:len(begin)] != string(begin) {
		return s.damageAt(-1, 0, "it does not begin like an Arrow file")
	}
	if int64(len(begin)) < schemaAt {
		return s.damageAt(-1, 0, "%w", errTruncated)
	}
	e, err := readEnvelope(s.src, schemaAt, maxSchema)
	if err != nil {
		return s.damageAt(-1, schemaAt, "%w", err)
	}
	s.start = e.body
	info, err := parseSchema(e.meta, s.run.columns)
	switch {
	case err != nil:
		return s.damageAt(-1, schemaAt, "%w", err)
	case info.format > record.FormatVersion:
		return fmt.Errorf("arrowfile: %s: format is %d, %w; this one reads 1 to %d", s.path, info.format,
			ErrNewerFormat, record.FormatVersion)
	case info.format != s.run.header.Format:
		return fmt.Errorf("arrowfile: %s: %w: its format is %d, that of %s is %d", s.path, ErrWrongRun, info.format,
			headerName, s.run.header.Format)
	case info.run != hex.EncodeToString(s.run.id[:]):
		return fmt.Errorf("arrowfile: %s: %w: the segment names header %.12s, %s is %x", s.path, ErrWrongRun, info.run,
			headerName, s.run.id[:6])
	case info.segment != s.number:
		return fmt.Errorf("arrowfile: %s: %w: it is segment %d of its run", s.path, ErrWrongRun, info.segment)
	}
	s.first = info.firstRow
	return nil
}
