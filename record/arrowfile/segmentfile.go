package arrowfile

import (
	"os"

	"sgdwalk/record/safefile"
)

// segmentFile is the output of a Writer: a call of write is one system call, and
// vectors go from the caller's memory to the system's.
type segmentFile struct {
	file          *os.File
	size          int64 // bytes written
	reserved      int64 // room that the file system keeps for the file; see reserve
	cannotReserve bool  // it keeps none
	parts         [][]byte
}

// holeBytes is the size from which zeros that stand for an absent vector are left
// out: where the file system keeps holes, they take no room on the disk. Other
// bytes always follow them.
const holeBytes = 16 << 10

// Room is reserved in steps of a quarter of the file: less than 1 MiB is not
// worth a system call, and no more than 64 MiB lie idle.
const (
	minReserve = 1 << 20
	maxReserve = 64 << 20
)

// newSegmentFile makes the file or, again, empties the one that is there. That is
// never without a name: a run whose writer dies just then still has its segment.
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

func (s *segmentFile) write(pieces ...piece) error {
	n := int64(0)
	for _, p := range pieces {
		n += int64(len(p.bytes))
	}
	s.reserve(s.size + n)
	for len(pieces) > 0 {
		if p := pieces[0]; p.hole && len(p.bytes) >= holeBytes {
			if err := s.trim(); err != nil { // what is reserved is no hole
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

// reserve has the file system keep room up to byte end and some more, where it
// can: finding room for many rows at once takes it less time than for each of
// them. What is left over is given back when the segment ends, and all of it when
// a row leaves a hole.
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

// trim gives back the room that was reserved and not used.
func (s *segmentFile) trim() error {
	if s.reserved <= s.size {
		return nil
	}
	s.reserved, s.cannotReserve = 0, true
	return s.file.Truncate(s.size)
}
