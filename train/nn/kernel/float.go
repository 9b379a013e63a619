package kernel

import "unsafe"

// Float is the element type of a kernel. float32 runs in assembly where there is
// some; float64 is pure Go and serves to check gradients.
type Float interface{ float32 | float64 }

// fast says whether kernels of T run in assembly. For float64 the compiler
// removes what depends on it.
func fast[T Float]() bool {
	var zero T
	return unsafe.Sizeof(zero) == 4 && active != pureGo
}
