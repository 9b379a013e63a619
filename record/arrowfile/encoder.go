package arrowfile

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"

	"sgdwalk/record"
	"sgdwalk/record/half"
)

// Keys of a segment's schema metadata, in the order in which they are written.
const (
	keyFormat   = "sgdwalk.format"
	keyHeader   = "sgdwalk.header_sha256"
	keySegment  = "sgdwalk.segment"
	keyFirstRow = "sgdwalk.first_row"
	keyDType    = "sgdwalk.dtype" // from format 2 on

	keyHeaderText = "sgdwalk.header" // the bytes of header.json, from format 3 on
	keyRows       = "sgdwalk.rows"   // of the run, in the footer of the segment that ends it; from format 3 on
)

// encoder turns rows into the bytes of a segment. The Writer uses it to write
// and Check to compare, so that both agree on every byte.
//
// All rows with the same absent values have the same metadata and the same
// layout. It is made once; a row then costs the filling in of its scalars, and its
// vectors are passed on where they are: nothing is copied or allocated per row,
// but for vectors of 16 bits, which are rounded into a buffer of their own.
type encoder struct {
	columns     *columns
	header      *record.Header
	text        string // of header.json
	run         identity
	frames      [256]*rowFrame
	zeroVectors [vectors][]byte // zeros that stand for an absent vector
	half        [vectors][]byte // vectors in two bytes an element
	pieces      []piece
	scratch     []byte // what the checksum of the scalars is over

	out    output // of the segment that was begun
	schema []pair
	end    int64 // of its last row
	blocks []block
}

// output takes the pieces of a segment in their order. They are the encoder's
// until write returns.
type output interface {
	write(pieces ...piece) error
}

// piece is a part of a segment. A hole is one of zeros that stand for an absent
// vector: a file system may leave it out.
type piece struct {
	bytes []byte
	hole  bool
}

func newEncoder(h *runHeader) *encoder {
	return &encoder{
		columns: columnsOf(h.Header), header: h.Header, text: string(h.text), run: h.id,
		scratch: make([]byte, checksumBytes),
	}
}

// metadata is what the schema of a segment says about it.
func (e *encoder) metadata(segment int, firstRow int64) []pair {
	pairs := []pair{
		{keyFormat, strconv.Itoa(e.header.Format)},
		{keyHeader, hex.EncodeToString(e.run[:])},
		{keySegment, strconv.Itoa(segment)},
		{keyFirstRow, strconv.FormatInt(firstRow, 10)},
	}
	if e.header.Format > 1 {
		pairs = append(pairs, pair{keyDType, e.header.DType})
	}
	if e.header.Format > 2 {
		pairs = append(pairs, pair{keyHeaderText, e.text})
	}
	return pairs
}

// prefix returns what comes before the first row of a segment.
func (e *encoder) prefix(segment int, firstRow int64) []byte {
	return append([]byte(fileStart), schemaMessage(e.columns, e.metadata(segment, firstRow))...)
}

// begin starts a segment with what comes before its first row.
func (e *encoder) begin(out output, segment int, firstRow int64) error {
	prefix := e.prefix(segment, firstRow)
	e.out, e.schema, e.end, e.blocks = out, e.metadata(segment, firstRow), int64(len(prefix)), e.blocks[:0]
	return out.write(piece{bytes: prefix})
}

// endMark ends a stream of messages. The Arrow format wants it before the footer
// too, so that a segment can be read as a stream.
var endMark = []byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}

// finish writes the end mark and the footer. Rows is the number of rows of a run
// that came to its end with this segment, unknown for every other segment.
func (e *encoder) finish(rows int64) error {
	b := append([]byte(nil), endMark...)
	b = append(b, footer(e.columns, e.schema, e.blocks, e.ending(rows))...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(b)-len(endMark)))
	return e.out.write(piece{bytes: append(b, magic...)})
}

// ending is what a footer says about the end of the run.
func (e *encoder) ending(rows int64) []pair {
	if rows == unknown || e.header.Format < 3 {
		return nil
	}
	return []pair{{keyRows, strconv.FormatInt(rows, 10)}}
}

// frame is a row without its values: everything but the vectors, in which the
// scalars are filled in.
type rowFrame struct {
	bytes   []byte
	columns []slot
	gaps    []gap
	meta    int64 // size of the message before the body
	body    int64
}

// slot is the place of a scalar in a frame.
type slot struct {
	field field
	at    int
	width int
}

// gap is where a vector belongs: before frame.bytes[at:].
type gap struct{ at, vector int }

func (e *encoder) frameFor(nulls nullSet) *rowFrame {
	if f := e.frames[nulls]; f != nil {
		return f
	}
	b := e.columns.bodyFor(nulls)
	f := &rowFrame{bytes: batchMessage(b), body: b.size}
	f.meta = int64(len(f.bytes))
	left := int64(0) // bytes of vectors so far, which the frame has not
	place := func(field field, at, width int64) {
		f.columns = append(f.columns, slot{field, int(f.meta + at - left), int(width)})
	}
	for i := range e.columns.list {
		c, at := &e.columns.list[i], b.data[i].offset
		if c.kind.isVector() {
			f.gaps = append(f.gaps, gap{int(f.meta + at - left), c.vector()})
			left += c.bytes()
		} else {
			place(c.field, at, c.kind.width())
		}
	}
	for i, check := range e.columns.checks {
		place(check, b.checks.offset+4*int64(i), 4)
	}
	f.bytes = append(f.bytes, make([]byte, b.size-left)...)
	e.frames[nulls] = f
	return f
}

