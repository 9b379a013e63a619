// Package mapped maps files into memory, and turns a fault in a map into an error.
//
//  1. [Map] maps a part of an open file, which the caller may then close. [MapShared] maps a file
//     that another process maps too.
//  2. [Catch] runs a function that reads mapped memory. A page that the system cannot read
//     would kill the process; Catch returns an error that wraps [ErrFault] instead.
//  3. [Release] drops resident pages, and [Unmap] ends the map.
package mapped

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"syscall"
)

// ErrFault is wrapped by the error for a page of a map that the system cannot read.
var ErrFault = errors.New("the file cannot be read: it became shorter, or the disk failed")

// Catch runs f, which reads mapped memory. It returns ErrFault when the system cannot read a
// page, because the disk failed or the file was cut. Other panics continue.
func Catch(f func()) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			if _, isFault := p.(interface{ Addr() uintptr }); !isFault {
				panic(p)
			}
			err = ErrFault
		}
	}()
	f()
	return nil
}

// Explain returns the reason of a fault in the map of a file that had size bytes. A file that
// is shorter than its map was cut by another process; otherwise the disk failed.
func Explain(path string, size int64) error {
	if info, err := os.Stat(path); err == nil && info.Size() < size {
		return fmt.Errorf("%w: %d bytes are left of %d", ErrFault, info.Size(), size)
	}
	return fmt.Errorf("%w: %w", ErrFault, syscall.EIO)
}
