package main

import "fmt"

// x86 writes AVX2 and AVX-512.
type x86 struct{ *assembly }

var _ machine = x86{}

// x86Integers are the registers of the loops. The frame holds the address of the
// current row of each tensor, and at 48(SP) the number of remaining rows.
var x86Integers = integers{
	temp: "AX", pixel: "R10", twoPixels: "R12", channel: "R13", count: "CX",
	current: []string{"SI", "DX", "BX", "R8", "R9", "R11"},
	row:     []string{"0(SP)", "8(SP)", "16(SP)", "24(SP)", "32(SP)", "40(SP)"},
	rows:    "48(SP)",
}

func (x x86) register(i int) string { return x.isa.register(i) }
func (x x86) integers() *integers   { return &x86Integers }

func (x x86) pixel(t, vector int, next bool) string {
	address := fmt.Sprintf("%d(%s)", 32*vector, x86Integers.current[t])
	if next {
		address += "(R10*1)"
	}
	return address
}

func (x x86) field(name string, bytes int) string { return field(name, bytes) + "(DI)" }

func (x x86) move(from, to string)         { x.op("MOVQ %s, %s", from, to) }
func (x x86) addInt(from, to string)       { x.op("ADDQ %s, %s", from, to) }
func (x x86) addConstant(n int, to string) { x.op("ADDQ $%d, %s", n, to) }
func (x x86) clear(to string)              { x.op("XORQ %s, %s", to, to) }
func (x x86) twice(from, to string)        { x.op("LEAQ (%s)(%s*1), %s", from, from, to) }

func (x x86) branchIfLess(a, b, label string) {
	x.op("CMPQ %s, %s", a, b)
	x.op("JLT %s", label)
}

func (x x86) countDown(count, label string) {
	x.op("DECQ %s", count)
	x.op("JNZ %s", label)
}

func (x x86) halve(count, label string) {
	x.op("SHRQ $1, %s", count)
	x.op("JZ %s", label)
}

func (x x86) branchIfEven(field, label string) {
	x.op("TESTQ $1, %s", field)
	x.op("JZ %s", label)
}

func (x x86) perChannel(field string)     { x.move(field, "AX") }
func (x x86) channels(vector int) string  { return fmt.Sprintf("%d(AX)(R13*1)", 32*vector) }
func (x x86) broadcast(field, dst string) { x.op("VBROADCASTSS %s, %s", field, dst) }

// wide reports whether this is AVX-512, whose comparisons write mask registers.
func (x x86) wide() bool { return x.isa.lanes == 16 }

// logic writes a bitwise instruction: AVX-512F has only those for integers.
func (x x86) logic(name, m, a, dst string) {
	if x.wide() {
		name += "D"
	}
	x.op("%s %s, %s, %s", name, m, a, dst)
}

func (x x86) load(m, dst string)      { x.op("VMOVUPS %s, %s", m, dst) }
func (x x86) store(src, m string)     { x.op("VMOVUPS %s, %s", src, m) }
func (x x86) zero(dst string)         { x.logic("VPXOR", dst, dst, dst) }
func (x x86) add(m, a, dst string)    { x.op("VADDPS %s, %s, %s", m, a, dst) }
func (x x86) sub(m, a, dst string)    { x.op("VSUBPS %s, %s, %s", m, a, dst) }
func (x x86) mul(m, a, dst string)    { x.op("VMULPS %s, %s, %s", m, a, dst) }
func (x x86) or(a, b, dst string)     { x.logic("VPOR", a, b, dst) }
func (x x86) mulAdd(m, a, sum string) { x.op("VFMADD231PS %s, %s, %s", m, a, sum) }

func (x x86) scaleShift(scale, shift, a, _ string) string {
	x.op("VFMADD213PS %s, %s, %s", shift, scale, a)
	return a
}

// atLeast uses that VMAXPS returns its first operand, a, if the values are equal or
// one is NaN.
func (x x86) atLeast(low, a string) { x.op("VMAXPS %s, %s, %s", a, low, a) }

// larger keeps y if the values are equal or one is NaN, and then takes the NaN in
// a. Predicate 3 is "unordered".
func (x x86) larger(a, y, spare string) {
	x.op("VMAXPS %s, %s, %s", y, a, y)
	if x.wide() {
		x.op("VCMPPS $3, %s, %s, K1", a, a)
		x.op("VMOVAPS %s, K1, %s", a, y)
		return
	}
	x.op("VCMPPS $3, %s, %s, %s", a, a, spare)
	x.op("VBLENDVPS %s, %s, %s, %s", spare, a, y, y)
}

// masked uses predicate 0x16, "not less or equal, true for NaN".
func (x x86) masked(dy, y, zero, dst, spare string) {
	x.load(y, spare)
	if x.wide() {
		x.op("VCMPPS $0x16, %s, %s, K1", zero, spare)
		x.op("VMOVUPS.Z %s, K1, %s", dy, dst)
		return
	}
	x.op("VCMPPS $0x16, %s, %s, %s", zero, spare, spare)
	x.op("VANDPS %s, %s, %s", dy, spare, dst)
}

// remain uses register mask with AVX2 and K2 with AVX-512.
func (x x86) remain(mask string) {
	if x.wide() {
		x.op("KXNORW K2, K2, K2")
		return
	}
	x.op("VPCMPEQD %s, %s, %s", mask, mask, mask)
}

func (x x86) remainPositive(y, zero, mask string) {
	if x.wide() {
		mask = "K2"
	}
	x.op("VCMPPS $0x16, %s, %s, %s", zero, y, mask)
}

// take uses predicate 0x08, "equal, true for NaN".
func (x x86) take(a, y, m, mask, dst string) {
	x.load(a, dst)
	if x.wide() {
		x.op("VCMPPS $0x08, %s, %s, K2, K1", y, dst)
		x.op("KANDNW K2, K1, K2")
		x.op("VMOVUPS.Z %s, K1, %s", m, dst)
		return
	}
	x.op("VCMPPS $0x08, %s, %s, %s", y, dst, dst)
	x.op("VANDPS %s, %s, %s", mask, dst, dst)
	x.op("VANDNPS %s, %s, %s", mask, dst, mask)
	x.op("VANDPS %s, %s, %s", m, dst, dst)
}
