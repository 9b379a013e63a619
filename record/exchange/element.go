package exchange

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strings"
	"unsafe"

	"sgdwalk/record/half"
)

// element is the type of the elements of an array.
type element struct {
	name  string // for messages, for example "float16"
	class class
	width int  // bytes
	big   bool // the bytes are big-endian
}

type class uint8

const (
	unsupported class = iota
	floating
	bfloat // bfloat16
	float8E4M3
	float8E5M2
	float8E4M3FNUZ
	float8E5M2FNUZ
	signed
	unsigned
	boolean
	text
)

// isFloat reports whether a parameter can be of this type.
func (e element) isFloat() bool { return e.class >= floating && e.class <= float8E5M2FNUZ }

// isInt reports whether a column of whole numbers can be of this type.
func (e element) isInt() bool { return e.class == signed || e.class == unsigned }

// elements are the types that can be read, by their names in numpy and PyTorch.
// numpy has no name for bfloat16 and the float8 types.
var elements = map[string]element{}

func init() {
	for _, e := range []element{
		{name: "float64", class: floating, width: 8},
		{name: "float32", class: floating, width: 4},
		{name: "float16", class: floating, width: 2},
		{name: "bfloat16", class: bfloat, width: 2},
		{name: "int64", class: signed, width: 8},
		{name: "int32", class: signed, width: 4},
		{name: "int16", class: signed, width: 2},
		{name: "int8", class: signed, width: 1},
		{name: "uint64", class: unsigned, width: 8},
		{name: "uint32", class: unsigned, width: 4},
		{name: "uint16", class: unsigned, width: 2},
		{name: "uint8", class: unsigned, width: 1},
		{name: "bool", class: boolean, width: 1},
		{name: "float8_e4m3fn", class: float8E4M3, width: 1},
		{name: "float8_e5m2", class: float8E5M2, width: 1},
		{name: "float8_e4m3fnuz", class: float8E4M3FNUZ, width: 1},
		{name: "float8_e5m2fnuz", class: float8E5M2FNUZ, width: 1},
	} {
		elements[e.name] = e
	}
}

// elementNamed returns the type with this name; an unknown one is unsupported.
func elementNamed(name string) element {
	if e, ok := elements[name]; ok {
		return e
	}
	return element{name: name}
}

// safetensorsNames are the types of a safetensors header.
var safetensorsNames = map[string]string{
	"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16",
	"I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8",
	"U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8", "BOOL": "bool",
	"F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2",
	"F8_E4M3FNUZ": "float8_e4m3fnuz", "F8_E5M2FNUZ": "float8_e5m2fnuz",
}

// npyKinds are the type letters of numpy.
var npyKinds = map[byte]string{'f': "float", 'i': "int", 'u': "uint", 'b': "bool", 'S': "bytes", 'c': "complex"}

// npyElement returns the type that a numpy descriptor such as "<f4" means. Other types
// are unsupported, with a width of 0.
func npyElement(descr string) element {
	if descr == "|O" {
		return element{name: "object"} // pickled Python objects
	}
	var order, kind byte
	var width int
	if n, err := fmt.Sscanf(descr, "%c%c%d", &order, &kind, &width); n != 3 || err != nil ||
		fmt.Sprintf("%c%c%d", order, kind, width) != descr || width < 0 || width > math.MaxInt32 {
		return element{name: descr}
	}
	name := fmt.Sprintf("%s%d", npyKinds[kind], 8*width)
	isKnownOrder := strings.IndexByte("<>|=", order) >= 0
	switch {
	case kind == 'c':
		return element{name: name}
	case kind == 'V' && (width == 1 || width == 2):
		return element{name: fmt.Sprintf(
			"V%d (%d bits that numpy does not know; if they are %s, save array.astype(numpy.float32))",
			width, 8*width, []string{1: "float8", 2: "bfloat16"}[width])}
	case kind == 'S' && isKnownOrder:
		return element{name: "bytes", class: text, width: width}
	case kind == 'b' && width == 1:
		name = "bool"
	}
	e, isKnown := elements[name]
	if !isKnown || !isKnownOrder {
		return element{name: descr}
	}
	e.big = order == '>'
	return e
}

