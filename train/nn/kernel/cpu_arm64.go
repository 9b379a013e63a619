//go:build !noasm

package kernel

// available returns the instruction sets of this build, the fastest one last.
// Every arm64 processor that Go supports has NEON.
func available() []instructions { return []instructions{pureGo, useNEON} }
