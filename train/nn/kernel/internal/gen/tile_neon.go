package main

import (
	"fmt"
	"strings"
)

// The tile kernel of NEON has the loops and the arguments of the other kernel.
// Registers: the sums are in V0 to V23, a row of b from V24 on, values of a in V28
// to V31. R1 to R12 have the addresses of the pixels of the tile in a, and R13 has
// the offset from all of them, so that a step changes one register. R14 and R15
// are aInner and bInner, R16 is the address in b. R17, R19 and R20 count the inner,
// middle and outer steps, R21 the tiles, R22 the rows. R23 and R24 are the
// addresses of the tile in a and c, and R26 is that of the row in b.

// list returns the registers of all vectors of pixel q, for a load or store.
func (s shape) list(q int) string { return s.registers(q * s.vectors) }

func (s shape) registers(first int) string {
	var names []string
	for v := range s.vectors {
		names = append(names, fmt.Sprintf("V%d.S4", first+v))
	}
	return "[" + strings.Join(names, ", ") + "]"
}

// emitNEON writes the kernel of p pixels.
func (s shape) emitNEON(a *assembly, p int) {
	a.text(fmt.Sprintf("%sp%d", s.name(), p), 0,
		fmt.Sprintf("Tiles of %d pixels by %d outputs.", p, s.vectors*s.isa.lanes))
	load := func(field, to string) { a.op("MOVD tileArgs_%s(R0), %s", field, to) }
	countDown := func(count, label string) {
		a.op("SUBS $1, %s", count)
		a.op("BNE %s", label)
	}
	load("aInner", "R14")
	load("bInner", "R15")
	load("rows", "R22")
	load("a", "R23")
	load("c", "R24")
	load("b", "R26")
	a.label("row")
	load("tiles", "R21")
	a.label("tile")
	load("bias", "R25")
	a.op("VLD1 (R25), %s", s.list(0))
	for q := 1; q < p; q++ {
		for v := range s.vectors {
			a.bitwise("VORR", s.accumulator(0, v), s.accumulator(0, v), s.accumulator(q, v))
		}
	}
	load("aPixel", "R25")
	a.op("MOVD R23, R1")
	for q := 1; q < p; q++ {
		a.op("ADD R25, R%d, R%d", q, q+1)
	}
	a.op("ADD R25, R%d, R23", p) // the next tile
	a.op("MOVD ZR, R13")
	a.op("MOVD R26, R16")
	load("k", "R20")
	a.op("CBZ R20, finish")
	a.label("outer")
	load("m", "R19")
	a.label("middle")
	load("n", "R17")
	a.label("inner")
	s.stepNEON(a, p)
	countDown("R17", "inner")
	for _, loop := range []struct{ around, count, label string }{{"Middle", "R19", "middle"}, {"Outer", "R20", "outer"}} {
		load("a"+loop.around, "R25")
		a.op("ADD R25, R13")
		load("b"+loop.around, "R25")
		a.op("ADD R25, R16")
		countDown(loop.count, loop.label)
	}
	a.label("finish")
	s.finishNEON(a, p)
	countDown("R21", "tile")
	// From the end of a row to the next one: a step from row to row, less all tiles.
	load("tiles", "R1")
	a.op("MOVD $%d, R2", p)
	a.op("MUL R2, R1")
	for _, tensor := range [][2]string{{"a", "R23"}, {"c", "R24"}} {
		load(tensor[0]+"Row", "R2")
		load(tensor[0]+"Pixel", "R3")
		a.op("ADD R2, %s", tensor[1])
		a.op("MSUB R3, %s, R1, %s", tensor[1], tensor[1])
	}
	load("bRow", "R2")
	a.op("ADD R2, R26")
	countDown("R22", "row")
	a.end()
}

// stepNEON adds the products of one value of a per pixel and one row of b. The
// multiply-add takes its factor from a lane of a register, so that no instruction
// for a broadcast takes a slot of the vector units.
func (s shape) stepNEON(a *assembly, p int) {
	a.op("VLD1.P (R16)(R15), %s", s.registers(24))
	for q := range p {
		value := neon.register(28 + q%4)
		a.op("FMOVS (R%d)(R13), %s", q+1, whole(value))
		for v := range s.vectors {
			a.vector(fmla0, value, neon.register(24+v), s.accumulator(q, v))
		}
	}
	a.op("ADD R14, R13")
}

// finishNEON adds the residual, applies the lower bound as [arm64.atLeast] does,
// and stores.
func (s shape) finishNEON(a *assembly, p int) {
	a.op("MOVD tileArgs_cPixel(R0), R2")
	a.op("MOVD tileArgs_res(R0), R3")
	a.op("CBZ R3, bound")
	// res has the layout of c, so the tile is as far from res as from c.
	a.op("MOVD tileArgs_c(R0), R25")
	a.op("ADD R24, R3")
	a.op("SUB R25, R3")
	for q := range p {
		a.op("VLD1.P (R3)(R2), %s", s.registers(24))
		for v := range s.vectors {
			a.vector(fadd, neon.register(24+v), s.accumulator(q, v), s.accumulator(q, v))
		}
	}
	a.label("bound")
	m := arm64{a}
	low := neon.register(24)
	m.broadcast("tileArgs_low(R0)", low)
	for q := range p {
		for v := range s.vectors {
			m.atLeast(low, s.accumulator(q, v))
		}
		a.op("VST1.P %s, (R24)(R2)", s.list(q))
	}
}