// raw returns the vectors of a step as they stand in the file: views, or, of
// 16-bit elements, rounded to the nearest in the encoder's own memory.
func (e *encoder) raw(s *record.Step) (raw rawVectors) {
	for v, values := range s.Vectors() {
		switch {
		case !e.columns.exists[v] || *values == nil:
		case e.columns.ofVector(v).kind == kindHalf:
			raw[v] = e.toHalf(v, *values)
		default:
			raw[v] = bytesOf(*values)
		}
	}
	return raw
}

func (e *encoder) toHalf(v int, values []float32) []byte {
	if e.half[v] == nil {
		e.half[v] = make([]byte, 2*len(values))
	}
	out := e.half[v][:2*len(values)]
	to := half.ToFloat16
	if e.header.DType == record.BFloat16 {
		to = half.ToBFloat16
	}
	for i, x := range values {
		binary.LittleEndian.PutUint16(out[2*i:], to(x))
	}
	return out
}

// fill fills in the scalars as far as they are known.
func (f *rowFrame) fill(s *scalars) {
	for _, c := range f.columns {
		if w := s.words[c.field]; c.width == 8 {
			binary.LittleEndian.PutUint64(f.bytes[c.at:], w)
		} else {
			binary.LittleEndian.PutUint32(f.bytes[c.at:], uint32(w))
		}
	}
}

// append computes the checksums of row number row of the run and writes it. The
// vectors are borrowed until it returns.
func (e *encoder) append(s *scalars, raw *rawVectors, row int64) error {
	longest := 0
	for _, b := range raw {
		longest = max(longest, len(b))
	}
	if longest >= inPartsFrom {
		return e.appendInParts(s, raw, row)
	}
	for v, b := range raw {
		s.setVectorCRC(v, checksum(0, b))
	}
	e.fillChecksums(s, row)
	return e.write(s, raw)
}

// A vector that is larger than the caches near a core would leave them between
// its checksum and the copy that the system makes. It is written in parts, each
// right after its checksum: a row of 40 MB then takes a tenth less time. A quarter
// of a MiB was slower and two MiB no faster; a second goroutine for the checksums, beside
// one write of everything, was no faster either.
const (
	partBytes   = 1 << 20 // file systems keep smaller pieces at a greater cost
	inPartsFrom = 4 << 20
)

// appendInParts does what append does, from the beginning of the row to its end:
// no checksum stands in a file before what it is of.
func (e *encoder) appendInParts(s *scalars, raw *rawVectors, row int64) error {
	f := e.frameFor(s.nulls)
	if out, ok := e.out.(interface{ reserve(end int64) }); ok {
		out.reserve(e.end + f.meta + f.body)
	}
	from, at := 0, e.end // in the frame, and in the segment
	put := func(p piece) error {
		if len(p.bytes) == 0 {
			return nil
		}
		e.pieces = append(e.pieces[:0], p)
		at += int64(len(p.bytes))
		return e.out.write(e.pieces...)
	}
	for _, g := range f.gaps {
		f.fill(s)
		if err := put(piece{bytes: f.bytes[from:g.at]}); err != nil {
			return err
		}
		from = g.at
		if s.nulls.has(optionals + g.vector) {
			if err := put(piece{e.zero(g.vector), true}); err != nil {
				return err
			}
			continue
		}
		for rest := raw[g.vector]; len(rest) > 0; {
			n := min(partBytes-at%partBytes, int64(len(rest)))
			s.setVectorCRC(g.vector, checksum(s.vectorCRC(g.vector), rest[:n]))
			if err := put(piece{bytes: rest[:n]}); err != nil {
				return err
			}
			rest = rest[n:]
		}
	}
	e.fillChecksums(s, row)
	f.fill(s)
	if err := put(piece{bytes: f.bytes[from:]}); err != nil {
		return err
	}
	e.addBlock(f)
	return nil
}

// write writes one row whose checksums are known. The vectors are borrowed until
// it returns; those that are absent are not looked at.
func (e *encoder) write(s *scalars, raw *rawVectors) error {
	f := e.frameFor(s.nulls)
	f.fill(s)
	e.pieces = e.pieces[:0]
	from := 0
	for _, g := range f.gaps {
		if g.at > from {
			e.pieces = append(e.pieces, piece{bytes: f.bytes[from:g.at]})
		}
		from = g.at
		if s.nulls.has(optionals + g.vector) {
			e.pieces = append(e.pieces, piece{e.zero(g.vector), true}) // the format wants room for an absent list too
		} else {
			e.pieces = append(e.pieces, piece{bytes: raw[g.vector]})
		}
	}
	e.pieces = append(e.pieces, piece{bytes: f.bytes[from:]})
	if err := e.out.write(e.pieces...); err != nil {
		return err
	}
	e.addBlock(f)
	return nil
}

// wrote takes note of a row for the footer.
func (e *encoder) addBlock(f *rowFrame) {
	e.blocks = append(e.blocks, block{e.end, int32(f.meta), f.body})
	e.end += f.meta + f.body
}

// zero returns a vector of zeros. It is made when it is first asked for, and its
// memory is untouched until somebody reads it.
func (e *encoder) zero(v int) []byte {
	if e.zeroVectors[v] == nil && e.columns.exists[v] {
		e.zeroVectors[v] = make([]byte, e.columns.ofVector(v).bytes())
	}
	return e.zeroVectors[v]
}

func (e *encoder) zeros() *rawVectors {
	return &rawVectors{e.zero(theta), e.zero(grad), e.zero(state)}
}

// rowBytes returns the size of a row in a segment.
func (e *encoder) rowBytes(nulls nullSet) int64 {
	f := e.frameFor(nulls)
	return f.meta + f.body
}

// encodingError says which row could not be written.
func encodingError(path string, row int64, err error) error {
	return fmt.Errorf("arrowfile: %s: row %d: %w", path, row, err)
}
