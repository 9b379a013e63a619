package arrowfile

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// writeParts writes the parts one after the other from byte at on, in one system
// call unless the system takes less. It returns how much was written.
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

// behind returns what is left of the parts after n bytes. It changes parts.
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

// reserveRoom reserves room on the disk and leaves the size of the file as it is.
// A file system in memory would fill it with zeros there and then, which takes
// longer than writing.
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
