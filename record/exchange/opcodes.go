package exchange

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
)

// opcodes are the instructions of pickle protocols 0 to 5, except those for buffers outside
// the pickle. Python's module pickletools documents them.
var opcodes = [256]func(*unpickler){
	// Stack and memo.
	'(':  (*unpickler).mark,
	'0':  popOrMark,
	'1':  func(u *unpickler) { u.popMark() },
	'2':  func(u *unpickler) { u.push(u.top()) },
	'g':  func(u *unpickler) { u.get(u.decimal()) },
	'h':  func(u *unpickler) { u.get(int64(u.number(1))) },
	'j':  func(u *unpickler) { u.get(int64(u.number(4))) },
	'p':  func(u *unpickler) { u.put(u.decimal()) },
	'q':  func(u *unpickler) { u.put(int64(u.number(1))) },
	'r':  func(u *unpickler) { u.put(int64(u.number(4))) },
	0x94: func(u *unpickler) { u.put(int64(len(u.memo))) },
	0x80: protocol,
	0x95: frame,

	// Numbers.
	'N':  func(u *unpickler) { u.push(nil) },
	0x88: func(u *unpickler) { u.push(true) },
	0x89: func(u *unpickler) { u.push(false) },
	'I':  intLine,
	'L':  longLine,
	'J':  func(u *unpickler) { u.push(int64(int32(u.number(4)))) },
	'K':  func(u *unpickler) { u.push(int64(u.number(1))) },
	'M':  func(u *unpickler) { u.push(int64(u.number(2))) },
	0x8a: func(u *unpickler) { u.long(u.number(1)) },
	0x8b: func(u *unpickler) { u.long(u.number(4)) },
	'F':  floatLine,
	'G':  binaryFloat,

	// Strings and bytes.
	'S':  func(u *unpickler) { u.push(unquoted(u.line())) },
	'V':  func(u *unpickler) { u.push(u.line()) },
	'T':  func(u *unpickler) { u.text(u.number(4)) },
	'U':  func(u *unpickler) { u.text(u.number(1)) },
	'X':  func(u *unpickler) { u.text(u.number(4)) },
	0x8c: func(u *unpickler) { u.text(u.number(1)) },
	0x8d: func(u *unpickler) { u.text(u.number(8)) },
	'B':  func(u *unpickler) { u.bytes(u.number(4)) },
	'C':  func(u *unpickler) { u.bytes(u.number(1)) },
	0x8e: func(u *unpickler) { u.bytes(u.number(8)) },
	0x96: func(u *unpickler) { u.bytes(u.number(8)) },

	// Containers.
	'}':  func(u *unpickler) { u.push(&dict{}) },
	']':  func(u *unpickler) { u.newList("list", nil) },
	')':  func(u *unpickler) { u.newList("tuple", nil) },
	0x8f: func(u *unpickler) { u.newList("set", nil) },
	'd':  newDict,
	'l':  func(u *unpickler) { u.newList("list", u.popMark()) },
	't':  func(u *unpickler) { u.newList("tuple", u.popMark()) },
	0x85: func(u *unpickler) { u.tuple(1) },
	0x86: func(u *unpickler) { u.tuple(2) },
	0x87: func(u *unpickler) { u.tuple(3) },
	0x91: func(u *unpickler) { u.newList("frozenset", u.popMark()) },
	'a':  func(u *unpickler) { v := u.pop(); u.extend([]any{v}) },
	'e':  func(u *unpickler) { u.extend(u.popMark()) },
	0x90: func(u *unpickler) { u.extend(u.popMark()) },
	's':  func(u *unpickler) { v, k := u.pop(), u.pop(); u.update([]any{k, v}) },
	'u':  func(u *unpickler) { u.update(u.popMark()) },

	// Classes.
	'c':  func(u *unpickler) { module := u.line(); u.push(globalOf(module, u.line())) },
	0x93: stackGlobal,
	'R':  func(u *unpickler) { args, callee := u.pop(), u.pop(); u.construct(callee, args) },
	0x81: func(u *unpickler) { args, class := u.pop(), u.pop(); u.construct(class, args) },
	0x92: func(u *unpickler) { _, args, class := u.pop(), u.pop(), u.pop(); u.construct(class, args) },
	'i':  inst,
	'o':  obj,
	'b':  func(u *unpickler) { state := u.pop(); u.setState(u.top(), state) },
	0x82: func(u *unpickler) { u.number(1); u.push(global("a copyreg extension")) },
	0x83: func(u *unpickler) { u.number(2); u.push(global("a copyreg extension")) },
	0x84: func(u *unpickler) { u.number(4); u.push(global("a copyreg extension")) },
	'P':  func(u *unpickler) { u.persistent(u.line()) },
	'Q':  func(u *unpickler) { u.persistent(u.pop()) },
}

