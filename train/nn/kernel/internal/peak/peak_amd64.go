//go:build !noasm

package peak

// avx2 does n rounds of twelve multiply-adds of 8 floats.
func avx2(n int)

// avx512 does n rounds of twelve multiply-adds of 16 floats.
func avx512(n int)

// Run executes n rounds of twelve independent multiply-adds with the named
// instruction set. It returns the number of floating-point operations, or 0 for
// an instruction set without such a loop. The processor must have the instruction
// set.
func Run(name string, n int) int {
	switch name {
	case "avx512":
		avx512(n)
		return n * 12 * 16 * 2
	case "avx2":
		avx2(n)
		return n * 12 * 8 * 2
	}
	return 0
}
