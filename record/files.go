package record

import (
	"errors"
	"syscall"
)

// ErrDamaged is wrapped by errors that report a file whose content is not what was
// written. Use IsDamage to test for it: an error tree may also contain an error of
// the operating system, and then nothing is known about the content.
var ErrDamaged = errors.New("damaged")

// IsDamage reports whether the error is about the content of a file, and not about
// the machine that reads the file.
func IsDamage(err error) bool { return errors.Is(err, ErrDamaged) && !IsSystemError(err) }

// nameErrors are the errors of the operating system for a file that is missing or
// was replaced. They do not mean that the machine has a problem.
var nameErrors = []error{syscall.ENOENT, syscall.ENOTDIR, syscall.EISDIR, syscall.ELOOP}

// IsSystemError reports whether an error of the operating system is the cause, anywhere
// in the tree of err: too many open files, no memory, permission denied, a failing
// or full disk. The content of the files is then not known. A file name that does
// not exist is not such an error.
func IsSystemError(err error) bool {
	if no, ok := err.(syscall.Errno); ok { //nolint:errorlint // the tree is walked here
		for _, name := range nameErrors {
			if no.Is(name) || no == name {
				return false
			}
		}
		return true
	}
	switch e := err.(type) { //nolint:errorlint // the tree is walked here
	case interface{ Unwrap() error }:
		return IsSystemError(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			if IsSystemError(err) {
				return true
			}
		}
	}
	return false
}
