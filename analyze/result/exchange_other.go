//go:build !linux && !darwin

package result

import "errors"

// exchange always fails, because this system has no call that swaps two directories.
var exchange = func(a, b string) error { return errors.ErrUnsupported }
