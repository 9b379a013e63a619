package result

import "golang.org/x/sys/unix"

// exchange swaps the names of two directories in one step. It is a variable so that tests
// can replace it and act like a system without such a call.
var exchange = func(a, b string) error { return unix.RenamexNp(a, b, unix.RENAME_SWAP) }
