//go:build !unix

package objective

import "os"

// mapFile maps nothing: the file is read and written.
func mapFile(*os.File, int) []byte { return nil }

func unmap([]byte) {}
