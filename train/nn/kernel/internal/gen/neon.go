package main

import (
	"fmt"
	"strconv"
	"strings"
)

// arm64 writes NEON. R18, R27, R28 and R30 belong to the system, the assembler and
// the runtime.
type arm64 struct{ *assembly }

var _ machine = arm64{}

// Two vector registers for values that one method needs.
const scratch, scratch2 = "V31", "V30"

// register panics if a kernel needs the scratch registers.
func (a arm64) register(i int) string {
	if i >= 30 {
		panic("NEON has 30 free registers")
	}
	return neon.register(i)
}

// vectorInstruction is an instruction that the Go assembler does not have. mnemonic
// has places for the result and the two operands, in the order of the manual.
type vectorInstruction struct {
	code     uint32
	mnemonic string
}

var (
	fadd      = vectorInstruction{0x4e20d400, "FADD V%d.4S, V%d.4S, V%d.4S"}
	fsub      = vectorInstruction{0x4ea0d400, "FSUB V%d.4S, V%d.4S, V%d.4S"}
	fmul      = vectorInstruction{0x6e20dc00, "FMUL V%d.4S, V%d.4S, V%d.4S"}
	fmla0     = vectorInstruction{0x4f801000, "FMLA V%d.4S, V%d.4S, V%d.S[0]"} // the third is one value
	fcmgt     = vectorInstruction{0x6ea0e400, "FCMGT V%d.4S, V%d.4S, V%d.4S"}
	fcmeq     = vectorInstruction{0x4e20e400, "FCMEQ V%d.4S, V%d.4S, V%d.4S"}
	bic       = vectorInstruction{0x4e601c00, "BIC V%d.16B, V%d.16B, V%d.16B"} // first and not second
	fcmleZero = vectorInstruction{0x6ea0d800, "FCMLE V%d.4S, V%d.4S, #0.0"}
)

// vector writes an instruction as a word. Operands come before the result, as in
// the Go assembler, with the first operand of the manual last.
func (a *assembly) vector(i vectorInstruction, registers ...string) {
	code, numbers := i.code, make([]any, len(registers))
	shifts := [3]int{0, 5, 16}
	for k := range registers {
		n := number(registers[len(registers)-1-k])
		code |= uint32(n) << shifts[k]
		numbers[k] = n
	}
	a.op("WORD $0x%08x // %s", code, fmt.Sprintf(i.mnemonic, numbers...))
}

// number returns the number of a vector register.
func number(register string) int {
	n, err := strconv.Atoi(strings.TrimPrefix(register, "V"))
	if err != nil || n < 0 || n > 31 {
		panic("not a vector register: " + register)
	}
	return n
}

// whole returns the name under which moves know a vector register.
func whole(register string) string { return fmt.Sprintf("F%d", number(register)) }

// arm64Integers are the registers of the loops.
var arm64Integers = integers{
	temp: "R25", pixel: "R22", twoPixels: "R23", channel: "R21", count: "R24",
	current: []string{"R1", "R2", "R3", "R4", "R5", "R6"},
	next:    []string{"R7", "R8", "R9", "R10", "R11", "R12"},
	row:     []string{"R13", "R14", "R15", "R16", "R17", "R19"},
	rows:    "R20",
}

func (a arm64) integers() *integers { return &arm64Integers }

func (a arm64) pixel(t, vector int, next bool) string {
	base := arm64Integers.current[t]
	if next {
		base = arm64Integers.next[t]
	}
	return fmt.Sprintf("%d(%s)", 16*vector, base)
}

func (a arm64) field(name string, bytes int) string { return field(name, bytes) + "(R0)" }

func (a arm64) move(from, to string)         { a.op("MOVD %s, %s", from, to) }
func (a arm64) addInt(from, to string)       { a.op("ADD %s, %s", from, to) }
func (a arm64) addConstant(n int, to string) { a.op("ADD $%d, %s", n, to) }
func (a arm64) clear(to string)              { a.op("MOVD ZR, %s", to) }
func (a arm64) twice(from, to string)        { a.op("ADD %s, %s, %s", from, from, to) }

