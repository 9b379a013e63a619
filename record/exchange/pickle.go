package exchange

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// Limits of a pickle. No checkpoint exceeds them; without them, a small malicious file
// could take much memory.
const (
	maxPickleValues = 1 << 21  // separately on the stack, in the memo and in containers
	maxPickleText   = 64 << 10 // longer strings and bytes are skipped
	maxListNumbers  = 4096     // further numbers and strings of a list are skipped: loss histories
)

// The types of values of a pickle, in addition to nil, bool, int64, float64 and string.
type (
	// dict is a dict, OrderedDict or defaultdict. Only keys that are strings are kept.
	dict struct {
		items []item
		index map[string]int
		other int // entries with other keys
	}
	// list is a list, tuple, set or frozenset.
	list struct {
		class string
		items []any
	}
	pybytes string
	// global is the name of a class or function.
	global string
	// opaque is a value of an unknown class. It has only the name of the class.
	opaque struct{ class string }
)

// item is an entry of a dict.
type item struct {
	key   string
	value any
}

// set sets the value of a key. It keeps the order of first use, which is the order of the tensors.
func (d *dict) set(key, value any) {
	k, ok := key.(string)
	if !ok {
		d.other++
		return
	}
	if i, again := d.index[k]; again {
		d.items[i].value = value
		return
	}
	if d.index == nil {
		d.index = map[string]int{}
	}
	d.index[k] = len(d.items)
	d.items = append(d.items, item{k, value})
}

// get returns the value of a key, and whether there is one.
func (d *dict) get(key string) (any, bool) {
	i, ok := d.index[key]
	if !ok {
		return nil, false
	}
	return d.items[i].value, true
}

// add appends a value, except for numbers and strings of a long list.
func (l *list) add(value any) {
	if len(l.items) >= maxListNumbers {
		switch value.(type) {
		case nil, bool, int64, float64, string, pybytes:
			return
		}
	}
	l.items = append(l.items, value)
}

// unpickler is a virtual machine that reads a pickle and builds the values that
// checkpoints consist of: numbers, strings, containers and tensors. It knows a few
// classes by name (see constructors); a value of any other class is opaque. It never
// imports, calls or executes anything. After the first error its methods do nothing.
type unpickler struct {
	in    *bufio.Reader
	size  int64 // bytes of the pickle
	at    int64 // bytes read so far
	stack []any
	marks []int // lengths of the stack at the marks
	memo  map[int64]any
	kept  int // number of values in containers
	err   error
}

// unpickle reads one pickle of size bytes.
func unpickle(r io.Reader, size int64) (any, error) {
	u := &unpickler{in: bufio.NewReaderSize(r, chunkBytes), size: size, memo: map[int64]any{}}
	for {
		at, op := u.at, u.byte()
		switch {
		case u.err != nil:
		case op == '.':
			if v := u.pop(); u.err == nil {
				return v, nil
			}
		case opcodes[op] == nil:
			u.fail("the opcode 0x%02x is not known", op)
		default:
			opcodes[op](u)
		}
		if u.err != nil {
			return nil, fmt.Errorf("its pickle is damaged at byte %d: %w", at, u.err)
		}
	}
}

// fail keeps the first error. Later ones are only its consequences.
func (u *unpickler) fail(format string, args ...any) {
	if u.err == nil {
		u.err = fmt.Errorf(format, args...)
	}
}

// byte reads one byte; 0 after an error.
func (u *unpickler) byte() byte {
	b, err := u.in.ReadByte()
	u.at++
	if err != nil && u.err == nil {
		u.err = unexpected(err)
	}
	return b
}

