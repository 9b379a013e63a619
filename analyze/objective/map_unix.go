//go:build unix

package objective

import (
	"os"

	"golang.org/x/sys/unix"
)

// mapFile returns the first n bytes of a file as memory, nil when that cannot be
// done: then the file is read and written.
func mapFile(f *os.File, n int) []byte {
	b, err := unix.Mmap(int(f.Fd()), 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil
	}
	return b
}

func unmap(b []byte) {
	if b != nil {
		_ = unix.Munmap(b) // it was mapped
	}
}
