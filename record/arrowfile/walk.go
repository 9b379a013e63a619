package arrowfile

import (
	"encoding/binary"
	"errors"
)

// walk finds the rows of a segment without a valid footer, by going from message to message.
// It starts at off, after the rows in offsets.
//
// After a damaged message it searches for the next row with a right checksum, whose number
// tells how many rows are lost. These keep their numbers, and reading them is an error. The
// bytes after the last row are a torn row or footer.
func (s *segment) walk(off int64) {
	size := s.src.size()
	for off < size {
		v, err := s.view(off)
		if err == nil {
			s.offsets = append(s.offsets, off)
			off = v.end
			continue
		}
		// A damaged length can lead the walk to a wrong place. The checksum of the row before
		// shows whether its length is damaged.
		if j := len(s.offsets) - 1; j >= 0 {
			if v, err := s.view(s.offsets[j]); err != nil || !s.isRow(v, s.first+int64(j)) {
				off = s.offsets[j]
				s.offsets = s.offsets[:j]
			}
		}
		next, lost := s.findNextRow(off)
		if next < 0 {
			off = s.endWalk(off, err)
			break
		}
		for range lost {
			s.offsets = append(s.offsets, off)
		}
		off = next
	}
	s.offsets = append(s.offsets, off)
	s.tornBytes = size - off
}

// endWalk decides what the bytes from off to the end are. An incomplete row, whose writer died,
// is not a row, and neither is a footer. But a complete row with damaged metadata was
// acknowledged, so it counts as a row.
func (s *segment) endWalk(off int64, err error) int64 {
	rest := s.src.size() - off
	prefix, readErr := s.src.bytes(off, min(4, rest))
	complete := rest >= s.smallestRow()
	if readErr == nil && len(prefix) == 4 && binary.LittleEndian.Uint32(prefix) == continuation && complete &&
		!errors.Is(err, errTruncated) && !errors.Is(err, errEndMark) {
		s.offsets = append(s.offsets, off)
		return s.src.size()
	}
	return off
}

// smallestRow returns a lower bound of the size of a row.
func (s *segment) smallestRow() int64 { return 16 + s.run.columns.bodyFor(0).size }

// findNextRow searches for the next intact row after damage at off. It returns where that row
// begins and how many rows the damage covers; next is -1 when there is none.
func (s *segment) findNextRow(off int64) (next, lost int64) {
	number := s.first + int64(len(s.offsets))
	found := int64(-1)
	s.eachMark(off+8, func(at int64) bool {
		v, err := s.view(at)
		if err != nil {
			return true
		}
		for lost = 1; lost <= (at-off)/s.smallestRow()+1; lost++ {
			if s.triedRows++; s.triedRows > maxTries {
				return false
			}
			if s.isRow(v, number+lost) {
				found = at
				return false
			}
		}
		return true
	})
	return found, lost
}

// maxTries bounds the row numbers that are tried for rows after damage in one segment, which
// takes some seconds. Rows after that count as lost.
const maxTries = 1 << 22

// eachMark calls f with the place of every continuation mark from off on, until
// f returns false. Messages begin at multiples of 8.
func (s *segment) eachMark(off int64, f func(at int64) bool) {
	const window = 1 << 20
	holes, _ := s.src.(interface{ nextData(off int64) int64 })
	for size := s.src.size(); off < size; off += window {
		if holes != nil {
			// A hole has only zeros, and therefore no mark.
			if off = max(off, holes.nextData(off)&^7); off >= size {
				return
			}
		}
		b, err := s.src.bytes(off, min(window, size-off))
		if err != nil {
			return
		}
		for i := 0; i+4 <= len(b); i += 8 {
			if binary.LittleEndian.Uint32(b[i:]) == continuation && !f(off+int64(i)) {
				return
			}
		}
	}
}
