//go:build !unix

package arrowfile

func openSource(path string) (source, error) { return openReadSource(path) }
