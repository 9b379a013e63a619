//go:build !noasm

package kernel

import "golang.org/x/sys/cpu"

// best returns the fastest instruction set that processor and operating system
// support. The AVX-512 kernels leave narrow work to the AVX2 ones.
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
