package main

import "fmt"

// streamFile writes the elementwise kernels of an instruction set.
func streamFile(s isa, d *declarations) []byte {
	a := newAssembly()
	for _, k := range streams {
		eight, sixteen, sixteen512 := bodies(k)
		for _, b := range []*body{eight, sixteen, sixteen512} {
			if b.isa == s {
				b.assembly = a
				b.emit()
				d.add(b.function())
			}
		}
	}
	return a.Bytes()
}

// function returns the name of the assembly function: bits of a register, adjacent
// registers, and kernel.
func (b *body) function() string {
	return fmt.Sprintf("stream%dx%d%s", b.isa.lanes*32, b.vectors, b.s.name)
}

// emit writes the loops around the body. The frame holds the addresses of the
// current row of each tensor and, at 48(SP), the number of remaining rows.
func (b *body) emit() {
	b.text(b.function(), 56, b.s.comment)
	for i := range b.s.tensors {
		b.op("MOVQ (streamArgs_t+%d)(DI), AX", 8*i)
		b.op("MOVQ AX, %d(SP)", 8*i)
	}
	b.op("MOVQ streamArgs_rows(DI), AX")
	b.op("MOVQ AX, 48(SP)")
	b.op("MOVQ streamArgs_pixel(DI), R10")
	b.op("LEAQ (R10)(R10*1), R12")
	for i := range b.s.scalars {
		b.op("VBROADCASTSS (streamArgs_scalar+%d)(DI), %s", 4*i, b.scalar(i))
	}
	if b.s.zero {
		b.op("%s %s, %s, %s", b.logic("VPXOR"), b.zero(), b.zero(), b.zero())
	}
	b.label("row")
	b.op("XORQ R13, R13")
	b.label("group")
	b.group()
	b.op("ADDQ $%d, R13", b.vectors*b.isa.lanes*4)
	b.op("CMPQ R13, streamArgs_channels(DI)")
	b.op("JLT group")
	for i := range b.s.tensors {
		b.op("MOVQ (streamArgs_row+%d)(DI), AX", 8*i)
		b.op("ADDQ AX, %d(SP)", 8*i)
	}
	b.op("DECQ 48(SP)")
	b.op("JNZ row")
	b.end()
}

// group computes one register of channels for a row of pixels.
func (b *body) group() {
	for i := range b.s.tensors {
		b.op("MOVQ %d(SP), %s", 8*i, pointers[i])
		b.op("ADDQ R13, %s", pointers[i])
	}
	for i := range b.s.params {
		b.op("MOVQ (streamArgs_param+%d)(DI), AX", 8*i)
		b.each(func() { b.op("VMOVUPS %s, %s", b.channel(), b.param(i)) })
	}
	for i := range b.s.sums {
		b.op("MOVQ (streamArgs_sum+%d)(DI), AX", 8*i)
		b.each(func() { b.op("VMOVUPS %s, %s", b.channel(), b.sum(i)) })
	}
	b.op("MOVQ streamArgs_pixels(DI), CX")
	if b.pairs() {
		b.pairLoop()
	} else {
		b.label("pixel")
		b.each(func() { b.s.body(b) })
		b.advance(map[int]string{1: "R10", 2: "R12"})
		b.op("JNZ pixel")
	}
	for i := range b.s.sums {
		b.op("MOVQ (streamArgs_sum+%d)(DI), AX", 8*i)
		b.each(func() {
			b.op("VADDPS %s, %s, %s", b.sumOf(i, true), b.sumOf(i, false), b.sum(i))
			b.op("VMOVUPS %s, %s", b.sum(i), b.channel())
		})
	}
}

// pairLoop computes the pixels in pairs, and the last of an odd number separately.
func (b *body) pairLoop() {
	for i := range b.s.sums {
		b.each(func() {
			zero := b.sumOf(i, true)
			b.op("%s %s, %s, %s", b.logic("VPXOR"), zero, zero, zero)
		})
	}
	b.op("SHRQ $1, CX")
	b.op("JZ last")
	b.label("pair")
	b.each(func() { b.s.body(b) })
	b.odd = true
	b.each(func() { b.s.body(b) })
	b.odd = false
	b.advance(map[int]string{1: "R12"})
	b.op("JNZ pair")
	b.label("last")
	b.op("TESTQ $1, streamArgs_pixels(DI)")
	b.op("JZ done")
	b.each(func() { b.s.body(b) })
	b.label("done")
}

// advance moves the pointers by the distance of their step and counts a pixel.
func (b *body) advance(distance map[int]string) {
	for i, step := range b.s.tensors {
		b.op("ADDQ %s, %s", distance[step], pointers[i])
	}
	b.op("DECQ CX")
}

// declareStreams writes the Go function that chooses a kernel.
func declareStreams(d *declarations) {
	d.dispatch.WriteString("\n// streamCall runs the kernel of op, 16 channels at a time if wide, else 8.\n")
	d.dispatch.WriteString("func streamCall(op streamOp, wide bool, args *streamArgs) {\n\tswitch op {\n")
	for _, k := range streams {
		eight, sixteen, sixteen512 := bodies(k)
		fmt.Fprintf(&d.dispatch, "\tcase op%s:\n\t\tswitch {\n", k.name)
		fmt.Fprintf(&d.dispatch, "\t\tcase !wide:\n\t\t\t%s(args)\n", eight.function())
		fmt.Fprintf(&d.dispatch, "\t\tcase active == useAVX512:\n\t\t\t%s(args)\n", sixteen512.function())
		fmt.Fprintf(&d.dispatch, "\t\tdefault:\n\t\t\t%s(args)\n\t\t}\n", sixteen.function())
	}
	d.dispatch.WriteString("\tdefault:\n\t\tpanic(\"kernel: no such elementwise kernel\")\n\t}\n}\n")
}
