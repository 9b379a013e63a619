//go:build noasm || !(amd64 || arm64)

package kernel

// runFast is never called without assembly.
func (s *contraction[T]) runFast() { panic("kernel: no assembly in this build") }
