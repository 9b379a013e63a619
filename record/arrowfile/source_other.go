//go:build !unix

package arrowfile

// openSource opens a segment; memory maps are not used on this system.
func openSource(path string) (byteSource, error) { return openReadSource(path) }
