package main

import "fmt"

// The transforms of a Winograd convolution work on rows of tiles. A tile has the
// registers of one group of channels after the other. Pixels and planes are
// addressed by a base register and the multiples 1, 2 and 3 of a stride:
//
//	planes in: DX, with the strides R12 and R13 = 3 R12
//	pixels:    a register for each row, with the strides R10 and R11 = 3 R10

// winogradFile writes the transforms of an instruction set.
func winogradFile(s isa, d *declarations) []byte {
	a := newAssembly(s)
	for _, t := range []struct {
		name, comment string
		emit          func(a *assembly, s isa)
		emitNEON      func(a *assembly)
	}{
		{"Input", "Patches of 4x4 pixels to 16 planes.", winogradInput, winogradInputNEON},
		{"Output", "16 planes to 2x2 pixels.", winogradOutput, winogradOutputNEON},
		{"Gradient", "Patches of 2x2 pixels to 16 planes.", winogradGradient, winogradGradientNEON},
	} {
		name := fmt.Sprintf("winograd%s%d", t.name, s.lanes*32)
		a.text(name, 0, t.comment)
		if s == neon {
			t.emitNEON(a)
		} else {
			t.emit(a, s)
		}
		a.end()
		d.add(name)
	}
	return a.Bytes()
}

// fourth returns the address at i times a stride from a base, i = 0 to 3. one and
// three hold the stride and three times the stride.
func fourth(base, one, three string, i int) string {
	return []string{
		"(" + base + ")", "(" + base + ")(" + one + "*1)", "(" + base + ")(" + one + "*2)", "(" + base + ")(" + three + "*1)",
	}[i]
}

// winogradStart loads the arguments that all transforms have. rows are the
// registers of the rows of pixels.
func winogradStart(a *assembly, rows ...string) {
	a.op("MOVQ winogradArgs_image(DI), %s", rows[0])
	a.op("MOVQ winogradArgs_row(DI), R15")
	for i := 1; i < len(rows); i++ {
		a.op("LEAQ (%s)(R15*1), %s", rows[i-1], rows[i])
	}
	a.op("MOVQ winogradArgs_pixel(DI), R10")
	a.op("LEAQ (R10)(R10*2), R11")
	a.op("MOVQ winogradArgs_plane(DI), R12")
	a.op("LEAQ (R12)(R12*2), R13")
	a.op("MOVQ winogradArgs_planes(DI), DX")
	a.op("MOVQ winogradArgs_tiles(DI), R15")
	a.label("tile")
	a.op("MOVQ R10, CX")
}

// winogradNext moves to the next channels, and then to the next tile, which is two
// pixels further.
func winogradNext(a *assembly, s isa, pixels []string, others ...string) {
	for _, r := range append(append([]string{}, pixels...), others...) {
		a.op("ADDQ $%d, %s", s.lanes*4, r)
	}
	a.op("SUBQ $%d, CX", s.lanes*4)
	a.op("JNZ channels")
	for _, r := range pixels {
		a.op("ADDQ R10, %s", r)
	}
	a.op("DECQ R15")
	a.op("JNZ tile")
}

// winogradInput writes V = B' d B, where row i of B' d is d0-d2, d1+d2, d2-d1 and
// d1-d3.
func winogradInput(a *assembly, s isa) {
	rows := []string{"SI", "BX", "R8", "R9"}
	winogradStart(a, rows...)
	a.label("channels")
	a.op("MOVQ DX, AX")
	for i, t := range []struct {
		op          string
		first, with int
	}{{"VSUBPS", 0, 2}, {"VADDPS", 1, 2}, {"VSUBPS", 2, 1}, {"VSUBPS", 1, 3}} {
		for j := range 4 {
			a.op("VMOVUPS %s, %s", fourth(rows[t.first], "R10", "R11", j), s.register(j))
			a.op("%s %s, %s, %s", t.op, fourth(rows[t.with], "R10", "R11", j), s.register(j), s.register(j))
		}
		a.op("VSUBPS %s, %s, %s", s.register(2), s.register(0), s.register(4))
		a.op("VADDPS %s, %s, %s", s.register(2), s.register(1), s.register(5))
		a.op("VSUBPS %s, %s, %s", s.register(1), s.register(2), s.register(6))
		a.op("VSUBPS %s, %s, %s", s.register(3), s.register(1), s.register(7))
		for j := range 4 {
			a.op("VMOVUPS %s, %s", s.register(4+j), fourth("AX", "R12", "R13", j))
		}
		if i < 3 {
			a.op("LEAQ (AX)(R12*4), AX")
		}
	}
	winogradNext(a, s, rows, "DX")
}

