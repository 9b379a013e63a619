package canvas

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/image/font/opentype"
)

// errFont is the error of a font file that is not as TrueType defines it.
var errFont = errors.New("figure: the embedded font is not a TrueType font with outlines")

// trueType is a font file and its tables.
type trueType struct {
	tables   map[string][]byte
	glyphs   int  // number of glyphs
	metrics  int  // number of glyphs with a width of their own
	longLoca bool // offsets of glyphs have four bytes
}

// parseTrueType reads the tables of a font file.
func parseTrueType(data []byte) (*trueType, error) {
	t := &trueType{tables: make(map[string][]byte)}
	if len(data) < 12 {
		return nil, errFont
	}
	for i := range int(binary.BigEndian.Uint16(data[4:])) {
		at := 12 + 16*i
		if at+16 > len(data) {
			return nil, errFont
		}
		from, n := int(binary.BigEndian.Uint32(data[at+8:])), int(binary.BigEndian.Uint32(data[at+12:]))
		if from > len(data) || n > len(data)-from {
			return nil, errFont
		}
		t.tables[string(data[at:at+4])] = data[from : from+n]
	}
	for name, least := range map[string]int{"head": 54, "hhea": 36, "maxp": 32, "hmtx": 4, "loca": 4, "glyf": 1} {
		if len(t.tables[name]) < least {
			return nil, fmt.Errorf("%w: table %s", errFont, name)
		}
	}
	t.glyphs = int(binary.BigEndian.Uint16(t.tables["maxp"][4:]))
	t.metrics = int(binary.BigEndian.Uint16(t.tables["hhea"][34:]))
	t.longLoca = binary.BigEndian.Uint16(t.tables["head"][50:]) == 1
	return t, nil
}

// glyph returns the outline of a glyph as the file has it; empty for a blank.
func (t *trueType) glyph(id int) ([]byte, error) {
	loca, glyf := t.tables["loca"], t.tables["glyf"]
	offset := func(i int) int {
		if t.longLoca {
			return int(binary.BigEndian.Uint32(loca[4*i:]))
		}
		return 2 * int(binary.BigEndian.Uint16(loca[2*i:]))
	}
	width := 2
	if t.longLoca {
		width = 4
	}
	if id < 0 || id >= t.glyphs || width*(id+2) > len(loca) {
		return nil, fmt.Errorf("%w: glyph %d", errFont, id)
	}
	from, to := offset(id), offset(id+1)
	if from > to || to > len(glyf) {
		return nil, fmt.Errorf("%w: glyph %d", errFont, id)
	}
	return glyf[from:to], nil
}

// metric returns the width and the left bearing of a glyph, four bytes as in the table hmtx.
func (t *trueType) metric(id int) []byte {
	hmtx := t.tables["hmtx"]
	if id < t.metrics {
		return hmtx[4*id : 4*id+4]
	}
	bearing := 4*t.metrics + 2*(id-t.metrics)
	return slices.Concat(hmtx[4*(t.metrics-1):4*(t.metrics-1)+2], hmtx[bearing:bearing+2])
}

// Flags of the components of a glyph that is made of others.
const (
	wordArguments   = 0x1
	oneScale        = 0x8
	moreComponents  = 0x20
	twoScales       = 0x40
	matrixScale     = 0x80
	hasInstructions = 0x100
)

// components calls fn with the place of the glyph number of every component of a glyph that is
// made of others, and returns the end of the last one.
func components(g []byte, fn func(at int)) (end int, err error) {
	for at := 10; ; {
		if at+4 > len(g) {
			return 0, errFont
		}
		flags := binary.BigEndian.Uint16(g[at:])
		fn(at + 2)
		n := 6
		if flags&wordArguments != 0 {
			n += 2
		}
		switch {
		case flags&oneScale != 0:
			n += 2
		case flags&twoScales != 0:
			n += 4
		case flags&matrixScale != 0:
			n += 8
		}
		if at += n; at > len(g) {
			return 0, errFont
		}
		if flags&moreComponents == 0 {
			return at, nil
		}
	}
}

