//go:build unix

package recorder

import (
	"path/filepath"

	"golang.org/x/sys/unix"

	"sgdwalk/record"
)

// FreeBytes returns how many bytes a user may write to the disk of a path that need not exist. It returns false
// when that is not known.
func FreeBytes(path string) (record.Bytes, bool) {
	for dir := filepath.Clean(path); ; dir = filepath.Dir(dir) {
		var s unix.Statfs_t
		if err := unix.Statfs(dir, &s); err == nil {
			return record.Bytes(int64(s.Bavail) * int64(s.Bsize)), true
		}
		if dir == filepath.Dir(dir) {
			return 0, false
		}
	}
}