// winogradOutput writes A' m A + bias + residual, bounded from below, where row i of
// A' m is m0+m1+m2 and m1-m2-m3. R14 and R13 hold 4 and 12 times the stride of the
// planes, R8 the residual, R9 the bias.
func winogradOutput(a *assembly, s isa) {
	low := s.register(15)
	a.op("VBROADCASTSS winogradArgs_low(DI), %s", low)
	a.op("MOVQ winogradArgs_res(DI), R8")
	winogradStart(a, "SI", "BX")
	a.op("MOVQ winogradArgs_bias(DI), R9")
	a.op("LEAQ (R12*4), R14")
	a.op("LEAQ (R14)(R14*2), R13")
	a.label("channels")
	a.op("MOVQ DX, AX")
	first, second := s.register(8), s.register(9)
	for j := range 4 {
		m := func(i int) string { return fourth("AX", "R14", "R13", i) }
		a.op("VMOVUPS %s, %s", m(1), first)
		a.op("VMOVUPS %s, %s", m(2), second)
		a.op("VADDPS %s, %s, %s", m(0), first, s.register(j))
		a.op("VADDPS %s, %s, %s", second, s.register(j), s.register(j))
		a.op("VSUBPS %s, %s, %s", second, first, first)
		a.op("VSUBPS %s, %s, %s", m(3), first, s.register(4+j))
		if j < 3 {
			a.op("ADDQ R12, AX")
		}
	}
	for _, r := range []int{0, 4} { // pixels r and r+1 of the result
		a.op("VSUBPS %s, %s, %s", s.register(r+2), s.register(r+1), first)
		a.op("VADDPS %s, %s, %s", s.register(r+1), s.register(r), s.register(r))
		a.op("VADDPS %s, %s, %s", s.register(r+2), s.register(r), s.register(r))
		a.op("VSUBPS %s, %s, %s", s.register(r+3), first, s.register(r+1))
	}
	pixels := []string{s.register(0), s.register(1), s.register(4), s.register(5)}
	a.op("VMOVUPS (R9), %s", first)
	for _, p := range pixels {
		a.op("VADDPS %s, %s, %s", first, p, p)
	}
	a.op("MOVQ winogradArgs_res(DI), AX")
	a.op("TESTQ AX, AX")
	a.op("JZ bound")
	a.op("MOVQ winogradArgs_row(DI), AX")
	a.op("ADDQ R8, AX")
	for i, at := range []string{"(R8)", "(R8)(R10*1)", "(AX)", "(AX)(R10*1)"} {
		a.op("VADDPS %s, %s, %s", at, pixels[i], pixels[i])
	}
	a.label("bound")
	for i, at := range []string{"(SI)", "(SI)(R10*1)", "(BX)", "(BX)(R10*1)"} {
		a.op("VMAXPS %s, %s, %s", pixels[i], low, pixels[i]) // NaN stays
		a.op("VMOVUPS %s, %s", pixels[i], at)
	}
	winogradNext(a, s, []string{"SI", "BX", "R8"}, "R9", "DX")
}

// winogradGradient writes A dy A', where row i of A dy is y0, y0+y1, y0-y1 and -y1.
func winogradGradient(a *assembly, s isa) {
	rows := []string{"SI", "BX"}
	zero := s.register(15)
	if s.lanes == 16 {
		a.op("VPXORD %s, %s, %s", zero, zero, zero)
	} else {
		a.op("VPXOR %s, %s, %s", zero, zero, zero)
	}
	winogradStart(a, rows...)
	a.label("channels")
	a.op("MOVQ DX, AX")
	for i := range 4 {
		a.op("VMOVUPS %s, %s", fourth(rows[i/2], "R10", "R11", i%2), s.register(i))
	}
	for i := range 4 {
		left, right := s.register(4), s.register(5)
		switch i {
		case 0:
			left, right = s.register(0), s.register(1)
		case 1:
			a.op("VADDPS %s, %s, %s", s.register(2), s.register(0), left)
			a.op("VADDPS %s, %s, %s", s.register(3), s.register(1), right)
		case 2:
			a.op("VSUBPS %s, %s, %s", s.register(2), s.register(0), left)
			a.op("VSUBPS %s, %s, %s", s.register(3), s.register(1), right)
		case 3:
			a.op("VSUBPS %s, %s, %s", s.register(2), zero, left)
			a.op("VSUBPS %s, %s, %s", s.register(3), zero, right)
		}
		a.op("VMOVUPS %s, %s", left, fourth("AX", "R12", "R13", 0))
		a.op("VADDPS %s, %s, %s", right, left, s.register(6))
		a.op("VMOVUPS %s, %s", s.register(6), fourth("AX", "R12", "R13", 1))
		a.op("VSUBPS %s, %s, %s", right, left, s.register(7))
		a.op("VMOVUPS %s, %s", s.register(7), fourth("AX", "R12", "R13", 2))
		a.op("VSUBPS %s, %s, %s", right, zero, s.register(8))
		a.op("VMOVUPS %s, %s", s.register(8), fourth("AX", "R12", "R13", 3))
		if i < 3 {
			a.op("LEAQ (AX)(R12*4), AX")
		}
	}
	winogradNext(a, s, rows, "DX")
}

// declareWinograd writes the Go function that chooses a transform.
func declareWinograd(sets []isa, d *declarations) {
	d.dispatch.WriteString("\n// winogradCall runs a transform.\n")
	d.dispatch.WriteString("func winogradCall(op winogradOp, args *winogradArgs) {\n\tswitch {\n")
	for _, op := range []string{"Input", "Output", "Gradient"} {
		for _, s := range sets[1:] {
			fmt.Fprintf(&d.dispatch, "\tcase op == winograd%s && active == %s:\n\t\twinograd%s%d(args)\n",
				op, s.constant(), op, s.lanes*32)
		}
		fmt.Fprintf(&d.dispatch, "\tcase op == winograd%s:\n\t\twinograd%s%d(args)\n", op, op, sets[0].lanes*32)
	}
	d.dispatch.WriteString("\t}\n}\n")
}
