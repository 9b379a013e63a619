package exchange

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// npyMagic begins every .npy file; version and length of the header follow.
const npyMagic = "\x93NUMPY"

// npyHeader returns the bytes before the payload of a .npy file, version 1.0, in
// row-major order. They are written here because the payload is: the npyio
// module wants an array in memory, and a recording is not.
func npyHeader(descr string, shape ...int) []byte {
	dims := make([]string, len(shape))
	for i, d := range shape {
		dims[i] = strconv.Itoa(d)
	}
	tuple := strings.Join(dims, ", ")
	if len(shape) == 1 {
		tuple += ","
	}
	text := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, tuple)
	const before, align = len(npyMagic) + 4, 64
	text += strings.Repeat(" ", align-1-(before+len(text))%align) + "\n"
	b := append([]byte(npyMagic), 1, 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(text)))
	return append(b, text...)
}

// npyInfo is what the header of a .npy file says.
type npyInfo struct {
	descr   string // type as in "<f4"; a structured one as it is written
	fortran bool
	shape   []int
	length  int64 // of the header, everything before the payload
}

// maxNPYHeader bounds what is read of a header: numpy itself refuses more than
// 10,000 characters by default.
const maxNPYHeader = 1 << 16

// readNPYHeader reads the header of a .npy file and leaves r at the payload.
func readNPYHeader(r io.Reader) (npyInfo, error) {
	start := make([]byte, len(npyMagic)+2, len(npyMagic)+6)
	if _, err := io.ReadFull(r, start); err != nil {
		return npyInfo{}, fmt.Errorf("the .npy header is cut off: %w", unexpected(err))
	}
	if string(start[:len(npyMagic)]) != npyMagic {
		return npyInfo{}, errors.New("it does not begin as a .npy file")
	}
	width := 4
	switch major := start[len(npyMagic)]; major {
	case 1:
		width = 2
	case 2, 3:
	default:
		return npyInfo{}, fmt.Errorf("the .npy version is %d; 1, 2 and 3 are known", major)
	}
	size := make([]byte, 4)
	if _, err := io.ReadFull(r, size[:width]); err != nil {
		return npyInfo{}, fmt.Errorf("the .npy header is cut off: %w", unexpected(err))
	}
	n := binary.LittleEndian.Uint32(size) // the unread bytes of a version 1 length are zero
	if n > maxNPYHeader {
		return npyInfo{}, fmt.Errorf("the .npy header says it has %d bytes; at most %d are read", n, maxNPYHeader)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return npyInfo{}, fmt.Errorf("the .npy header is cut off: %w", unexpected(err))
	}
	info, err := parseNPYHeader(string(text))
	info.length = int64(len(start)+width) + int64(n)
	return info, err
}

// unexpected turns the end of a file, where more must follow, into an error that
// says so.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// parseNPYHeader reads the Python dictionary literal of a .npy header. Of the
// language only what such headers use is understood.
func parseNPYHeader(text string) (npyInfo, error) {
	p := &literal{text: text}
	var info npyInfo
	seen := map[string]bool{}
	p.expect('{')
	for p.err == nil && !p.accept('}') {
		key := p.str()
		p.expect(':')
		switch {
		case p.err != nil:
		case seen[key]:
			p.fail("the key %q twice", key)
		case key == "descr":
			info.descr = p.descr()
		case key == "fortran_order":
			info.fortran = p.boolean()
		case key == "shape":
			info.shape = p.tuple()
		default:
			p.fail("an unknown key %q", key)
		}
		seen[key] = true
		if !p.accept(',') {
			p.expect('}')
			break
		}
	}
	if p.err == nil && strings.TrimSpace(p.text) != "" {
		p.fail("more text after its end")
	}
	if p.err == nil && len(seen) != 3 {
		p.fail("not all of descr, fortran_order and shape")
	}
	return info, p.err
}

// literal is what is left of a Python literal. After the first error it does
// nothing.
type literal struct {
	text string
	err  error
}

func (p *literal) fail(format string, args ...any) {
	if p.err == nil {
		p.err = errors.New("the .npy header has " + fmt.Sprintf(format, args...))
	}
}

func (p *literal) accept(c byte) bool {
	p.text = strings.TrimLeft(p.text, " \t\r\n")
	if p.err != nil || p.text == "" || p.text[0] != c {
		return false
	}
	p.text = p.text[1:]
	return true
}

func (p *literal) expect(c byte) {
	if !p.accept(c) {
		p.fail("no %q where one belongs", c)
	}
}

func (p *literal) str() string {
	for _, quote := range []byte{'\'', '"'} {
		if !p.accept(quote) {
			continue
		}
		end := strings.IndexByte(p.text, quote)
		if end < 0 {
			break
		}
		s := p.text[:end]
		p.text = p.text[end+1:]
		return s
	}
	p.fail("no string where one belongs")
	return ""
}

// descr reads a type. A structured one, a list, is returned as it is written.
func (p *literal) descr() string {
	if !p.accept('[') {
		return p.str()
	}
	depth := 1
	for i := range len(p.text) {
		switch p.text[i] {
		case '[':
			depth++
		case ']':
			if depth--; depth == 0 {
				s := "[" + p.text[:i+1]
				p.text = p.text[i+1:]
				return s
			}
		}
	}
	p.fail("a list without end")
	return ""
}

func (p *literal) boolean() bool {
	p.accept(' ')
	for word, v := range map[string]bool{"True": true, "False": false} {
		if strings.HasPrefix(p.text, word) {
			p.text = p.text[len(word):]
			return v
		}
	}
	p.fail("neither True nor False where one belongs")
	return false
}

// maxDims is the most dimensions that numpy allows.
const maxDims = 64

func (p *literal) tuple() []int {
	shape := []int{}
	p.expect('(')
	for p.err == nil && !p.accept(')') {
		end := strings.IndexFunc(p.text, func(r rune) bool { return r < '0' || r > '9' })
		if end <= 0 || len(shape) == maxDims {
			p.fail("a shape that is none")
			break
		}
		d, err := strconv.Atoi(p.text[:end])
		if err != nil {
			p.fail("the extent %s, which is too large", p.text[:end])
			break
		}
		shape = append(shape, d)
		p.text = strings.TrimPrefix(p.text[end:], "L") // Python 2 wrote long integers so
		if !p.accept(',') {
			p.expect(')')
			break
		}
	}
	return shape
}
