package arrowfile

import (
	"errors"
	"io"
	"os"
)

// segmentFile is what the encoder writes into. The many small pieces of a row
// are gathered in a buffer and large ones passed on as they are, so that a row
// costs a few system calls and its vectors are never copied.
type segmentFile struct {
	file   *os.File
	buffer []byte
	size   int64 // bytes written, the gathered ones included

	// isAbsent tells the zeros that stand for a vector which a row does not have.
	// They are skipped: where the file system keeps holes, an absent vector takes no
	// room on the disk. Other columns always follow it.
	isAbsent func(p []byte) bool
}

const (
	gatherBytes = 64 << 10 // size of the buffer
	directBytes = 16 << 10 // pieces from this size on are passed through
)

func newSegmentFile(path string) (*segmentFile, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	return &segmentFile{file: f, buffer: make([]byte, 0, gatherBytes)}, nil
}

// Write gathers or writes p.
func (s *segmentFile) Write(p []byte) (int, error) {
	if len(s.buffer)+len(p) > cap(s.buffer) || len(p) >= directBytes {
		if err := s.flush(); err != nil {
			return 0, err
		}
	}
	if len(p) < directBytes {
		s.buffer = append(s.buffer, p...)
		s.size += int64(len(p))
		return len(p), nil
	}
	if s.isAbsent != nil && s.isAbsent(p) {
		if _, err := s.file.Seek(int64(len(p)), io.SeekCurrent); err != nil {
			return 0, err
		}
		s.size += int64(len(p))
		return len(p), nil
	}
	n, err := s.file.Write(p)
	s.size += int64(n)
	return n, err
}

// Seek tells the position.
func (s *segmentFile) Seek(offset int64, whence int) (int64, error) {
	return tell(s.size, offset, whence)
}

// tell is a Seek that only tells the position, which is all that an Arrow writer
// asks for.
func tell(pos, offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekCurrent {
		return 0, errors.New("arrowfile: a segment is written in one direction")
	}
	return pos, nil
}

// counter counts what is written into it.
type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

func (c *counter) Seek(offset int64, whence int) (int64, error) { return tell(c.n, offset, whence) }

// flush hands everything gathered to the operating system.
func (s *segmentFile) flush() error {
	_, err := s.file.Write(s.buffer)
	s.buffer = s.buffer[:0]
	return err
}