// bits reads one element as an unsigned number of its width.
func (e element) bits(b []byte) uint64 {
	var order binary.ByteOrder = binary.LittleEndian
	if e.big {
		order = binary.BigEndian
	}
	switch e.width {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(order.Uint16(b))
	case 4:
		return uint64(order.Uint32(b))
	default:
		return order.Uint64(b)
	}
}

// float64At converts one number of any type. The result is exact, except for whole
// numbers of more than 53 bits.
func (e element) float64At(b []byte) float64 {
	v := e.bits(b)
	switch {
	case e.class == bfloat:
		return float64(half.FromBFloat16(uint16(v)))
	case e.class >= float8E4M3 && e.class <= float8E5M2FNUZ:
		return float8Formats[e.class].value(b[0])
	case e.class == signed:
		return float64(e.int64At(b))
	case e.class != floating:
		return float64(v)
	case e.width == 2:
		return float64(half.FromFloat16(uint16(v)))
	case e.width == 4:
		return float64(math.Float32frombits(uint32(v)))
	default:
		return math.Float64frombits(v)
	}
}

// float32At converts one number and rounds a float64 to the nearest. A float32 keeps its
// bits, also those of a NaN, which a conversion through float64 would change.
func (e element) float32At(b []byte) float32 {
	if e.class == floating && e.width == 4 {
		return math.Float32frombits(uint32(e.bits(b)))
	}
	return float32(e.float64At(b))
}

// checkRange returns an error for a finite number that float32 cannot hold.
func (e element) checkRange(b []byte) error {
	if v := e.float64At(b); !math.IsInf(v, 0) && math.IsInf(float64(float32(v)), 0) {
		return fmt.Errorf("it has the value %g, which is too large for float32; leave the array out (--exclude), or "+
			"scale it", v)
	}
	return nil
}

// int64At converts a whole number. A uint64 of 2^63 or more becomes negative.
func (e element) int64At(b []byte) int64 {
	v := e.bits(b)
	if e.class == signed {
		shift := 64 - 8*e.width
		return int64(v<<shift) >> shift
	}
	return int64(v)
}

// chunkBytes is the size of a read buffer; a multiple of every element's width.
const chunkBytes = 1 << 16

// isLittleEndian reports whether this processor stores numbers as files do.
var isLittleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// readFloats reads len(dst) elements from r and converts them. buf is a scratch buffer of
// at least 8 bytes.
func (e element) readFloats(r io.Reader, dst []float32, buf []byte) error {
	buf = buf[:len(buf)/e.width*e.width]
	plain := e.class == floating && e.width == 4 && !e.big
	if plain && isLittleEndian { // the usual case: the bytes are the numbers
		_, err := io.ReadFull(r, unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(dst))), 4*len(dst)))
		return unexpected(err)
	}
	for len(dst) > 0 {
		part := buf[:min(len(buf), len(dst)*e.width)]
		if _, err := io.ReadFull(r, part); err != nil {
			return unexpected(err)
		}
		n := len(part) / e.width
		if err := e.convert(dst[:n], part); err != nil {
			return err
		}
		dst = dst[n:]
	}
	return nil
}

// convert sets dst to the elements in b, which has at least len(dst) of them.
func (e element) convert(dst []float32, b []byte) error {
	switch { // the usual cases, without calls for each element
	case e.class == floating && e.width == 4 && !e.big && isLittleEndian: // the bytes are the numbers
		copy(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(dst))), 4*len(dst)), b)
	case e.class == bfloat && !e.big:
		for i := range dst {
			dst[i] = half.FromBFloat16(binary.LittleEndian.Uint16(b[2*i:]))
		}
	default:
		for i := range dst {
			if dst[i] = e.float32At(b[i*e.width:]); e.width == 8 && math.IsInf(float64(dst[i]), 0) {
				if err := e.checkRange(b[i*e.width:]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
