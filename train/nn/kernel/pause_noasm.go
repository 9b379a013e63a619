//go:build noasm || !(amd64 || arm64)

package kernel

// pause does nothing without assembly.
func pause() {}
