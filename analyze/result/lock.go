package result

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"

	"sgdwalk/record/safefile"
)

// ErrBusy is wrapped by the error of a directory that another process has.
var ErrBusy = errors.New("another process is at work on this result")

// lockName is the file that is locked. The lock ends with its process, however that
// ends, so a file that was left behind blocks nobody.
const lockName = ".lock"

type lock struct {
	path string
	file *flock.Flock
}

// Lock locks a directory that must exist, as Create does. The error wraps ErrBusy.
func Lock(dir string) (release func() error, err error) {
	l, err := lockDir(dir)
	if err != nil {
		return nil, fmt.Errorf("result: %w", err)
	}
	return l.release, nil
}

func lockDir(dir string) (*lock, error) {
	path := filepath.Join(dir, lockName)
	// A lock file that its owner removed between our opening and our locking it
	// protects nothing: try again.
	for range 10 {
		if err := safefile.Check(path); err != nil {
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
		mine, err1 := l.Stat()
		there, err2 := os.Stat(path)
		if err1 == nil && err2 == nil && os.SameFile(mine, there) {
			return &lock{path, l}, nil
		}
		l.Close()
	}
	return nil, fmt.Errorf("%s: %w", dir, ErrBusy)
}

// release removes the file, if it still is the one that is locked, and unlocks it.
// Where an open file cannot be removed, an empty file stays, which does no harm.
func (l *lock) release() error {
	mine, err1 := l.file.Stat()
	there, err2 := os.Lstat(l.path)
	if err1 == nil && err2 == nil && os.SameFile(mine, there) {
		os.Remove(l.path)
	}
	return l.file.Close()
}
