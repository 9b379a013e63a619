package vtk

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strconv"

	"sgdwalk/analyze/figure/internal/canvas"
	"sgdwalk/analyze/figure/internal/plane"
)

// file writes VTK's XML format, version 1.0, with all arrays as text: larger
// than binary, but read by every version, and by people. (VTK File Formats,
// https://docs.vtk.org, "XML File Formats".)
type file struct{ buf bytes.Buffer }

func newFile(kind string) *file {
	x := &file{}
	x.buf.WriteString("<?xml version=\"1.0\"?>\n")
	x.open("VTKFile", "type", kind, "version", "1.0", "byte_order", "LittleEndian", "header_type", "UInt64")
	return x
}

// open begins an element with attributes given as names and values.
func (x *file) open(name string, attributes ...string) {
	x.buf.WriteString("<" + name)
	for i := 0; i+1 < len(attributes); i += 2 {
		fmt.Fprintf(&x.buf, ` %s="%s"`, attributes[i], canvas.Escape(attributes[i+1]))
	}
	x.buf.WriteString(">\n")
}

func (x *file) close(name string) { x.buf.WriteString("</" + name + ">\n") }

// perLine is the number of values in a line of text.
const perLine = 12

func (x *file) array(kind, name string, components, tuples, values int, value func(i int) []byte) {
	attributes := []string{"type", kind, "Name", name, "format", "ascii"}
	if components > 1 {
		attributes = append(attributes, "NumberOfComponents", strconv.Itoa(components))
	}
	if tuples >= 0 {
		attributes = append(attributes, "NumberOfTuples", strconv.Itoa(tuples))
	}
	x.open("DataArray", attributes...)
	for i := range values {
		x.buf.Write(value(i))
		if i%perLine == perLine-1 || i == values-1 {
			x.buf.WriteByte('\n')
		} else {
			x.buf.WriteByte(' ')
		}
	}
	x.close("DataArray")
}

// floats writes finite numbers, the shortest text that reads back to the same
// bits. Denormal numbers are written as 0: some readers take them for an error.
func (x *file) floats(name string, components int, v []float64) {
	const normal = 0x1p-1022
	x.array("Float64", name, components, -1, len(v), func(i int) []byte {
		if math.Abs(v[i]) < normal {
			return []byte("0")
		}
		return strconv.AppendFloat(nil, v[i], 'g', -1, 64)
	})
}

func (x *file) ints(kind, name string, v []int) {
	x.array(kind, name, 1, -1, len(v), func(i int) []byte { return strconv.AppendInt(nil, int64(v[i]), 10) })
}

// names writes strings as VTK does in text: the bytes as numbers, 0 at the end of
// each.
func (x *file) names(name string, trails []plane.Trail) {
	var text []byte
	for _, t := range trails {
		text = append(append(text, t.Name...), 0)
	}
	x.array("String", name, 1, len(trails), len(text),
		func(i int) []byte { return strconv.AppendInt(nil, int64(text[i]), 10) })
}

func (x *file) writeTo(w io.Writer) error {
	x.close("VTKFile")
	_, err := w.Write(x.buf.Bytes())
	return err
}