// plain returns a copy of a glyph without instructions for small screens. number returns the
// new number of a component.
func plain(g []byte, number func(id int) int) ([]byte, error) {
	if len(g) < 10 {
		return nil, nil // a blank
	}
	if contours := int(int16(binary.BigEndian.Uint16(g))); contours >= 0 {
		at := 10 + 2*contours
		if at+2 > len(g) {
			return nil, errFont
		}
		n := int(binary.BigEndian.Uint16(g[at:]))
		if at+2+n > len(g) {
			return nil, errFont
		}
		return slices.Concat(g[:at], []byte{0, 0}, g[at+2+n:]), nil
	}
	out := slices.Clone(g)
	end, err := components(out, func(at int) {
		flags := binary.BigEndian.Uint16(out[at-2:])
		binary.BigEndian.PutUint16(out[at-2:], flags&^hasInstructions)
		binary.BigEndian.PutUint16(out[at:], uint16(number(int(binary.BigEndian.Uint16(out[at:])))))
	})
	if err != nil {
		return nil, err
	}
	return out[:end], nil
}

// subset returns a TrueType font whose glyph i is the glyph ids[i] of f. The glyphs that these
// are made of follow. It has what a PDF file needs of a font: outlines and widths, no names
// and no characters.
func subset(f *opentype.Font, ids []int) ([]byte, error) {
	var b bytes.Buffer
	if _, err := f.WriteSourceTo(nil, &b); err != nil {
		return nil, err
	}
	t, err := parseTrueType(b.Bytes())
	if err != nil {
		return nil, err
	}
	all := slices.Clone(ids)
	number := func(id int) int {
		if i := slices.Index(all, id); i >= 0 {
			return i
		}
		all = append(all, id)
		return len(all) - 1
	}
	var glyf, loca, hmtx []byte
	for i := 0; i < len(all); i++ { // number may append
		g, err := t.glyph(all[i])
		if err != nil {
			return nil, err
		}
		g, err = plain(g, number)
		if err != nil {
			return nil, err
		}
		loca = binary.BigEndian.AppendUint32(loca, uint32(len(glyf)))
		glyf = append(glyf, g...)
		for len(glyf)%4 != 0 {
			glyf = append(glyf, 0)
		}
		hmtx = append(hmtx, t.metric(all[i])...)
	}
	loca = binary.BigEndian.AppendUint32(loca, uint32(len(glyf)))
	head, hhea, maxp := slices.Clone(t.tables["head"]), slices.Clone(t.tables["hhea"]), slices.Clone(t.tables["maxp"])
	binary.BigEndian.PutUint32(head[8:], 0)  // the checksum of the file, which readers of PDF ignore
	binary.BigEndian.PutUint16(head[50:], 1) // four bytes an offset
	binary.BigEndian.PutUint16(hhea[34:], uint16(len(all)))
	binary.BigEndian.PutUint16(maxp[4:], uint16(len(all)))
	return joinTables([]fontTable{
		{"glyf", glyf}, {"head", head}, {"hhea", hhea}, {"hmtx", hmtx}, {"loca", loca}, {"maxp", maxp},
	}), nil
}

type fontTable struct {
	name string
	data []byte
}

// joinTables writes a font file; the tables are in the order of their names.
func joinTables(tables []fontTable) []byte {
	n, power, log := len(tables), 1, 0
	for power*2 <= n {
		power, log = power*2, log+1
	}
	out := []byte{0, 1, 0, 0}
	for _, v := range []int{n, 16 * power, log, 16 * (n - power)} {
		out = binary.BigEndian.AppendUint16(out, uint16(v))
	}
	at := 12 + 16*n
	var body []byte
	for _, t := range tables {
		padded := slices.Clone(t.data)
		for len(padded)%4 != 0 {
			padded = append(padded, 0)
		}
		sum := uint32(0)
		for i := 0; i < len(padded); i += 4 {
			sum += binary.BigEndian.Uint32(padded[i:])
		}
		out = append(out, t.name...)
		for _, v := range []uint32{sum, uint32(at), uint32(len(t.data))} {
			out = binary.BigEndian.AppendUint32(out, v)
		}
		at += len(padded)
		body = append(body, padded...)
	}
	return append(out, body...)
}
