//go:build noasm || !(amd64 || arm64)

package kernel

// runFast has no assembly here. The transforms are sums and differences, which Go
// computes with the same bits.
func (s *winogradRow[T]) runFast() bool { return false }
