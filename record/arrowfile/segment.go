package arrowfile

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"path/filepath"
	"sync/atomic"

	"sgdwalk/record"
)

// segment is one file of a run, opened for reading.
type segment struct {
	path    string
	src     source
	run     *runInfo
	number  int
	first   int64   // number of its first row
	start   int64   // where the first row begins
	offsets []int64 // where row j begins; the last entry is where the last row ends
	closed  bool    // it has a footer that holds together
	tail    int64   // bytes after the last row that are no footer
	damage  error   // what is wrong with the schema

	// verified has 4 bits a row, for the parts whose checksum was found right:
	// the scalars, and the three vectors. Reading a part for the first time pays
	// for its checksum, reading it again does not.
	verified []atomic.Uint64
}

// runInfo is what the segments of a run have in common.
type runInfo struct {
	header  *record.Header
	columns *columns
	id      identity
	shapes  shapeCache
}

func (s *segment) rows() int { return max(0, len(s.offsets)-1) }

// corrupt makes the error for damage at off, in a row unless that is negative.
func (s *segment) corrupt(row int, off int64, format string, args ...any) error {
	e := &CorruptError{Path: s.path, Batch: row, Row: -1, Offset: off, Err: fmt.Errorf(format, args...)}
	if row >= 0 {
		e.Row = s.first + int64(row)
	}
	return e
}