func (a arm64) branchIfLess(x, y, label string) {
	a.move(y, "R25")
	a.op("CMP R25, %s", x)
	a.op("BLT %s", label)
}

func (a arm64) countDown(count, label string) {
	a.op("SUBS $1, %s", count)
	a.op("BNE %s", label)
}

func (a arm64) halve(count, label string) {
	a.op("LSR $1, %s", count)
	a.op("CBZ %s, %s", count, label)
}

func (a arm64) branchIfEven(field, label string) {
	a.move(field, "R25")
	a.op("TBZ $0, R25, %s", label)
}

func (a arm64) perChannel(field string) {
	a.move(field, "R25")
	a.addInt("R21", "R25")
}
func (a arm64) channels(vector int) string { return fmt.Sprintf("%d(R25)", 16*vector) }

func (a arm64) broadcast(field, dst string) {
	a.op("FMOVS %s, %s", field, whole(dst))
	a.op("VDUP %s.S[0], %s.S4", dst, dst)
}

// operand returns a register with m, which may be an address.
func (a arm64) operand(m, spare string) string {
	if !strings.Contains(m, "(") {
		return m
	}
	a.load(m, spare)
	return spare
}

// bitwise writes an instruction of the Go assembler.
func (a *assembly) bitwise(name, x, y, dst string) {
	a.op("%s %s.B16, %s.B16, %s.B16", name, x, y, dst)
}

func (a arm64) load(m, dst string)   { a.op("FMOVQ %s, %s", m, whole(dst)) }
func (a arm64) store(src, m string)  { a.op("FMOVQ %s, %s", whole(src), m) }
func (a arm64) zero(dst string)      { a.bitwise("VEOR", dst, dst, dst) }
func (a arm64) add(m, x, dst string) { a.vector(fadd, a.operand(m, scratch), x, dst) }
func (a arm64) sub(m, x, dst string) { a.vector(fsub, a.operand(m, scratch), x, dst) }
func (a arm64) mul(m, x, dst string) { a.vector(fmul, a.operand(m, scratch), x, dst) }
func (a arm64) or(x, y, dst string)  { a.bitwise("VORR", x, y, dst) }
func (a arm64) mulAdd(m, x, sum string) {
	a.op("VFMLA %s.S4, %s.S4, %s.S4", a.operand(m, scratch), x, sum)
}

func (a arm64) scaleShift(scale, shift, x, spare string) string {
	a.bitwise("VORR", shift, shift, spare)
	a.mulAdd(scale, x, spare)
	return spare
}

// atLeast compares, because FMAX would change NaN and the sign of zero.
func (a arm64) atLeast(low, x string) {
	a.vector(fcmgt, x, low, scratch)
	a.bitwise("VBIT", scratch, low, x)
}

func (a arm64) larger(x, y, spare string) {
	a.vector(fcmgt, y, x, spare)
	a.bitwise("VBIT", spare, x, y)
	a.vector(fcmeq, x, x, spare)
	a.bitwise("VBIF", spare, x, y)
}

func (a arm64) masked(dy, y, _, dst, spare string) {
	a.load(y, spare)
	a.vector(fcmleZero, spare, spare)
	a.load(dy, dst)
	a.vector(bic, spare, dst, dst)
}

func (a arm64) remain(mask string) { a.op("VCMEQ %s.S4, %s.S4, %s.S4", mask, mask, mask) }

func (a arm64) remainPositive(y, _, mask string) {
	a.remain(mask)
	a.vector(fcmleZero, y, scratch)
	a.vector(bic, scratch, mask, mask)
}

// take finds the lanes that differ: x > y or y > x, both false for NaN.
func (a arm64) take(x, y, m, mask, dst string) {
	a.load(x, dst)
	a.vector(fcmgt, y, dst, scratch)
	a.vector(fcmgt, dst, y, scratch2)
	a.or(scratch, scratch2, scratch)
	a.vector(bic, scratch, mask, dst)
	a.bitwise("VAND", scratch, mask, mask)
	a.bitwise("VAND", a.operand(m, scratch2), dst, dst)
}
