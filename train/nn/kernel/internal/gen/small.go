package main

// smallFile writes the kernels of a processor family that exist in one form only.
func smallFile(s isa, d *declarations) []byte {
	a := newAssembly(s)
	pause := "PAUSE"
	if s == neon {
		transposeNEON(a)
		pause = "ISB $15" // YIELD does nothing on most processors
	} else {
		transpose(a)
	}
	d.add("transpose8")
	a.WriteString("\n// func pause()\nTEXT ·pause(SB), NOSPLIT, $0-0\n")
	for range 8 {
		a.op("%s", pause)
	}
	a.op("RET")
	return a.Bytes()
}

// transpose writes the kernel that transposes 8 rows of 8*blocks floats to
// 8*blocks rows of 8. Strides are in bytes.
func transpose(a *assembly) {
	a.text("transpose8", 0, "Blocks of 8 by 8, one after the other along the rows of src.")
	a.op("MOVQ transposeArgs_src(DI), SI")
	a.op("MOVQ transposeArgs_dst(DI), DX")
	a.op("MOVQ transposeArgs_srcRow(DI), R8")
	a.op("MOVQ transposeArgs_dstRow(DI), R12")
	a.op("MOVQ transposeArgs_blocks(DI), CX")
	a.op("LEAQ (R8)(R8*2), R9")
	a.op("LEAQ (R8)(R8*4), R10")
	a.op("LEAQ (R9)(R8*4), R11")
	a.label("block")
	for i := range 8 {
		a.op("VMOVUPS %s, Y%d", pixelAddress(i), i)
	}
	// Pairs of rows, then fours, then the two halves of the registers.
	for i := 0; i < 8; i += 2 {
		a.op("VUNPCKLPS Y%d, Y%d, Y%d", i+1, i, 8+i)
		a.op("VUNPCKHPS Y%d, Y%d, Y%d", i+1, i, 9+i)
	}
	for _, half := range []int{0, 4} {
		for j := range 2 {
			low, high := 8+half+j, 10+half+j
			a.op("VUNPCKLPD Y%d, Y%d, Y%d", high, low, half+2*j)
			a.op("VUNPCKHPD Y%d, Y%d, Y%d", high, low, half+2*j+1)
		}
	}
	for i := range 4 {
		a.op("VPERM2F128 $0x20, Y%d, Y%d, Y%d", 4+i, i, 8+i)
		a.op("VPERM2F128 $0x31, Y%d, Y%d, Y%d", 4+i, i, 12+i)
	}
	for i := range 8 {
		a.op("VMOVUPS Y%d, (DX)", 8+i)
		a.op("ADDQ R12, DX")
	}
	a.op("ADDQ $%d, SI", 32)
	a.op("DECQ CX")
	a.op("JNZ block")
	a.end()
}

// transposeNEON writes the same kernel. R1 to R8 are the rows of src.
func transposeNEON(a *assembly) {
	a.text("transpose8", 0, "Blocks of 8 by 8, one after the other along the rows of src.")
	a.op("MOVD transposeArgs_src(R0), R1")
	a.op("MOVD transposeArgs_dst(R0), R9")
	a.op("MOVD transposeArgs_srcRow(R0), R10")
	a.op("MOVD transposeArgs_dstRow(R0), R11")
	a.op("MOVD transposeArgs_blocks(R0), R12")
	for i := range 7 {
		a.op("ADD R10, R%d, R%d", i+1, i+2)
	}
	a.label("block")
	for i := range 8 {
		a.op("VLD1.P 32(R%d), [V%d.S4, V%d.S4]", i+1, 2*i, 2*i+1)
	}
	// Pairs of rows, then fours. Row i has the registers 2i and 2i+1, before and after.
	for i := 0; i < 8; i += 2 {
		for half := range 2 {
			x, y := 2*i+half, 2*(i+1)+half
			a.op("VTRN1 V%d.S4, V%d.S4, V%d.S4", y, x, 16+x)
			a.op("VTRN2 V%d.S4, V%d.S4, V%d.S4", y, x, 16+y)
		}
	}
	for half := range 2 { // of the columns, which become rows
		for group := range 2 { // of four rows
			for j := range 2 {
				x := 16 + 2*(4*group+j) + half
				a.op("VTRN1 V%d.D2, V%d.D2, V%d.D2", x+4, x, 2*(4*half+j)+group)
				a.op("VTRN2 V%d.D2, V%d.D2, V%d.D2", x+4, x, 2*(4*half+j+2)+group)
			}
		}
	}
	for i := range 8 {
		a.op("VST1.P [V%d.S4, V%d.S4], (R9)(R11)", 2*i, 2*i+1)
	}
	a.op("SUBS $1, R12")
	a.op("BNE block")
	a.end()
}