// openSegment opens segment number n, whose first row should be row first. The
// last segment of a run may be incomplete: it is, or was, being written.
//
// A damaged schema costs nothing but the independence of other programs from
// the header: what it says is known from there, and the rows prove by their
// checksums that they belong here. It is kept in damage, for Check.
func openSegment(dir string, n int, first int64, last bool, run *runInfo, open func(string) (source, error)) (_ *segment, err error) {
	s := &segment{path: filepath.Join(dir, segmentName(n)), run: run, number: n, first: first}
	if s.src, err = open(s.path); err != nil {
		return nil, fmt.Errorf("arrowfile: %w", err)
	}
	defer func() {
		if err != nil {
			s.src.close()
		}
	}()
	startErr := s.readStart()
	if errors.Is(startErr, errShort) && last && s.src.size() <= run.startOf(n, first) {
		s.tail = s.src.size()
		return s, nil
	}
	if startErr == nil {
		s.index()
		if s.first == first && s.start == run.startOf(n, first) {
			return s, nil
		}
		// An earlier segment lost rows, or another program wrote this one, or the
		// schema is damaged where it can be read all the same. The first row decides.
		if s.first >= first && s.holdsRow(0, s.first) {
			return s, nil
		}
		startErr = s.corrupt(-1, schemaAt, "the schema says that row %d is the first and begins at byte %d; row %d at byte %d follows from what is before it", s.first, s.start, first, run.startOf(n, first))
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

// startOf returns where the first row of a segment begins.
func (r *runInfo) startOf(n int, first int64) int64 {
	return int64(len(newEncoder(r.header, r.id).prefix(n, first)))
}

// rowView is a row whose metadata is what the header implies. Its values are not
// verified yet.
type rowView struct {
	nulls nullSet
	body  *body
	at    int64 // where the body begins
	end   int64
}

// view reads the metadata of the row that begins at off.
func (s *segment) view(off int64) (rowView, error) {
	e, err := readEnvelope(s.src, off)
	if err != nil {
		return rowView{}, err
	}
	nulls, err := s.run.shapes.parse(e.meta, s.run.columns)
	if err != nil {
		return rowView{}, err
	}
	b := s.run.columns.body(nulls)
	if b.size > s.src.size()-e.body {
		return rowView{}, errShort
	}
	return rowView{nulls, b, e.body, e.body + b.size}, nil
}

// row returns the view of row j of the segment.
func (s *segment) row(j int) (rowView, error) {
	if j >= s.rows() {
		return rowView{}, s.corrupt(j, s.src.size(), "the segment ends before this row")
	}
	v, err := s.view(s.offsets[j])
	if err != nil {
		return v, s.corrupt(j, s.offsets[j], "%w", err)
	}
	if v.end != s.offsets[j+1] {
		return v, s.corrupt(j, s.offsets[j], "the row ends at byte %d and not where the next one begins, at %d", v.end, s.offsets[j+1])
	}
	return v, nil
}

// scalars reads the scalars of a view. They are not verified.
func (s *segment) scalars(v rowView) (out scalars, err error) {
	c := s.run.columns
	next := 0
	value := func() uint64 { // of the next column
		var word [8]byte
		b, readErr := s.src.bytes(v.at+v.body.data[next].offset, c.list[next].kind.width())
		if readErr != nil {
			err = readErr
		}
		copy(word[:], b)
		next++
		return binary.LittleEndian.Uint64(word[:])
	}
	out.nulls = v.nulls
	out.step = int64(value())
	out.substep, out.epoch, out.examples = int32(value()), int32(value()), int32(value())
	out.evaluations = int64(value())
	for i := range out.optional {
		out.optional[i] = math.Float64frombits(value())
	}
	for i := range vectors {
		if c.exists[i] {
			next++ // the vector itself
			out.vectorCRC[i] = uint32(value())
		}
	}
	out.crc = uint32(value())
	out.wallTime = int64(value())
	out.wallCRC = uint32(value())
	return out, err
}

// parts of a row that have a checksum of their own; the vectors follow.
const partScalars = 0

func (s *segment) isVerified(j, part int) bool {
	return s.verified[j/16].Load()>>(4*(j%16)+part)&1 == 1
}

func (s *segment) setVerified(j, part int) {
	if s.src.mapped() {
		s.verified[j/16].Or(1 << (4*(j%16) + part))
	}
}

// verifiedScalars reads and verifies the scalars of row j.
func (s *segment) verifiedScalars(j int, v rowView) (scalars, error) {
	out, err := s.scalars(v)
	if err != nil {
		return out, s.corrupt(j, v.at, "%w", err)
	}
	if s.isVerified(j, partScalars) {
		return out, nil
	}
	if out.checksum(s.run.columns, s.first+int64(j), &s.run.id) != out.crc {
		return out, s.corrupt(j, v.at, "the scalars do not match their checksum")
	}
	if wallChecksum(out.wallTime) != out.wallCRC {
		return out, s.corrupt(j, v.at, "the wall time does not match its checksum")
	}
	for _, e := range v.body.bitmaps {
		b, err := s.src.bytes(v.at+e.offset, e.length)
		if err != nil {
			return out, s.corrupt(j, v.at, "%w", err)
		}
		if len(bytes.TrimLeft(b, "\x00")) > 0 {
			return out, s.corrupt(j, v.at+e.offset, "a value that is absent is marked as present")
		}
	}
	s.setVerified(j, partScalars)
	return out, nil
}

// vector returns a view of one of the vectors of row j, or nil when the row does
// not have it.
func (s *segment) vector(j int, v rowView, sc *scalars, which int) ([]float32, error) {
	c := s.run.columns
	if !c.exists[which] || sc.nulls.has(optionals+which) {
		return nil, nil
	}
	e := v.body.data[c.vectorAt[which]]
	b, err := s.src.bytes(v.at+e.offset, e.length)
	if err != nil {
		return nil, s.corrupt(j, v.at+e.offset, "%s: %w", vectorNames[which], err)
	}
	if !s.isVerified(j, 1+which) {
		if crc32.Checksum(b, castagnoli) != sc.vectorCRC[which] {
			return nil, s.corrupt(j, v.at+e.offset, "%s does not match its checksum", vectorNames[which])
		}
		s.setVerified(j, 1+which)
	}
	return floatsOf(b), nil
}

// holdsRow reports whether row j of the segment is row number of the run.
func (s *segment) holdsRow(j int, number int64) bool {
	if j >= s.rows() {
		return false
	}
	v, err := s.row(j)
	return err == nil && s.isRow(v, number)
}

// isRow reports whether the checksum of the view's scalars holds for that row.
func (s *segment) isRow(v rowView, number int64) bool {
	sc, err := s.scalars(v)
	return err == nil && sc.checksum(s.run.columns, number, &s.run.id) == sc.crc
}
