package main

import "fmt"

// streamFile writes the elementwise kernels of an instruction set.
func streamFile(s isa, d *declarations) []byte {
	a := newAssembly(s)
	for _, k := range streams {
		for _, b := range bodies(s, k) {
			b.machine = newMachine(s, a)
			b.emit()
			d.add(b.function())
		}
	}
	return a.Bytes()
}

// emit writes the loops around the body.
func (b *body) emit() {
	r := b.integers()
	b.text(b.function(), 56, b.s.comment)
	for i := range b.s.tensors {
		b.move(b.field("streamArgs_t", 8*i), r.temp)
		b.move(r.temp, r.row[i])
	}
	b.move(b.field("streamArgs_rows", 0), r.temp)
	b.move(r.temp, r.rows)
	b.move(b.field("streamArgs_pixel", 0), r.pixel)
	b.twice(r.pixel, r.twoPixels)
	for i := range b.s.scalars {
		b.broadcast(b.field("streamArgs_scalar", 4*i), b.scalar(i))
	}
	if b.s.zero {
		b.zero(b.zeros())
	}
	b.label("row")
	b.clear(r.channel)
	b.label("group")
	b.group()
	b.addConstant(b.vectors*b.isa.lanes*4, r.channel)
	b.branchIfLess(r.channel, b.field("streamArgs_channels", 0), "group")
	for i := range b.s.tensors {
		b.move(b.field("streamArgs_row", 8*i), r.temp)
		b.addInt(r.temp, r.row[i])
	}
	b.countDown(r.rows, "row")
	b.end()
}

// group computes 8 or 16 channels of a row of pixels.
func (b *body) group() {
	r := b.integers()
	for i := range b.s.tensors {
		b.move(r.row[i], r.current[i])
		b.addInt(r.channel, r.current[i])
		if b.hasNext(i) {
			b.move(r.current[i], r.next[i])
			b.addInt(r.pixel, r.next[i])
		}
	}
	for i := range b.s.params {
		b.perChannel(b.field("streamArgs_param", 8*i))
		b.each(func() { b.load(b.channels(b.vector), b.param(i)) })
	}
	for i := range b.s.sums {
		b.perChannel(b.field("streamArgs_sum", 8*i))
		b.each(func() { b.load(b.channels(b.vector), b.sum(i)) })
	}
	b.move(b.field("streamArgs_pixels", 0), r.count)
	if b.pairs() {
		b.pairLoop()
	} else {
		b.label("pixel")
		b.each(func() { b.s.body(b) })
		b.advance(map[int]string{1: r.pixel, 2: r.twoPixels})
		b.countDown(r.count, "pixel")
	}
	for i := range b.s.sums {
		b.perChannel(b.field("streamArgs_sum", 8*i))
		b.each(func() {
			b.add(b.sumOf(i, true), b.sumOf(i, false), b.sum(i))
			b.store(b.sum(i), b.channels(b.vector))
		})
	}
}

// pairLoop computes the pixels in pairs, and the last of an odd number separately.
func (b *body) pairLoop() {
	r := b.integers()
	for i := range b.s.sums {
		b.each(func() { b.zero(b.sumOf(i, true)) })
	}
	b.halve(r.count, "last")
	b.label("pair")
	b.each(func() { b.s.body(b) })
	b.odd = true
	b.each(func() { b.s.body(b) })
	b.odd = false
	b.advance(map[int]string{1: r.twoPixels})
	b.countDown(r.count, "pair")
	b.label("last")
	b.branchIfEven(b.field("streamArgs_pixels", 0), "done")
	b.each(func() { b.s.body(b) })
	b.label("done")
}

// hasNext reports whether the next pixel of tensor i needs its own register.
func (b *body) hasNext(i int) bool {
	return len(b.integers().next) > 0 && (b.pairs() || b.s.tensors[i] == 2)
}

// advance moves the pointers by the distance of their step.
func (b *body) advance(distance map[int]string) {
	r := b.integers()
	for i, step := range b.s.tensors {
		b.addInt(distance[step], r.current[i])
		if b.hasNext(i) {
			b.addInt(distance[step], r.next[i])
		}
	}
}

// declareStreams writes the Go function that chooses a kernel.
func declareStreams(sets []isa, d *declarations) {
	d.dispatch.WriteString("\n// streamCall runs the kernel of op, 16 channels at a time if wide, else 8.\n")
	d.dispatch.WriteString("func streamCall(op streamOp, wide bool, args *streamArgs) {\n\tswitch op {\n")
	for _, k := range streams {
		first := bodies(sets[0], k) // 8 and 16 channels
		fmt.Fprintf(&d.dispatch, "\tcase op%s:\n\t\tswitch {\n", k.name)
		fmt.Fprintf(&d.dispatch, "\t\tcase !wide:\n\t\t\t%s(args)\n", first[0].function())
		for _, s := range sets[1:] {
			fmt.Fprintf(&d.dispatch, "\t\tcase active == %s:\n\t\t\t%s(args)\n", s.constant(), bodies(s, k)[0].function())
		}
		fmt.Fprintf(&d.dispatch, "\t\tdefault:\n\t\t\t%s(args)\n\t\t}\n", first[1].function())
	}
	d.dispatch.WriteString("\tdefault:\n\t\tpanic(\"kernel: no such elementwise kernel\")\n\t}\n}\n")
}
