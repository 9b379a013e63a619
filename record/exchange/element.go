package exchange

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"sgdwalk/record/half"
)

// element is the type of an array's elements.
type element struct {
	name  string // as people call it, for example "float16"
	class class
	width int // bytes
	big   bool
}

type class uint8

const (
	unsupported class = iota
	floating
	brain // bfloat16
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

func (e element) isInt() bool { return e.class == signed || e.class == unsigned }

var safetensorsElements = map[string]element{
	"F64": {"float64", floating, 8, false}, "F32": {"float32", floating, 4, false},
	"F16": {"float16", floating, 2, false}, "BF16": {"bfloat16", brain, 2, false},
	"I64": {"int64", signed, 8, false}, "I32": {"int32", signed, 4, false},
	"I16": {"int16", signed, 2, false}, "I8": {"int8", signed, 1, false},
	"U64": {"uint64", unsigned, 8, false}, "U32": {"uint32", unsigned, 4, false},
	"U16": {"uint16", unsigned, 2, false}, "U8": {"uint8", unsigned, 1, false},
	"BOOL":    {"bool", boolean, 1, false},
	"F8_E4M3": {"float8_e4m3fn", float8E4M3, 1, false}, "F8_E5M2": {"float8_e5m2", float8E5M2, 1, false},
	"F8_E4M3FNUZ": {"float8_e4m3fnuz", float8E4M3FNUZ, 1, false}, "F8_E5M2FNUZ": {"float8_e5m2fnuz", float8E5M2FNUZ, 1, false},
}

// npyElement understands a numpy type such as "<f4". Others are unsupported,
// with a width of 0.
func npyElement(descr string) element {
	e := element{name: descr}
	if descr == "|O" {
		e.name = "object" // Python's, pickled
	}
	var order, kind byte
	var width int
	if n, err := fmt.Sscanf(descr, "%c%c%d", &order, &kind, &width); n != 3 || err != nil ||
		fmt.Sprintf("%c%c%d", order, kind, width) != descr || width < 0 || width > math.MaxInt32 {
		return e
	}
	known := map[byte]struct {
		class class
		name  string
	}{'f': {floating, "float"}, 'i': {signed, "int"}, 'u': {unsigned, "uint"}, 'b': {boolean, "bool"}, 'S': {text, "bytes"}}[kind]
	switch kind {
	case 'c':
		e.name = fmt.Sprintf("complex%d", 8*width)
	case 'V':
		if width == 1 || width == 2 {
			e.name = fmt.Sprintf("V%d (%d bits that numpy does not know; if they are %s, save array.astype(numpy.float32))", width, 8*width, map[int]string{1: "float8", 2: "bfloat16"}[width])
		}
	}
	switch {
	case order != '<' && order != '>' && order != '|' && order != '=':
		return e
	case known.class == floating && width != 2 && width != 4 && width != 8,
		(known.class == signed || known.class == unsigned) && width != 1 && width != 2 && width != 4 && width != 8,
		known.class == boolean && width != 1,
		known.class == unsupported:
		return e
	}
	e.class, e.width, e.big = known.class, width, order == '>'
	if e.name = known.name; e.class != boolean && e.class != text {
		e.name = fmt.Sprintf("%s%d", known.name, 8*width)
	}
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

// float64At converts one number of any type, exactly but for whole numbers of
// more than 53 bits.
func (e element) float64At(b []byte) float64 {
	v := e.bits(b)
	switch {
	case e.class == brain:
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

// float32At converts one number, rounding a float64 to the nearest. The bits of
// a float32 stay, those of a NaN too.
func (e element) float32At(b []byte) float32 {
	if e.class == floating && e.width == 4 {
		return math.Float32frombits(uint32(e.bits(b)))
	}
	return float32(e.float64At(b))
}

// checkRange reports a finite number that float32 cannot hold.
func (e element) checkRange(b []byte) error {
	if v := e.float64At(b); !math.IsInf(v, 0) && math.IsInf(float64(float32(v)), 0) {
		return fmt.Errorf("it has the value %g, which is too large for float32; leave it out (exclude), or scale it", v)
	}
	return nil
}

// int64At converts a whole number; the larger half of uint64 comes out negative.
func (e element) int64At(b []byte) int64 {
	v := e.bits(b)
	if e.class == signed {
		shift := 64 - 8*e.width
		return int64(v<<shift) >> shift
	}
	return int64(v)
}

// chunkBytes is how much of an array is read at a time; a multiple of every width.
const chunkBytes = 1 << 16

// readFloats reads len(dst) elements from r and converts them. buf, of any
// length of at least 8 bytes, is scratch.
func (e element) readFloats(r io.Reader, dst []float32, buf []byte) error {
	buf = buf[:len(buf)/e.width*e.width]
	plain := e.class == floating && e.width == 4 && !e.big
	for len(dst) > 0 {
		part := buf[:min(len(buf), len(dst)*e.width)]
		if _, err := io.ReadFull(r, part); err != nil {
			return unexpected(err)
		}
		n := len(part) / e.width
		for i := range dst[:n] {
			if plain { // nearly always
				dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(part[4*i:]))
			} else if dst[i] = e.float32At(part[i*e.width:]); e.width == 8 && math.IsInf(float64(dst[i]), 0) {
				if err := e.checkRange(part[i*e.width:]); err != nil {
					return err
				}
			}
		}
		dst = dst[n:]
	}
	return nil
}
