package main

import "fmt"

// machine writes the instructions of the elementwise kernels for one instruction
// set. Operands come before the result, as in the Go assembler. A vector operand m
// may be a register or an address, the others are registers.
type machine interface {
	text(name string, frame int, comment string)
	label(name string)
	end()

	// register returns vector register i.
	register(i int) string
	// integers returns the registers and stack slots of the loops.
	integers() *integers
	// pixel returns the address of a vector in the current pixel of tensor t, or in
	// the pixel after it.
	pixel(t, vector int, next bool) string
	// field returns the address of a field of the arguments, plus some bytes.
	field(name string, bytes int) string

	// The instructions of the loops.
	move(from, to string)
	addInt(from, to string)
	addConstant(n int, to string)
	clear(to string)
	twice(from, to string)
	branchIfLess(a, b, label string) // to label if a < b, a field
	countDown(count, label string)   // subtract 1; to label if count is not 0
	halve(count, label string)       // divide by 2; to label if count is 0
	branchIfEven(field, label string)
	perChannel(field string)     // addresses a vector of one value per channel
	channels(vector int) string  // address of the current channels in it
	broadcast(field, dst string) // a float32 to all lanes

	// The instructions of the bodies.
	load(m, dst string)
	store(src, m string)
	zero(dst string)
	add(m, a, dst string) // dst = a + m
	sub(m, a, dst string) // dst = a - m
	mul(m, a, dst string) // dst = a * m
	or(a, b, dst string)
	// mulAdd adds a*m to sum, with one rounding.
	mulAdd(m, a, sum string)
	// scaleShift returns the register of a*scale+shift, with one rounding: a or spare.
	scaleShift(scale, shift, a, spare string) string
	// atLeast sets a to low where a is less. NaN stays.
	atLeast(low, a string)
	// larger sets y to x where x is larger or NaN.
	larger(x, y, spare string)
	// masked sets dst to dy where y, loaded to spare, is not <= 0, else to 0. NaN in
	// y passes dy. zero is a register of zeros.
	masked(dy, y, zero, dst, spare string)
	// remain begins a choice: all lanes remain.
	remain(mask string)
	// remainPositive begins a choice: the lanes remain where y is not <= 0.
	remainPositive(y, zero, mask string)
	// take sets dst to m in the remaining lanes where x, an address, equals y or one
	// of both is NaN, and to 0 elsewhere. These lanes do not remain.
	take(x, y, m, mask, dst string)
}

// integers names the integer registers of the loops of the elementwise kernels.
type integers struct {
	temp             string
	pixel, twoPixels string // bytes
	channel          string // offset of the current channels in bytes
	count            string
	current, next    []string // address of the current channels and pixel of a tensor; next may be empty
	row              []string // address of the current row of a tensor
	rows             string   // remaining rows
}

// newMachine returns the emitter of an instruction set.
func newMachine(s isa, a *assembly) machine {
	if s == neon {
		return arm64{a}
	}
	return x86{a}
}

// field returns the offset of a field of the arguments, plus some bytes.
func field(name string, bytes int) string {
	if bytes == 0 {
		return name
	}
	return fmt.Sprintf("(%s+%d)", name, bytes)
}
