package arrowfile

import (
	"os"

	"golang.org/x/sys/unix"
)

// seekData returns the first place from off on that is in no hole.
func seekData(f *os.File, off int64) (int64, error) {
	return unix.Seek(int(f.Fd()), off, unix.SEEK_DATA)
}
