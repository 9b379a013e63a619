//go:build !noasm

package kernel

import "golang.org/x/sys/cpu"

// best returns the fastest instruction set that processor and operating system
// support. With AVX-512 the AVX2 kernels still compute half panels.
func best() instructions {
	switch {
	case !cpu.X86.HasAVX2 || !cpu.X86.HasFMA:
		return pureGo
	case !cpu.X86.HasAVX512F:
		return useAVX2
	default:
		return useAVX512
	}
}
