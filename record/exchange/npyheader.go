package exchange

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// npyMagic begins every .npy file. The version and the length of the header follow.
const npyMagic = "\x93NUMPY"

// npyHeader returns the bytes before the values of a .npy file, version 1.0, in
// row-major order. The npyio module could write them, but only together with the
// values, and a recording does not fit into memory.
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

// npyInfo is the content of the header of a .npy file.
type npyInfo struct {
	descr   string // type such as "<f4"; the list of fields of a structured type
	fortran bool
	shape   []int
	length  int64 // bytes before the values
}

// maxNPYHeader bounds the memory for a header. numpy itself refuses more than 10,000
// characters by default.
const maxNPYHeader = 1 << 16

// readNPYHeader reads the header of a .npy file; the next bytes of r are the values.
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
	n := binary.LittleEndian.Uint32(size) // version 1 has two bytes here; the others are zero
	if n > maxNPYHeader {
		return npyInfo{}, fmt.Errorf("the .npy header claims %d bytes; at most %d are allowed", n, maxNPYHeader)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return npyInfo{}, fmt.Errorf("the .npy header is cut off: %w", unexpected(err))
	}
	info, err := parseNPYHeader(string(text))
	info.length = int64(len(start)+width) + int64(n)
	return info, err
}

// unexpected replaces io.EOF by io.ErrUnexpectedEOF, for places where a file must
// have more bytes.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// maxDims is the largest number of dimensions that numpy allows.
const maxDims = 64

// A .npy header is a Python literal. Except for these details it is JSON, so the
// header is rewritten as JSON and then decoded.
var (
	pythonToJSON  = strings.NewReplacer("'", `"`, "(", "[", ")", "]", "True", "true", "False", "false")
	longSuffix    = regexp.MustCompile(`(\d)L\b`) // Python 2 writes long integers as 3L
	trailingComma = regexp.MustCompile(`,\s*([\]}])`)
	structured    = regexp.MustCompile(`\[.*\]`) // the type of a structured array: a list of fields
)

// npyFields are the entries of a .npy header; nil where one is missing.
type npyFields struct {
	Descr   *string `json:"descr"`
	Fortran *bool   `json:"fortran_order"`
	Shape   *[]int  `json:"shape"`
}

// parseNPYHeader reads the Python dictionary of a .npy header. A structured type is
// returned as the header has it; such arrays are left out, so only its text matters.
func parseNPYHeader(text string) (npyInfo, error) {
	fields := structured.FindString(text)
	if fields != "" {
		text = strings.Replace(text, fields, "''", 1)
	}
	text = trailingComma.ReplaceAllString(longSuffix.ReplaceAllString(pythonToJSON.Replace(text), "$1"), "$1")
	var h npyFields
	if err := decodeStrict([]byte(text), &h); err != nil {
		return npyInfo{}, fmt.Errorf("the .npy header is not valid: %w", err)
	}
	if h.Descr == nil || h.Fortran == nil || h.Shape == nil {
		return npyInfo{}, errors.New("the .npy header must have descr, fortran_order and shape; one of them is missing")
	}
	if len(*h.Shape) > maxDims {
		return npyInfo{}, fmt.Errorf("the .npy header has %d dimensions; at most %d are allowed", len(*h.Shape),
			maxDims)
	}
	if slices.ContainsFunc(*h.Shape, func(n int) bool { return n < 0 }) {
		return npyInfo{}, fmt.Errorf("the .npy header has the shape %v; no dimension may be negative", *h.Shape)
	}
	return npyInfo{descr: cmp.Or(fields, *h.Descr), fortran: *h.Fortran, shape: *h.Shape}, nil
}

// decodeStrict decodes one JSON value. It refuses unknown names, which are mostly
// misspelt, and text after the value.
func decodeStrict(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return errors.New(strings.TrimPrefix(unexpected(err).Error(), "json: "))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more text after its end")
	}
	return nil
}
