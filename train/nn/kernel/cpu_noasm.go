//go:build noasm || !(amd64 || arm64)

package kernel

// available has no choice without assembly.
func available() []instructions { return []instructions{pureGo} }
