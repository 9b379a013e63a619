//go:build !amd64 || noasm

package kernel

// pause does nothing without assembly.
func pause() {}
