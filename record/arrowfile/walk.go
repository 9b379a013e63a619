package arrowfile

import (
	"encoding/binary"
	"errors"
)

// walk finds the rows of a segment that has no footer to believe, by going from
// message to message. It begins at off, behind the rows that offsets has.
//
// Where a message is damaged it looks for the next row whose checksum holds and
// learns from its number how many rows lie between; they keep their numbers, and
// reading them is an error. What remains at the end is a torn row or footer.
func (s *segment) walk(off int64) {
	size := s.src.size()
	for off < size {
		v, err := s.view(off)
		if err == nil {
			s.offsets = append(s.offsets, off)
			off = v.end
			continue
		}
		// A damaged length sends the walk astray, and the row that it belongs to is
		// found here only: by its checksum.
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

// endOfWalk decides what the bytes from off to the end are. A row that was being
// written when its writer died is no row, and neither is a footer; but a complete
// row whose metadata is damaged was acknowledged, and counts.
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

// smallestRow is less than any row takes.
func (s *segment) smallestRow() int64 { return 16 + s.run.columns.bodyFor(0).size }

// resume looks for the next intact row after the damage that begins at off. It
// returns where that row begins and how many rows the damage covers, or -1.
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

// mostTries bounds how many row numbers are tried for what looks like a row behind
// damage, in one segment: some seconds. What is found after that counts as lost.
const maxTries = 1 << 22

// eachMark calls f with the place of every continuation mark from off on, until
// f returns false. Messages begin at multiples of 8.
func (s *segment) eachMark(off int64, f func(at int64) bool) {
	const window = 1 << 20
	holes, _ := s.src.(interface{ nextData(off int64) int64 })
	for size := s.src.size(); off < size; off += window {
		if holes != nil {
			// A hole has zeros only. Messages begin at multiples of 8.
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
