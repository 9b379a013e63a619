package result

import "golang.org/x/sys/unix"

// exchange swaps the names of two directories in one step. It is a variable so that tests
// can replace it and act like a system without such a call.
var exchange = func(a, b string) error {
	return unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
}
