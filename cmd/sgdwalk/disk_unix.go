//go:build unix

package main

import (
	"path/filepath"

	"golang.org/x/sys/unix"
)

// freeBytes returns the room that a user has on the disk of a path whose parent
// exists.
func freeBytes(path string) (int64, bool) {
	for dir := filepath.Clean(path); ; dir = filepath.Dir(dir) {
		var s unix.Statfs_t
		if err := unix.Statfs(dir, &s); err == nil {
			return int64(s.Bavail) * int64(s.Bsize), true
		}
		if dir == filepath.Dir(dir) {
			return 0, false
		}
	}
}