// popOrMark removes the top of the stack, which may be a mark.
func popOrMark(u *unpickler) {
	if n := len(u.marks); n > 0 && u.marks[n-1] == len(u.stack) {
		u.marks = u.marks[:n-1]
		return
	}
	u.pop()
}

// protocol checks the version of the pickle.
func protocol(u *unpickler) {
	if v := u.byte(); v > 5 {
		u.fail("its protocol is %d; 0 to 5 are known", v)
	}
}

// frame reads the length of a frame. Frames only help readers without a buffer, so the
// length is checked and then ignored.
func frame(u *unpickler) {
	if n := u.number(8); n > uint64(max(0, u.size-u.at)) {
		u.fail("a frame claims %d bytes; %d are left", n, max(0, u.size-u.at))
	}
}

// decimal reads a line with a whole number.
func (u *unpickler) decimal() int64 {
	text := u.line()
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		u.fail("%.40q is not a whole number", text)
	}
	return v
}

// intLine pushes a number in text form. Protocols 0 and 1 write booleans as 00 and 01.
func intLine(u *unpickler) {
	switch text := u.line(); text {
	case "00":
		u.push(false)
	case "01":
		u.push(true)
	default:
		u.parseInt(text)
	}
}

// longLine pushes a long integer in text form, which ends in L.
func longLine(u *unpickler) { u.parseInt(strings.TrimSuffix(u.line(), "L")) }

// parseInt pushes a whole number. A number of more than 64 bits becomes opaque.
func (u *unpickler) parseInt(text string) {
	if v, err := strconv.ParseInt(text, 10, 64); err == nil {
		u.push(v)
		return
	}
	u.push(&opaque{"int"})
}

// long pushes a whole number of n bytes in two's complement, little-endian. A number of
// more than 64 bits becomes opaque.
func (u *unpickler) long(n uint64) {
	b, ok := u.readBytes(n)
	if !ok || len(b) > 8 {
		u.push(&opaque{"int"})
		return
	}
	var v uint64
	for i, x := range b {
		v |= uint64(x) << (8 * i)
	}
	shift := 64 - 8*len(b)
	u.push(int64(v<<shift) >> shift)
}

// floatLine pushes a float in text form.
func floatLine(u *unpickler) {
	text := u.line()
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		u.fail("%.40q is not a number", text)
	}
	u.push(v)
}

// binaryFloat pushes a float64. It is the only big-endian value of a pickle.
func binaryFloat(u *unpickler) {
	if b, ok := u.readBytes(8); ok {
		u.push(math.Float64frombits(binary.BigEndian.Uint64(b)))
	}
}

// unquoted removes the quotes of a string of protocol 0.
func unquoted(text string) string {
	if n := len(text); n >= 2 && (text[0] == '\'' || text[0] == '"') && text[n-1] == text[0] {
		return text[1 : n-1]
	}
	return text
}

// text pushes a string of n bytes. A string that is too long becomes opaque: checkpoints have no
// use for it.
func (u *unpickler) text(n uint64) {
	if b, ok := u.readBytes(n); ok {
		u.push(string(b))
		return
	}
	u.push(&opaque{"str"})
}

// bytes pushes n bytes, as text does.
func (u *unpickler) bytes(n uint64) {
	if b, ok := u.readBytes(n); ok {
		u.push(pybytes(b))
		return
	}
	u.push(&opaque{"bytes"})
}

// newDict pushes a dict of the values after the mark.
func newDict(u *unpickler) {
	pairs := u.popMark()
	u.push(&dict{})
	u.update(pairs)
}

// tuple replaces the top n values by a tuple of them.
func (u *unpickler) tuple(n int) {
	values := make([]any, n)
	for i := n - 1; i >= 0; i-- {
		values[i] = u.pop()
	}
	u.newList("tuple", values)
}

// stackGlobal pushes a class whose module and name are on the stack.
func stackGlobal(u *unpickler) {
	name, ok := u.pop().(string)
	module, alright := u.pop().(string)
	if !ok || !alright {
		u.fail("the name of a class is not a string")
	}
	u.push(globalOf(module, name))
}

// globalOf returns the name of a class, shortened and safe to print.
func globalOf(module, name string) global {
	text := strconv.QuoteToASCII(module + "." + name)
	return global(text[1 : 1+min(len(text)-2, 200)])
}

// inst constructs an object of protocol 0, whose class follows as text.
func inst(u *unpickler) {
	module := u.line()
	name := u.line()
	u.construct(globalOf(module, name), &list{items: u.popMark()})
}

// obj constructs an object whose class is the first value after the mark.
func obj(u *unpickler) {
	values := u.popMark()
	if len(values) == 0 {
		u.fail("an object has no class")
		return
	}
	u.construct(values[0], &list{items: values[1:]})
}
