package arrowfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"

	"sgdwalk/record"
	"sgdwalk/record/internal/mapped"
)

// segment is one file of a run, opened for reading.
type segment struct {
	path      string
	src       byteSource
	run       *runInfo
	number    int
	first     int64   // number of its first row
	start     int64   // where the first row begins
	offsets   []int64 // where row j begins; the last entry is where the last row ends
	closed    bool    // it has a valid footer
	finalRows int64   // rows of the run, if it came to its end with this segment; otherwise unknown
	tornBytes int64   // bytes after the last row that are not a footer
	damage    error   // error of a damaged schema
	triedRows int64   // number of row numbers that the walk has tried, see maxTries

	// verified has 4 bits for each row, for the parts whose checksum was verified: the
	// scalars and the three vectors. So a part is verified only when it is first read.
	verified []atomic.Uint64
}

// rows returns the number of rows in the segment.
func (s *segment) rows() int { return max(0, len(s.offsets)-1) }

// next is the number of the row after the segment's last.
func (s *segment) next() int64 { return s.first + int64(s.rows()) }

// damageAt returns the error for damage at offset off, in a row unless row is negative. A
// system error is not damage, because the content of the file is then not known.
func (s *segment) damageAt(row int, off int64, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	if errors.Is(err, mapped.ErrFault) {
		err = mapped.Explain(s.path, s.src.size())
	}
	if record.IsSystemError(err) {
		return fmt.Errorf("arrowfile: %s: %w", s.path, err)
	}
	e := &CorruptError{Path: s.path, Batch: row, Row: -1, Offset: off, Err: err}
	if row >= 0 {
		e.Row = s.first + int64(row)
	}
	return e
}

// rowView is a row whose metadata was verified; its values were not yet.
type rowView struct {
	nulls nullSet
	body  *bodyLayout
	at    int64 // where the body begins
	end   int64
}

// view reads the metadata of the row that begins at off.
func (s *segment) view(off int64) (rowView, error) {
	e, err := readEnvelope(s.src, off, maxMetadata)
	if err != nil {
		return rowView{}, err
	}
	nulls, err := s.run.metadata.parse(e.meta, s.run.columns)
	if err != nil {
		return rowView{}, err
	}
	b := s.run.columns.bodyFor(nulls)
	if b.size > s.src.size()-e.body {
		return rowView{}, errTruncated
	}
	return rowView{nulls, b, e.body, e.body + b.size}, nil
}

// row returns the view of row j of the segment.
func (s *segment) row(j int) (rowView, error) {
	if j >= s.rows() {
		return rowView{}, s.damageAt(j, s.src.size(), "the segment ends before this row")
	}
	v, err := s.view(s.offsets[j])
	if err != nil {
		return v, s.damageAt(j, s.offsets[j], "%w", err)
	}
	if v.end != s.offsets[j+1] {
		return v, s.damageAt(j, s.offsets[j], "the row ends at byte %d and not where the next one begins, at %d",
			v.end, s.offsets[j+1])
	}
	return v, nil
}

// scalars reads the scalars of a view. They are not verified.
func (s *segment) scalars(v rowView) (out scalars, err error) {
	c := s.run.columns
	value := func(f field, at, width int64) {
		b, readErr := s.src.bytes(v.at+at, width)
		if readErr != nil {
			err = readErr
			return
		}
		if width == 8 {
			out.words[f] = binary.LittleEndian.Uint64(b)
		} else {
			out.words[f] = uint64(binary.LittleEndian.Uint32(b))
		}
	}
	out.nulls = v.nulls
	for i := range c.list {
		if col := &c.list[i]; !col.kind.isVector() {
			value(col.field, v.body.data[i].offset, col.kind.width())
		}
	}
	for i, f := range c.checks {
		value(f, v.body.checks.offset+4*int64(i), 4)
	}
	return out, err
}

// partScalars is the index of the scalars among the parts of a row with their own checksum;
// the vectors follow.
const partScalars = 0

// isVerified reports whether a part of row j was verified before.
func (s *segment) isVerified(j, part int) bool {
	return s.verified[j/16].Load()>>(4*(j%16)+part)&1 == 1
}

// setVerified marks a part of row j as verified. Without a map the next read may return other
// bytes, so nothing is marked.
func (s *segment) setVerified(j, part int) {
	if s.src.mapped() {
		s.verified[j/16].Or(1 << (4*(j%16) + part))
	}
}

// verifiedScalars reads and verifies the scalars of row j.
func (s *segment) verifiedScalars(j int, v rowView) (scalars, error) {
	out, err := s.scalars(v)
	if err != nil {
		return out, s.damageAt(j, v.at, "%w", err)
	}
	if s.isVerified(j, partScalars) {
		return out, nil
	}
	if out.checksum(s.run.columns, s.first+int64(j), &s.run.id,
		make([]byte, checksumBytes)) != uint32(out.words[fieldCRC]) {
		return out, s.damageAt(j, v.at, "the scalars do not match their checksum")
	}
	if wallChecksum(out.words[fieldWallTime], make([]byte, 8)) != uint32(out.words[fieldWallCRC]) {
		return out, s.damageAt(j, v.at, "the wall time does not match its checksum")
	}
	for _, e := range v.body.bitmaps {
		b, err := s.src.bytes(v.at+e.offset, e.length)
		if err != nil {
			return out, s.damageAt(j, v.at, "%w", err)
		}
		if len(bytes.TrimLeft(b, "\x00")) > 0 {
			return out, s.damageAt(j, v.at+e.offset, "a value that is absent is marked as present")
		}
	}
	s.setVerified(j, partScalars)
	return out, nil
}

// raw returns a view of a vector of row j as it is in the file; nil when the row does not
// have it.
func (s *segment) raw(j int, v rowView, sc *scalars, which int) ([]byte, error) {
	c := s.run.columns
	if !c.exists[which] || sc.nulls.has(optionals+which) {
		return nil, nil
	}
	e := v.body.data[c.vectorAt[which]]
	b, err := s.src.bytes(v.at+e.offset, e.length)
	if err != nil {
		return nil, s.damageAt(j, v.at+e.offset, "%s: %w", record.VectorNames[which], err)
	}
	if !s.isVerified(j, 1+which) {
		if checksum(0, b) != sc.vectorCRC(which) {
			return nil, s.damageAt(j, v.at+e.offset, "%s does not match its checksum", record.VectorNames[which])
		}
		s.setVerified(j, 1+which)
	}
	return b, nil
}

// vector returns a vector of row j; nil when the row does not have it. The result is a view of
// the file for float32 elements, otherwise a new slice.
func (s *segment) vector(j int, v rowView, sc *scalars, which int) ([]float32, error) {
	b, err := s.raw(j, v, sc, which)
	if b == nil || err != nil {
		return nil, err
	}
	if s.run.columns.ofVector(which).kind == kindHalf {
		return fromHalf(b, s.run.header.DType), nil
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

// isRow reports whether the checksum of the scalars is right for this row number.
func (s *segment) isRow(v rowView, number int64) bool {
	sc, err := s.scalars(v)
	return err == nil && sc.checksum(s.run.columns, number, &s.run.id,
		make([]byte, checksumBytes)) == uint32(sc.words[fieldCRC])
}
