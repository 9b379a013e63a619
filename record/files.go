package record

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// ErrDamaged is wrapped by errors that say that a file does not have what was
// written into it. Errors of the machine never wrap it alone; see IsDamage.
var ErrDamaged = errors.New("damaged")

// IsDamage reports whether the error is about what a file contains and not about
// the machine that reads it.
func IsDamage(err error) bool { return errors.Is(err, ErrDamaged) && !IsMachine(err) }

// aboutNames are the errors of the system that a missing or exchanged file causes:
// the machine is well.
var aboutNames = []error{syscall.ENOENT, syscall.ENOTDIR, syscall.EISDIR, syscall.ELOOP}

// IsMachine reports whether an error of the operating system is the cause, anywhere
// in the tree of err: too many open files, no memory, permission denied, a failing
// disk, a full one. What the files contain is then not known. A name that does not
// exist is no such error.
func IsMachine(err error) bool {
	if no, ok := err.(syscall.Errno); ok { //nolint:errorlint // the tree is walked here
		for _, name := range aboutNames {
			if no.Is(name) || no == name {
				return false
			}
		}
		return true
	}
	switch e := err.(type) { //nolint:errorlint // the tree is walked here
	case interface{ Unwrap() error }:
		return IsMachine(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			if IsMachine(err) {
				return true
			}
		}
	}
	return false
}

// CheckRegular returns an error that wraps ErrDamaged when a path names a file that
// is not a regular one. Reading a pipe would wait for ever, a device may have no
// end. Links are followed.
func CheckRegular(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return checkMode(path, info.Mode())
}

func checkMode(path string, mode fs.FileMode) error {
	kind := ""
	switch {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		kind = "a directory"
	case mode&fs.ModeNamedPipe != 0:
		kind = "a named pipe"
	case mode&fs.ModeSocket != 0:
		kind = "a socket"
	default:
		kind = "a device"
	}
	return fmt.Errorf("%s is %s and not a regular file: %w", path, kind, ErrDamaged)
}

// ReadSmall reads a regular file of at most limit bytes. Another file is refused
// before anything is read, with an error that wraps ErrDamaged.
func ReadSmall(path string, limit int64) ([]byte, error) {
	if err := CheckRegular(path); err != nil { // before it is opened: opening a pipe waits
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := checkMode(path, info.Mode()); err != nil {
		return nil, err
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%s has %d bytes; at most %d are allowed: %w", path, info.Size(), limit, ErrDamaged)
	}
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s has more than %d bytes: %w", path, limit, ErrDamaged)
	}
	return b, err
}
