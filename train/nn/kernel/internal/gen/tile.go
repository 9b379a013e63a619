package main

import "fmt"

// shape is a register shape of the tile kernel: up to maxPixels pixels by vectors
// registers of outputs.
type shape struct {
	isa       isa
	vectors   int
	maxPixels int
}

// shapes returns the shapes of an instruction set. About eight chains of
// multiply-adds hide the latency of two units; more than sixteen gain nothing.
// There is a kernel for every smaller number of pixels, because a row of pixels
// is split into tiles of nearly equal size, not into full tiles and a slow rest.
//
// NEON has four units in some processors and 32 registers: up to 24 sums.
func shapes(s isa) []shape {
	switch s {
	case neon:
		return []shape{{s, 2, 12}, {s, 4, 6}}
	case avx512:
		return []shape{{s, 1, 16}, {s, 2, 8}}
	}
	return []shape{{s, 1, 14}, {s, 2, 6}}
}

func (s shape) name() string { return fmt.Sprintf("tile%dx%d", s.isa.lanes*32, s.vectors) }

// accumulator returns the register of pixel p and vector v.
func (s shape) accumulator(p, v int) string { return s.isa.register(p*s.vectors + v) }

// The other registers hold the vectors of b, and broadcast values of a.
func (s shape) vector(v int) string { return s.isa.register(s.last() - v) }
func (s shape) spare(i int) string  { return s.isa.register(s.last() - s.vectors - i) }
func (s shape) last() int           { return s.isa.lanes*2 - 1 }

// columns returns the address of vector v of a row of outputs that starts at base.
func (s shape) columns(base string, v int) string {
	return fmt.Sprintf("%d(%s)", v*s.isa.lanes*4, base)
}

// pixelAddress returns the address of the input of pixel p. S, 3S, 5S and 7S are
// in R8 to R11, the first pixel is at SI and pixel 8 at BX.
func pixelAddress(p int) string {
	base := "SI"
	if p >= 8 {
		base, p = "BX", p-8
	}
	return []string{
		"(" + base + ")", "(" + base + ")(R8*1)", "(" + base + ")(R8*2)", "(" + base + ")(R9*1)",
		"(" + base + ")(R8*4)", "(" + base + ")(R10*1)", "(" + base + ")(R9*2)", "(" + base + ")(R11*1)",
	}[p]
}

// tileFile writes the tile kernels of an instruction set.
func tileFile(s isa, d *declarations) []byte {
	a := newAssembly(s)
	for _, shape := range shapes(s) {
		for p := 1; p <= shape.maxPixels; p++ {
			if s == neon {
				shape.emitNEON(a, p)
			} else {
				shape.emit(a, p)
			}
			d.add(fmt.Sprintf("%sp%d", shape.name(), p))
		}
		shape.declare(d)
	}
	return a.Bytes()
}

// declare writes the Go function that chooses the kernel for a number of pixels.
// It uses a switch, because a call through a table of functions would make the
// arguments escape to the heap.
func (s shape) declare(d *declarations) {
	fmt.Fprintf(&d.dispatch, "\n// %s runs the kernel for tiles of the given pixels, 1 to %d.\n", s.name(), s.maxPixels)
	fmt.Fprintf(&d.dispatch, "func %s(pixels int, args *tileArgs) {\n\tswitch pixels {\n", s.name())
	for p := 1; p <= s.maxPixels; p++ {
		fmt.Fprintf(&d.dispatch, "\tcase %d:\n\t\t%sp%d(args)\n", p, s.name(), p)
	}
	d.dispatch.WriteString("\tdefault:\n\t\tpanic(\"kernel: no tile of this size\")\n\t}\n}\n")
}

// emit writes the kernel of p pixels: rows of tiles. The frame holds the values
// that change from tile to tile: at 0(SP) the remaining tiles, at 8(SP) and
// 16(SP) the addresses of the tile in a and c. It also holds those that change
// from row to row: at 24(SP) the remaining rows, at 32(SP) and 40(SP) the
// addresses, and at 48(SP) the address in b.
func (s shape) emit(a *assembly, p int) {
	a.text(fmt.Sprintf("%sp%d", s.name(), p), 56,
		fmt.Sprintf("Tiles of %d pixels by %d outputs.", p, s.vectors*s.isa.lanes))
	for _, load := range [][2]string{
		{"aPixel", "R8"}, {"bPanel", "R12"}, {"aInner", "R13"}, {"bInner", "R14"},
	} {
		a.op("MOVQ tileArgs_%s(DI), %s", load[0], load[1])
	}
	a.op("LEAQ (R8)(R8*2), R9")
	a.op("LEAQ (R8)(R8*4), R10")
	a.op("LEAQ (R9)(R8*4), R11")
	for i, field := range []string{"rows", "a", "c", "b"} {
		a.op("MOVQ tileArgs_%s(DI), AX", field)
		a.op("MOVQ AX, %d(SP)", 24+8*i)
	}
	a.label("row")
	a.op("MOVQ tileArgs_tiles(DI), AX")
	a.op("MOVQ AX, 0(SP)")
	for i, field := range []string{"aRow", "cRow"} {
		a.op("MOVQ %d(SP), AX", 32+8*i)
		a.op("MOVQ AX, %d(SP)", 8+8*i)
		a.op("ADDQ tileArgs_%s(DI), AX", field)
		a.op("MOVQ AX, %d(SP)", 32+8*i)
	}
	a.label("tile")
	s.begin(a, p)
	a.label("outer")
	a.op("MOVQ tileArgs_m(DI), R15")
	a.label("middle")
	a.op("MOVQ tileArgs_n(DI), CX")
	a.label("inner")
	s.step(a, p)
	a.op("DECQ CX")
	a.op("JNZ inner")
	s.skip(a, p, "Middle")
	a.op("DECQ R15")
	a.op("JNZ middle")
	s.skip(a, p, "Outer")
	a.op("DECQ AX")
	a.op("JNZ outer")
	a.label("finish")
	s.finish(a, p)
	a.op("IMUL3Q $%d, R8, AX", p)
	a.op("ADDQ AX, 8(SP)")
	a.op("IMUL3Q $%d, BX, AX", p)
	a.op("ADDQ AX, 16(SP)")
	a.op("DECQ 0(SP)")
	a.op("JNZ tile")
	a.op("MOVQ tileArgs_bRow(DI), AX")
	a.op("ADDQ AX, 48(SP)")
	a.op("DECQ 24(SP)")
	a.op("JNZ row")
	a.end()
}

