package record

import (
	"errors"
	"syscall"
)

// ErrDamaged is wrapped by errors that say that a file does not have what was
// written into it. Errors of the machine never wrap it alone; see IsDamage.
var ErrDamaged = errors.New("damaged")

// IsDamage reports whether the error is about what a file contains and not about
// the machine that reads it.
func IsDamage(err error) bool { return errors.Is(err, ErrDamaged) && !IsSystemError(err) }

// aboutNames are the errors of the system that a missing or exchanged file causes:
// the machine is well.
var nameErrors = []error{syscall.ENOENT, syscall.ENOTDIR, syscall.EISDIR, syscall.ELOOP}

// IsSystemError reports whether an error of the operating system is the cause, anywhere
// in the tree of err: too many open files, no memory, permission denied, a failing
// disk, a full one. What the files contain is then not known. A name that does not
// exist is no such error.
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
