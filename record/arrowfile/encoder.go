package arrowfile

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"

	"sgdwalk/record"
	"sgdwalk/record/half"
)

// Keys of a segment's schema metadata, in the order of the file.
const (
	keyFormat   = "sgdwalk.format"
	keyHeader   = "sgdwalk.header_sha256"
	keySegment  = "sgdwalk.segment"
	keyFirstRow = "sgdwalk.first_row"
	keyDType    = "sgdwalk.dtype" // from format 2 on

	keyHeaderText = "sgdwalk.header" // the bytes of header.json, from format 3 on
	keyRows       = "sgdwalk.rows"   // number of rows of the run, in the footer of its last segment; from format 3 on
)

// encoder converts rows to the bytes of a segment. The Writer uses it to write, and Check
// uses it to compare, so that both agree on every byte.
//
// All rows with the same absent values have the same metadata and the same layout, which
// are made once. After that a row only needs its scalars filled in. Vectors are passed on
// without a copy and without an allocation, except for 16-bit vectors, which are rounded
// into a buffer.
type encoder struct {
	columns     *columns
	header      *record.Header
	text        string // of header.json
	run         identity
	frames      [256]*rowFrame
	zeroVectors [vectors][]byte // zeros in the place of an absent vector
	half        [vectors][]byte // buffers for vectors with 16-bit elements
	pieces      []piece
	scratch     []byte // buffer for the bytes under the checksum of the scalars

	out    output // of the current segment
	schema []pair
	end    int64 // where the last row of the segment ends
	blocks []block
}

// output receives the pieces of a segment in order. The encoder owns them, and may change
// them after write returns.
type output interface {
	write(pieces ...piece) error
}

// piece is a part of a segment. A hole has the zeros of an absent vector, which need not be
// written.
type piece struct {
	bytes []byte
	hole  bool
}

// newEncoder returns an encoder for the segments of a run.
func newEncoder(h *runHeader) *encoder {
	return &encoder{
		columns: columnsOf(h.Header), header: h.Header, text: string(h.text), run: h.id,
		scratch: make([]byte, checksumBytes),
	}
}

// metadata returns the metadata in the schema of a segment.
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

// prefix returns the bytes before the first row of a segment.
func (e *encoder) prefix(segment int, firstRow int64) []byte {
	return append([]byte(fileStart), schemaMessage(e.columns, e.metadata(segment, firstRow))...)
}

// begin starts a segment, and writes the bytes before its first row.
func (e *encoder) begin(out output, segment int, firstRow int64) error {
	prefix := e.prefix(segment, firstRow)
	e.out, e.schema, e.end, e.blocks = out, e.metadata(segment, firstRow), int64(len(prefix)), e.blocks[:0]
	return out.write(piece{bytes: prefix})
}

// endMark ends a stream of messages. The Arrow format has it also before the footer, so that
// a file can be read as a stream.
var endMark = []byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}

// finish writes the end mark and the footer. rows is the number of rows of the run if it
// came to its end with this segment, and unknown for every other segment.
func (e *encoder) finish(rows int64) error {
	b := append([]byte(nil), endMark...)
	b = append(b, footer(e.columns, e.schema, e.blocks, e.ending(rows))...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(b)-len(endMark)))
	return e.out.write(piece{bytes: append(b, magic...)})
}

// ending returns the metadata of a footer about the end of the run.
func (e *encoder) ending(rows int64) []pair {
	if rows == unknown || e.header.Format < 3 {
		return nil
	}
	return []pair{{keyRows, strconv.FormatInt(rows, 10)}}
}

// rowFrame is the encoded form of a row without its vectors; fill sets its scalars.
type rowFrame struct {
	bytes   []byte
	columns []slot
	gaps    []gap
	meta    int64 // size of the message before the body
	body    int64
}

// slot is the place of a scalar in a rowFrame.
type slot struct {
	field field
	at    int
	width int
}

// gap is the place of a vector: before rowFrame.bytes[at:].
type gap struct{ at, vector int }

// frameFor returns the frame for a set of absent values. It is built at the first row with
// this set and used again; a run has two or three different sets.
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

// raw returns the vectors of a step as they will be in the file: views of the step, or
// 16-bit elements in the encoder's memory, rounded to the nearest.
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

// toHalf rounds a vector to 16-bit elements, in memory that the next row overwrites.
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

// fill sets the scalars that are known so far.
func (f *rowFrame) fill(s *scalars) {
	for _, c := range f.columns {
		if w := s.words[c.field]; c.width == 8 {
			binary.LittleEndian.PutUint64(f.bytes[c.at:], w)
		} else {
			binary.LittleEndian.PutUint32(f.bytes[c.at:], uint32(w))
		}
	}
}

// append computes the checksums of row number row of the run, and writes the row. It does not
// keep the vectors.
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

// A vector that is larger than the caches of a core leaves them between its checksum and
// the system's copy. So it is written in parts, each directly after its checksum, which
// saves a tenth of the time for a row of 40 MB. Parts of 512 KiB, 1 MiB and 4 MiB were
// slower. A second goroutine for the checksums was not faster either.
const (
	partBytes   = 2 << 20 // smaller pieces cost more in file systems
	inPartsFrom = 4 << 20
)

// appendInParts does what append does, in the order of the file. This is possible because
// checksums come after the vectors in a row.
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

// write writes a row whose checksums are set. It does not keep the vectors, and ignores
// absent ones.
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
			// the Arrow format needs space for an absent list too
			e.pieces = append(e.pieces, piece{e.zero(g.vector), true})
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

// addBlock adds a row to the blocks of the footer.
func (e *encoder) addBlock(f *rowFrame) {
	e.blocks = append(e.blocks, block{e.end, int32(f.meta), f.body})
	e.end += f.meta + f.body
}

// zero returns the zeros for vector v. They are allocated at the first call; the system
// provides memory only when they are read.
func (e *encoder) zero(v int) []byte {
	if e.zeroVectors[v] == nil && e.columns.exists[v] {
		e.zeroVectors[v] = make([]byte, e.columns.ofVector(v).bytes())
	}
	return e.zeroVectors[v]
}

// zeros returns zeros for all vectors.
func (e *encoder) zeros() *rawVectors {
	return &rawVectors{e.zero(theta), e.zero(grad), e.zero(state)}
}

// rowBytes returns the size of a row in a segment.
func (e *encoder) rowBytes(nulls nullSet) int64 {
	f := e.frameFor(nulls)
	return f.meta + f.body
}

// encodingError adds the file and the row to a write error.
func encodingError(path string, row int64, err error) error {
	return fmt.Errorf("arrowfile: %s: row %d: %w", path, row, err)
}
