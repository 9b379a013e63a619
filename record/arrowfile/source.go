package arrowfile

import (
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"sgdwalk/record/safefile"
)

// byteSource gives access to the bytes of a segment file. Except for refresh and close, its
// methods are safe for concurrent use.
type byteSource interface {
	// bytes returns n bytes from off, starting at an address that is a multiple
	// of 8 when off is. They stay valid until close.
	bytes(off, n int64) ([]byte, error)
	// size is the size of the file when it was opened or last refreshed.
	size() int64
	// mapped reports whether bytes always returns the same memory, so that verified
	// values need not be verified again.
	mapped() bool
	// refresh reads the current size of the file. Among the new bytes, only those at from
	// or later may be requested.
	refresh(from int64) error
	// freeze releases resources that are needed only while the file grows.
	freeze() error
	close() error
}

// checkRange returns an error when n bytes from off on are not inside of size bytes.
func checkRange(off, n, size int64) error {
	if off < 0 || n < 0 || off > size-n {
		return fmt.Errorf("%d bytes from byte %d are outside the file of %d bytes", n, off, size)
	}
	return nil
}

// readSource reads on demand, on systems without memory maps.
type readSource struct {
	file   *os.File
	length atomic.Int64
}

// openReadSource opens a segment for reading on demand.
func openReadSource(path string) (byteSource, error) {
	f, err := safefile.Open(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	s := &readSource{file: f}
	if err := s.refresh(0); err != nil {
		f.Close()
		return nil, err
	}
	return s, nil
}

// bytes reads into new memory. It allocates words, because callers view the bytes as numbers,
// which need an aligned address.
func (s *readSource) bytes(off, n int64) ([]byte, error) {
	if err := checkRange(off, n, s.size()); err != nil || n == 0 {
		return nil, err
	}
	words := make([]uint64, (n+7)/8)
	b := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), n)
	_, err := s.file.ReadAt(b, off)
	return b, err
}

// refresh reads the size of the file.
func (s *readSource) refresh(int64) error {
	info, err := s.file.Stat()
	if err == nil {
		s.length.Store(info.Size())
	}
	return err
}

func (s *readSource) size() int64   { return s.length.Load() }
func (s *readSource) mapped() bool  { return false }
func (s *readSource) freeze() error { return nil }
func (s *readSource) close() error  { return s.file.Close() }
