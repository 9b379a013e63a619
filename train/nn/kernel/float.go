package kernel

import "unsafe"

// Float is the element type of a kernel. float32 kernels run in assembly if the
// processor has one of the instruction sets. float64 kernels are pure Go and
// serve to check gradients.
type Float interface{ float32 | float64 }

// fast reports whether kernels of T run in assembly. For float64 the compiler
// removes the code that depends on it.
func fast[T Float]() bool {
	var zero T
	return unsafe.Sizeof(zero) == 4 && active != pureGo
}
