//go:build noasm || !(amd64 || arm64)

package kernel

// transposeFast does nothing without assembly.
func transposeFast[T Float]([]T, []T, int, int, int) int { return 0 }
