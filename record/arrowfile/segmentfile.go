package arrowfile

import (
	"os"

	"sgdwalk/record/safefile"
)

// segmentFile is the output of a Writer. Each write is one system call, which copies vectors
// directly from the caller's memory.
type segmentFile struct {
	file          *os.File
	size          int64 // bytes written
	reserved      int64 // bytes that the file system has reserved for the file; see reserve
	cannotReserve bool  // the file system does not reserve, or a hole forbids it
	parts         [][]byte
}

// holeBytes is the size from which the zeros of an absent vector are not written but skipped:
// where the file system supports holes, they then need no space on the disk. Other bytes
// always follow them, so the size of the file is right.
const holeBytes = 16 << 10

// Space is reserved in steps of a quarter of the file. Less than minReserve is not worth a
// system call, and more than maxReserve would be unused for too long.
const (
	minReserve = 1 << 20
	maxReserve = 64 << 20
)

// newSegmentFile creates the file or, if again is set, truncates the existing one. It never
// removes the file, so that a run whose writer dies at this moment still has its segment.
func newSegmentFile(path string, again bool) (*segmentFile, error) {
	how := os.O_CREATE | os.O_EXCL
	if again {
		how = os.O_TRUNC
	}
	f, err := safefile.Open(path, os.O_WRONLY|how)
	if err != nil {
		return nil, err
	}
	return &segmentFile{file: f}, nil
}

// write appends the pieces to the file. Consecutive pieces between holes are one system call.
func (s *segmentFile) write(pieces ...piece) error {
	n := int64(0)
	for _, p := range pieces {
		n += int64(len(p.bytes))
	}
	s.reserve(s.size + n)
	for len(pieces) > 0 {
		if p := pieces[0]; p.hole && len(p.bytes) >= holeBytes {
			if err := s.trim(); err != nil { // reserved space is not a hole
				return err
			}
			s.cannotReserve = true
			s.size += int64(len(p.bytes))
			pieces = pieces[1:]
			continue
		}
		s.parts = s.parts[:0]
		for len(pieces) > 0 && (!pieces[0].hole || len(pieces[0].bytes) < holeBytes) {
			s.parts = append(s.parts, pieces[0].bytes)
			pieces = pieces[1:]
		}
		written, err := writeParts(s.file, s.parts, s.size)
		s.size += written
		if err != nil {
			return err
		}
	}
	return nil
}

// reserve asks the file system to reserve space up to byte end and beyond: allocating once
// for many rows takes less time than allocating for each row. trim returns unused space
// when the segment ends, or when a row has a hole.
func (s *segmentFile) reserve(end int64) {
	more := min(end/4, maxReserve)
	if end <= s.reserved || s.cannotReserve || more < minReserve {
		return
	}
	if reserveRoom(s.file, s.reserved, end+more-s.reserved) != nil {
		s.cannotReserve = true
		return
	}
	s.reserved = end + more
}

// trim returns the space that was reserved but not used.
func (s *segmentFile) trim() error {
	if s.reserved <= s.size {
		return nil
	}
	s.reserved, s.cannotReserve = 0, true
	return s.file.Truncate(s.size)
}