// readBytes reads n bytes. It compares n with the rest of the pickle before it allocates
// memory. It skips a value of more than maxPickleText bytes, and then returns nil and
// false.
func (u *unpickler) readBytes(n uint64) ([]byte, bool) {
	if u.err == nil && n > uint64(max(0, u.size-u.at)) {
		u.fail("a value claims %d bytes; %d are left", n, max(0, u.size-u.at))
	}
	if u.err != nil {
		return nil, false
	}
	u.at += int64(n)
	if n > maxPickleText {
		if _, err := io.CopyN(io.Discard, u.in, int64(n)); err != nil {
			u.err = unexpected(err)
		}
		return nil, false
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(u.in, b); err != nil {
		u.err = unexpected(err)
	}
	return b, u.err == nil
}

// number reads an unsigned little-endian number of n bytes.
func (u *unpickler) number(n int) (v uint64) {
	for i := range n {
		v |= uint64(u.byte()) << (8 * i)
	}
	return v
}

// line reads a line without its newline.
func (u *unpickler) line() string {
	b, err := u.in.ReadSlice('\n')
	u.at += int64(len(b))
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		u.fail("a line has more than %d bytes", chunkBytes)
	case err != nil && u.err == nil:
		u.err = unexpected(err)
	}
	if u.err != nil {
		return ""
	}
	return string(b[:len(b)-1])
}

// push puts a value on the stack.
func (u *unpickler) push(v any) {
	if len(u.stack) >= maxPickleValues {
		u.fail("more than %d values are on its stack", maxPickleValues)
		return
	}
	u.stack = append(u.stack, v)
}

// base returns the index of the first value after the last mark.
func (u *unpickler) base() int {
	if len(u.marks) == 0 {
		return 0
	}
	return u.marks[len(u.marks)-1]
}

// pop removes and returns the top of the stack; nil after an error.
func (u *unpickler) pop() any {
	v := u.top()
	if u.err == nil {
		u.stack = u.stack[:len(u.stack)-1]
	}
	return v
}

// top returns the top of the stack. Values before the last mark are not accessible.
func (u *unpickler) top() any {
	if u.err == nil && len(u.stack) <= u.base() {
		u.fail("a value is missing on its stack")
	}
	if u.err != nil {
		return nil
	}
	return u.stack[len(u.stack)-1]
}

// mark puts a mark on the stack. Marks are kept apart from values, so that no value can look like
// one.
func (u *unpickler) mark() {
	if len(u.marks) >= maxPickleValues {
		u.fail("more than %d marks are on its stack", maxPickleValues)
		return
	}
	u.marks = append(u.marks, len(u.stack))
}

// popMark removes the last mark and returns a copy of the values after it.
func (u *unpickler) popMark() []any {
	if u.err == nil && len(u.marks) == 0 {
		u.fail("a mark is missing on its stack")
	}
	if u.err != nil {
		return nil
	}
	at := u.base()
	u.marks = u.marks[:len(u.marks)-1]
	values := append([]any(nil), u.stack[at:]...)
	clear(u.stack[at:])
	u.stack = u.stack[:at]
	return values
}

// put stores the top of the stack in the memo, where later instructions find it again.
func (u *unpickler) put(at int64) {
	v := u.top()
	if len(u.memo) >= maxPickleValues {
		u.fail("more than %d values are in its memo", maxPickleValues)
	}
	if u.err == nil {
		u.memo[at] = v
	}
}

// get pushes a value of the memo.
func (u *unpickler) get(at int64) {
	v, ok := u.memo[at]
	if !ok {
		u.fail("value %d is missing in its memo", at)
	}
	u.push(v)
}

// countValues counts the values in containers. An honest pickle has more bytes than
// values; a malicious one could copy containers again and again.
func (u *unpickler) countValues(n int) {
	if most := min(maxPickleValues, u.size); int64(u.kept+n) > most {
		u.fail("more than %d values are in its containers", most)
	}
	u.kept += n
}

// newList pushes a list, tuple or set of values.
func (u *unpickler) newList(class string, values []any) {
	l := &list{class: class}
	u.push(l)
	u.extend(values)
}

// extend appends values to the list on top of the stack. It ignores additions to an opaque
// value.
func (u *unpickler) extend(values []any) {
	l, ok := u.top().(*list)
	if !ok {
		return
	}
	before := len(l.items)
	for _, v := range values {
		l.add(v)
	}
	u.countValues(len(l.items) - before)
}

// update sets alternating keys and values in the dict on top of the stack.
func (u *unpickler) update(pairs []any) {
	if len(pairs)%2 != 0 {
		u.fail("a key of a dict has no value")
	}
	d, ok := u.top().(*dict)
	if u.err != nil || !ok {
		return
	}
	before := len(d.items)
	for i := 0; i < len(pairs); i += 2 {
		d.set(pairs[i], pairs[i+1])
	}
	u.countValues(len(d.items) - before)
}
