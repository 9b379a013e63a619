package arrowfile

import (
	"fmt"
	"os"
	"unsafe"
)

// source gives access to the bytes of a segment file as it was when it was
// opened. Implementations are safe for concurrent use.
type source interface {
	// bytes returns n bytes from off, starting at an address that is a multiple
	// of 8 when off is. They stay valid until close.
	bytes(off, n int64) ([]byte, error)
	// size is the number of bytes.
	size() int64
	// mapped says whether bytes returns the same memory each time, so that what
	// was verified once need not be verified again.
	mapped() bool
	close() error
}

func checkRange(off, n, size int64) error {
	if off < 0 || n < 0 || off > size-n {
		return fmt.Errorf("%d bytes from byte %d are outside the file of %d bytes", n, off, size)
	}
	return nil
}

// readSource reads on demand. It serves systems without a memory map.
type readSource struct {
	file   *os.File
	length int64
}

func openReadSource(path string) (source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	return &readSource{file: f, length: info.Size()}, nil
}

func (s *readSource) bytes(off, n int64) ([]byte, error) {
	if err := checkRange(off, n, s.length); err != nil || n == 0 {
		return nil, err
	}
	words := make([]uint64, (n+7)/8)
	b := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), n)
	_, err := s.file.ReadAt(b, off)
	return b, err
}

func (s *readSource) size() int64  { return s.length }
func (s *readSource) mapped() bool { return false }
func (s *readSource) close() error { return s.file.Close() }
