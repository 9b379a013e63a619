//go:build !noasm

package peak

// neon does n rounds of 24 multiply-adds of 4 floats.
func neon(n int)

// Run executes n rounds of 24 independent multiply-adds with NEON. It returns the
// number of floating-point operations, or 0 for an instruction set without such a
// loop.
func Run(name string, n int) int {
	if name != "neon" {
		return 0
	}
	neon(n)
	return n * 24 * 4 * 2
}
