//go:build !unix

package recorder

import "sgdwalk/record"

// FreeBytes returns false: the free bytes are not known on this system.
func FreeBytes(string) (record.Bytes, bool) { return 0, false }
