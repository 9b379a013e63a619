package arrowfile

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// writeParts writes the parts one after the other from offset at on, in one system call
// unless the system accepts less. It returns the number of bytes written.
func writeParts(f *os.File, parts [][]byte, at int64) (written int64, err error) {
	for len(parts) > 0 {
		n, err := unix.Pwritev(int(f.Fd()), parts, at+written)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return written, &os.PathError{Op: "write", Path: f.Name(), Err: err}
		}
		written += int64(n)
		parts = remaining(parts, n)
	}
	return written, nil
}

// remaining returns the parts without their first n bytes. It changes parts.
func remaining(parts [][]byte, n int) [][]byte {
	for len(parts) > 0 && n >= len(parts[0]) {
		n -= len(parts[0])
		parts = parts[1:]
	}
	if n > 0 {
		parts[0] = parts[0][n:]
	}
	return parts
}

// reserveRoom reserves space on the disk without changing the size of the file. A file system
// in memory would immediately fill the space with zeros, which takes longer than writing, so
// it is not used there.
func reserveRoom(f *os.File, at, n int64) error {
	var s unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &s); err != nil {
		return err
	}
	if int64(s.Type) == unix.TMPFS_MAGIC {
		return errors.ErrUnsupported
	}
	return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, at, n)
}
