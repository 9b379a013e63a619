//go:build !unix

package mapped

import (
	"errors"
	"os"
)

// Map returns errors.ErrUnsupported: files are not mapped on this system.
func Map(*os.File, int64, int64) ([]byte, error) { return nil, errors.ErrUnsupported }

// MapShared returns errors.ErrUnsupported.
func MapShared(*os.File, int) ([]byte, error) { return nil, errors.ErrUnsupported }

// Unmap does nothing.
func Unmap([]byte) error { return nil }

// Release does nothing.
func Release([]byte) {}

// Prefetch does nothing.
func Prefetch([]byte, int64, int64) {}