// begin sets every accumulator to the bias.
func (s shape) begin(a *assembly, p int) {
	a.op("MOVQ tileArgs_bias(DI), AX")
	for v := range s.vectors {
		a.op("VMOVUPS %s, %s", s.columns("AX", v), s.accumulator(0, v))
	}
	for q := 1; q < p; q++ {
		for v := range s.vectors {
			a.op("VMOVAPS %s, %s", s.accumulator(0, v), s.accumulator(q, v))
		}
	}
	a.op("MOVQ 8(SP), SI")
	if p > 8 {
		a.op("LEAQ (SI)(R8*8), BX")
	}
	a.op("MOVQ 48(SP), DX")
	a.op("MOVQ tileArgs_k(DI), AX")
	a.op("TESTQ AX, AX")
	a.op("JZ finish")
}

// step adds the products of one value of a per pixel and one row of b.
func (s shape) step(a *assembly, p int) {
	a.op("VMOVUPS (DX), %s", s.vector(0))
	if s.vectors == 2 {
		// The second register of a row of b is the next panel of 16 with AVX-512,
		// and the second half of the same panel with AVX2.
		second := "(DX)(R12*1)"
		if s.isa.lanes == 8 {
			second = "32(DX)"
		}
		a.op("VMOVUPS %s, %s", second, s.vector(1))
	}
	for q := range p {
		switch {
		case s.isa.lanes == 16 && s.vectors == 1:
			a.op("VFMADD231PS.BCST %s, %s, %s", pixelAddress(q), s.vector(0), s.accumulator(q, 0))
		default:
			// With AVX2 and all pixels there is only one spare register.
			t := s.spare(0)
			if p*s.vectors+s.vectors+2 <= s.last()+1 {
				t = s.spare(q % 2)
			}
			a.op("VBROADCASTSS %s, %s", pixelAddress(q), t)
			for v := range s.vectors {
				a.op("VFMADD231PS %s, %s, %s", s.vector(v), t, s.accumulator(q, v))
			}
		}
	}
	a.op("ADDQ R13, SI")
	if p > 8 {
		a.op("ADDQ R13, BX")
	}
	a.op("ADDQ R14, DX")
}

// skip moves from the end of a loop to the next iteration of the loop around it.
func (s shape) skip(a *assembly, p int, around string) {
	a.op("ADDQ tileArgs_a%s(DI), SI", around)
	if p > 8 {
		a.op("ADDQ tileArgs_a%s(DI), BX", around)
	}
	a.op("ADDQ tileArgs_b%s(DI), DX", around)
}

// finish adds the residual, applies the lower bound and stores. The operand order
// of VMAXPS keeps NaN: it returns its last source if one is NaN.
func (s shape) finish(a *assembly, p int) {
	a.op("MOVQ tileArgs_cPixel(DI), BX")
	a.op("MOVQ 16(SP), SI")
	a.op("MOVQ tileArgs_res(DI), CX")
	a.op("TESTQ CX, CX")
	a.op("JZ bound")
	// res has the layout of c, so the tile is as far from res as from c.
	a.op("ADDQ SI, CX")
	a.op("SUBQ tileArgs_c(DI), CX")
	for q := range p {
		for v := range s.vectors {
			a.op("VADDPS %s, %s, %s", s.columns("CX", v), s.accumulator(q, v), s.accumulator(q, v))
		}
		if q < p-1 {
			a.op("ADDQ BX, CX")
		}
	}
	a.label("bound")
	low := s.vector(0)
	a.op("VBROADCASTSS tileArgs_low(DI), %s", low)
	for q := range p {
		for v := range s.vectors {
			a.op("VMAXPS %s, %s, %s", s.accumulator(q, v), low, s.accumulator(q, v))
			a.op("VMOVUPS %s, %s", s.accumulator(q, v), s.columns("SI", v))
		}
		if q < p-1 {
			a.op("ADDQ BX, SI")
		}
	}
}
