//go:build !amd64 || noasm

package kernel

// best has no choice without assembly.
func best() instructions { return pureGo }
