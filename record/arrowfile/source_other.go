//go:build !unix

package arrowfile

// openSource opens a segment; memory maps are not used on this system.
func openSource(path string) (source, error) { return openReadSource(path) }
