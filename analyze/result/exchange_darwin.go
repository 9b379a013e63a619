package result

import "golang.org/x/sys/unix"

// exchange gives each of two directories the other's place, in one step. It is a
// variable for tests of systems that cannot.
var exchange = func(a, b string) error { return unix.RenamexNp(a, b, unix.RENAME_SWAP) }
