//go:build !noasm

package kernel

import "golang.org/x/sys/cpu"

// available returns the instruction sets that this build, processor and operating
// system support, the fastest one last. With AVX-512 the AVX2 kernels still
// compute half panels.
func available() []instructions {
	switch {
	case !cpu.X86.HasAVX2 || !cpu.X86.HasFMA:
		return []instructions{pureGo}
	case !cpu.X86.HasAVX512F:
		return []instructions{pureGo, useAVX2}
	default:
		return []instructions{pureGo, useAVX2, useAVX512}
	}
}
