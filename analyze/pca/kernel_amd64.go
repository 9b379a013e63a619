//go:build !noasm

package pca

import "golang.org/x/sys/cpu"

const assemblyName = "avx2"

var hasAssembly = cpu.X86.HasAVX2 && cpu.X86.HasFMA
