//go:build !linux

package arrowfile

import (
	"errors"
	"os"
)

// writeParts writes the parts one after the other from byte at on. It returns how
// much was written.
func writeParts(f *os.File, parts [][]byte, at int64) (written int64, err error) {
	for _, p := range parts {
		n, err := f.WriteAt(p, at+written)
		written += int64(n)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// reserveRoom reserves nothing here.
func reserveRoom(*os.File, int64, int64) error { return errors.ErrUnsupported }
