//go:build !unix

package arrowfile

import "errors"

func childFillsDisk(string) error { return errors.ErrUnsupported }
