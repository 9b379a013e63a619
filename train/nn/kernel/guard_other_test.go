//go:build !linux

package kernel

// guarded returns n elements. Only Linux has guard pages.
func guarded[T Float](_ interface{ Cleanup(func()) }, n int, _ bool) []T { return make([]T, n) }
