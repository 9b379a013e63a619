//go:build unix

package arrowfile

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// openSource maps a segment.
func openSource(path string) (source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // the map outlives the descriptor
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	n := info.Size()
	if n == 0 { // an empty map is not to be had
		return &mapSource{}, nil
	}
	if int64(int(n)) != n {
		return nil, fmt.Errorf("%d bytes are more than this processor can map", n)
	}
	m, err := unix.Mmap(int(f.Fd()), 0, int(n), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	return &mapSource{memory: m}, nil
}

type mapSource struct{ memory []byte }

func (s *mapSource) bytes(off, n int64) ([]byte, error) {
	if err := checkRange(off, n, s.size()); err != nil {
		return nil, err
	}
	return s.memory[off : off+n : off+n], nil
}

func (s *mapSource) size() int64  { return int64(len(s.memory)) }
func (s *mapSource) mapped() bool { return true }

func (s *mapSource) close() error {
	m := s.memory
	s.memory = nil
	if m == nil {
		return nil
	}
	return os.NewSyscallError("munmap", unix.Munmap(m))
}
