//go:build unix

package safefile

import "golang.org/x/sys/unix"

// safeFlags make the system refuse a link, and not wait for the other end of a pipe.
const safeFlags = unix.O_NOFOLLOW | unix.O_NONBLOCK
