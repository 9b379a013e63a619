package safefile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// ErrBusy is wrapped by the error for a directory that another process has locked.
var ErrBusy = errors.New("another process is at work on this result")

// LockName is the file that Lock locks. The system unlocks it when its process ends, however that happens, so a
// file that was left behind blocks no other process.
const LockName = ".lock"

// Lock locks a directory that exists for this process. The error wraps ErrBusy. release unlocks the directory.
func Lock(dir string) (release func() error, err error) {
	path := filepath.Join(dir, LockName)
	// A lock file that its owner removed after it was opened here protects nothing: try again.
	for range 10 {
		if err := Check(path); err != nil {
			return nil, err
		}
		l := flock.New(path, flock.SetPermissions(0o666))
		ok, err := l.TryLock()
		if err != nil {
			return nil, err
		}
		if !ok {
			l.Close()
			break
		}
		if isSame(l, path) {
			return func() error {
				// The file stays empty on systems where an open file cannot be removed, which does no harm.
				if isSame(l, path) {
					os.Remove(path)
				}
				return l.Close()
			}, nil
		}
		l.Close()
	}
	return nil, fmt.Errorf("%s: %w", dir, ErrBusy)
}

// isSame reports whether path still is the file that is locked.
func isSame(l *flock.Flock, path string) bool {
	mine, err1 := l.Stat()
	there, err2 := os.Lstat(path)
	return err1 == nil && err2 == nil && os.SameFile(mine, there)
}
