package main

import "fmt"

// The NEON transforms hold a whole patch in registers. Registers: R1 to R4 have the
// rows of pixels, R5 the planes, R6 the residual, R7 the bias. R10 is the distance of
// pixels, R12 that of planes, R15 counts tiles and R14 the bytes of channels. R16
// walks over pixels or planes.

// winogradNEON writes the loops around the transform of four channels. rows is the
// number of rows of pixels.
func winogradNEON(a *assembly, rows int, output bool, transform func(m arm64)) {
	m := arm64{a}
	load := func(field, to string) { a.op("MOVD winogradArgs_%s(R0), %s", field, to) }
	load("image", "R1")
	load("row", "R8")
	for i := 1; i < rows; i++ {
		a.op("ADD R8, R%d, R%d", i, i+1)
	}
	load("planes", "R5")
	load("pixel", "R10")
	load("plane", "R12")
	load("tiles", "R15")
	if output {
		load("res", "R6")
		m.broadcast("winogradArgs_low(R0)", "V29")
	}
	a.label("tile")
	a.op("MOVD R10, R14")
	if output {
		load("bias", "R7")
	}
	a.label("channels")
	transform(m)
	pointers := []string{"R1", "R2", "R3", "R4"}[:rows]
	if output {
		a.op("ADD $16, R7")
		pointers = append(pointers, "R6")
	}
	for _, r := range append([]string{"R5"}, pointers...) {
		a.op("ADD $16, %s", r)
	}
	a.op("SUBS $16, R14")
	a.op("BNE channels")
	for _, r := range pointers { // two pixels further
		a.op("ADD R10, %s", r)
	}
	a.op("SUBS $1, R15")
	a.op("BNE tile")
}

// walk loads or stores the registers from first on at successive addresses, which
// start at base and are a stride apart.
func (a arm64) walk(store bool, base, stride string, registers ...int) {
	a.move(base, "R16")
	for _, r := range registers {
		if store {
			a.op("VST1.P [V%d.S4], (R16)(%s)", r, stride)
		} else {
			a.op("VLD1.P (R16)(%s), [V%d.S4]", stride, r)
		}
	}
}

// numbers returns the register numbers from first to first+n-1.
func numbers(first, n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = first + i
	}
	return list
}

// plus and minus compute with register numbers: d = x + y and d = x - y.
func (a arm64) plus(x, y, d int)  { a.vector(fadd, v(y), v(x), v(d)) }
func (a arm64) minus(x, y, d int) { a.vector(fsub, v(y), v(x), v(d)) }

// v returns the name of a vector register.
func v(i int) string { return fmt.Sprintf("V%d", i) }

// winogradInputNEON does what winogradInput does.
func winogradInputNEON(a *assembly) {
	winogradNEON(a, 4, false, func(m arm64) {
		for i := range 4 {
			m.walk(false, fmt.Sprintf("R%d", i+1), "R10", numbers(4*i, 4)...)
		}
		difference := func(d [4]int, to, step int) {
			m.minus(d[0], d[2], to)
			m.plus(d[1], d[2], to+step)
			m.minus(d[2], d[1], to+2*step)
			m.minus(d[1], d[3], to+3*step)
		}
		for j := range 4 {
			difference([4]int{j, 4 + j, 8 + j, 12 + j}, 16+j, 4)
		}
		for i := range 4 {
			difference([4]int(numbers(16+4*i, 4)), 4*i, 1)
		}
		m.walk(true, "R5", "R12", numbers(0, 16)...)
	})
}

// winogradOutputNEON does what winogradOutput does.
func winogradOutputNEON(a *assembly) {
	winogradNEON(a, 2, true, func(m arm64) {
		m.walk(false, "R5", "R12", numbers(0, 16)...)
		sums := func(d [4]int, first, second int) {
			m.plus(d[0], d[1], first)
			m.plus(first, d[2], first)
			m.minus(d[1], d[2], second)
			m.minus(second, d[3], second)
		}
		for j := range 4 {
			sums([4]int{j, 4 + j, 8 + j, 12 + j}, 16+j, 20+j)
		}
		sums([4]int(numbers(16, 4)), 0, 1)
		sums([4]int(numbers(20, 4)), 2, 3)
		m.load("(R7)", "V28")
		for p := range 4 {
			m.plus(p, 28, p)
		}
		a.op("MOVD winogradArgs_res(R0), R16")
		a.op("CBZ R16, bound")
		m.walk(false, "R6", "R10", 4, 5)
		a.op("ADD R8, R6, R17")
		m.walk(false, "R17", "R10", 6, 7)
		for p := range 4 {
			m.plus(p, 4+p, p)
		}
		a.label("bound")
		for p := range 4 {
			m.atLeast("V29", v(p))
		}
		m.walk(true, "R1", "R10", 0, 1)
		m.walk(true, "R2", "R10", 2, 3)
	})
}

// winogradGradientNEON does what winogradGradient does.
func winogradGradientNEON(a *assembly) {
	zero := 31
	arm64{a}.zero(v(zero))
	winogradNEON(a, 2, false, func(m arm64) {
		m.walk(false, "R1", "R10", 16, 17)
		m.walk(false, "R2", "R10", 18, 19)
		// The rows of A dy are in the registers 16, 22, 24 and 26, and in the next ones.
		for side := range 2 {
			upper, lower := 16+side, 18+side
			m.plus(upper, lower, 22+side)
			m.minus(upper, lower, 24+side)
			m.minus(zero, lower, 26+side)
		}
		for i, left := range []int{16, 22, 24, 26} {
			right := left + 1
			m.plus(left, right, 4*i+1)
			m.minus(left, right, 4*i+2)
			m.minus(zero, right, 4*i+3)
		}
		m.walk(true, "R5", "R12", 16, 1, 2, 3, 22, 5, 6, 7, 24, 9, 10, 11, 26, 13, 14, 15)
	})
}
