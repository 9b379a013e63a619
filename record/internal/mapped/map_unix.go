//go:build unix

package mapped

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Map maps n bytes of a file, from an offset that is a multiple of the page size, for reading
// only. The map outlives the descriptor. The part of a map that is beyond the end of the file
// must not be read.
func Map(f *os.File, offset, n int64) ([]byte, error) {
	if n == 0 { // the system refuses an empty map
		return nil, nil
	}
	if int64(int(n)) != n {
		return nil, fmt.Errorf("a file of %d bytes is too large for the address space of this processor", n)
	}
	m, err := unix.Mmap(int(f.Fd()), offset, int(n), unix.PROT_READ, unix.MAP_SHARED)
	return m, os.NewSyscallError("mmap", err)
}

// MapShared maps the first n bytes of a file for reading and writing. Other processes that map the
// file see what is written.
func MapShared(f *os.File, n int) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	m, err := unix.Mmap(int(f.Fd()), 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	return m, os.NewSyscallError("mmap", err)
}

// Unmap ends a map. Views of it must not be used any more.
func Unmap(m []byte) error {
	if m == nil {
		return nil
	}
	return os.NewSyscallError("munmap", unix.Munmap(m))
}

// Release drops the resident pages of a map, which the system reads again when they are used.
// After an error the pages only stay resident.
func Release(m []byte) {
	if m != nil {
		_ = unix.Madvise(m, unix.MADV_DONTNEED)
	}
}

// Prefetch asks the system to read n bytes of a map from first on, and does not wait.
func Prefetch(m []byte, first, n int64) {
	if first >= 0 && n > 0 && first+n <= int64(len(m)) {
		page := int64(os.Getpagesize())
		_ = unix.Madvise(m[first&^(page-1):first+n], unix.MADV_WILLNEED) // only an optimization
	}
}
