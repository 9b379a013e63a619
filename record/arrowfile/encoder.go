package arrowfile

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"sgdwalk/record"
)

// Keys of a segment's schema metadata, in the order in which they are written.
const (
	keyFormat   = "sgdwalk.format"
	keyHeader   = "sgdwalk.header_sha256"
	keySegment  = "sgdwalk.segment"
	keyFirstRow = "sgdwalk.first_row"
)

// encoder turns rows into the bytes of a segment. The Writer uses it to write
// and Check to compare, so that both agree on every byte.
//
// The Arrow arrays of a row are made once for each nullSet and kept; their
// buffers are pointed at a scratch area for the scalars and at the caller's
// memory for the vectors, so that nothing is copied or allocated here per row.
type encoder struct {
	columns *columns
	run     identity
	fields  []arrow.Field
	schema  *arrow.Schema
	scratch []byte // 8 bytes a column
	vectors [vectors]*memory.Buffer
	absent  [vectors][]float32 // zeros that stand for an absent vector
	records map[nullSet]arrow.Record
	out     *rowsOnly
	file    *ipc.FileWriter
}

func newEncoder(h *record.Header, run identity) *encoder {
	e := &encoder{columns: columnsOf(h), run: run, records: make(map[nullSet]arrow.Record)}
	for _, c := range e.columns.list {
		e.fields = append(e.fields, arrow.Field{Name: c.name, Type: c.arrowType(), Nullable: c.null >= 0})
	}
	e.schema = arrow.NewSchema(e.fields, nil)
	e.scratch = make([]byte, 8*len(e.fields))
	for v := range e.vectors {
		e.vectors[v] = memory.NewBufferBytes(nil)
	}
	return e
}

func (c column) arrowType() arrow.DataType {
	switch c.kind {
	case kindInt32:
		return arrow.PrimitiveTypes.Int32
	case kindInt64:
		return arrow.PrimitiveTypes.Int64
	case kindUint32:
		return arrow.PrimitiveTypes.Uint32
	case kindFloat64:
		return arrow.PrimitiveTypes.Float64
	default:
		return arrow.FixedSizeListOf(int32(c.length), arrow.PrimitiveTypes.Float32)
	}
}

// segmentSchema is the schema of a segment, metadata included.
func (e *encoder) segmentSchema(segment int, firstRow int64) *arrow.Schema {
	metadata := arrow.NewMetadata(
		[]string{keyFormat, keyHeader, keySegment, keyFirstRow},
		[]string{strconv.Itoa(record.FormatVersion), hex.EncodeToString(e.run[:]), strconv.Itoa(segment), strconv.FormatInt(firstRow, 10)})
	return arrow.NewSchema(e.fields, &metadata)
}

// endMark ends a stream of messages. The Arrow format wants it before the footer
// too, so that a segment can be read as a stream; the library leaves it out.
var endMark = []byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}

// begin starts a segment with what comes before its first row.
func (e *encoder) begin(w io.WriteSeeker, segment int, firstRow int64) error {
	prefix := e.prefix(segment, firstRow)
	if _, err := w.Write(prefix); err != nil {
		return err
	}
	e.out = &rowsOnly{WriteSeeker: w, skip: len(prefix)}
	file, err := ipc.NewFileWriter(e.out, ipc.WithSchema(e.segmentSchema(segment, firstRow)))
	e.file = file
	return err
}

// rowsOnly leaves out the first bytes of what is written through it: the library
// writes the beginning of a file with its first row, but a segment has it from
// the start.
type rowsOnly struct {
	io.WriteSeeker
	skip int
}

func (r *rowsOnly) Write(p []byte) (int, error) {
	if r.skip > 0 {
		n := min(r.skip, len(p))
		r.skip -= n
		if n == len(p) {
			return n, nil
		}
		m, err := r.WriteSeeker.Write(p[n:])
		return n + m, err
	}
	return r.WriteSeeker.Write(p)
}

// prefix returns what comes before the first row of a segment: in the stream
// format the schema is the same message, between nothing and an end mark.
func (e *encoder) prefix(segment int, firstRow int64) []byte {
	b := bytes.NewBufferString(fileStart)
	stream := ipc.NewWriter(b, ipc.WithSchema(e.segmentSchema(segment, firstRow)))
	if err := stream.Close(); err != nil { // a bytes.Buffer takes everything
		return nil
	}
	return b.Bytes()[:b.Len()-len(endMark)]
}

// finish writes the end mark and the footer.
func (e *encoder) finish() error {
	if _, err := e.out.WriteSeeker.Write(endMark); err != nil {
		return err
	}
	return e.file.Close()
}

// write writes one row. The vectors are borrowed until it returns.
func (e *encoder) write(s *scalars, values [vectors][]float32) error {
	e.fill(s)
	for v, buffer := range e.vectors {
		if !e.columns.exists[v] {
			continue
		}
		if s.nulls.has(optionals + v) {
			buffer.Reset(bytesOf(e.zero(v))) // the format wants room for an absent list too
		} else {
			buffer.Reset(bytesOf(values[v]))
		}
	}
	err := e.file.Write(e.record(s.nulls))
	for _, buffer := range e.vectors {
		buffer.Reset(nil)
	}
	return err
}

// zero returns a vector of zeros. It is made when it is first asked for, and its
// memory is untouched until somebody reads it.
func (e *encoder) zero(v int) []float32 {
	if e.absent[v] == nil && e.columns.exists[v] {
		e.absent[v] = make([]float32, e.columns.length[v])
	}
	return e.absent[v]
}

// isAbsent reports whether p is the beginning of one of the zero vectors.
func (e *encoder) isAbsent(p []byte) bool {
	for _, v := range e.absent {
		if b := bytesOf(v); len(b) > 0 && len(p) > 0 && &b[0] == &p[0] {
			return true
		}
	}
	return false
}

func (e *encoder) zeros() [vectors][]float32 {
	return [vectors][]float32{e.zero(theta), e.zero(grad), e.zero(state)}
}

// rowBytes returns the size of a row in a segment. It interrupts a segment that
// was begun.
func (e *encoder) rowBytes(nulls nullSet) int64 {
	var n counter
	other := *e
	if other.begin(&n, 0, 0) != nil || other.write(&scalars{nulls: nulls}, e.zeros()) != nil {
		return 0
	}
	return n.n - int64(len(e.prefix(0, 0)))
}

// fill puts the scalars into the scratch area, one column in 8 bytes.
func (e *encoder) fill(s *scalars) {
	clear(e.scratch)
	next := e.scratch
	put := func(v uint64) {
		binary.LittleEndian.PutUint64(next, v)
		next = next[8:]
	}
	put(uint64(s.step))
	put(uint64(uint32(s.substep)))
	put(uint64(uint32(s.epoch)))
	put(uint64(uint32(s.examples)))
	put(uint64(s.evaluations))
	for _, v := range s.optional {
		put(math.Float64bits(v))
	}
	for v := range vectors {
		if e.columns.exists[v] {
			put(0) // the vector itself is elsewhere
			put(uint64(s.vectorCRC[v]))
		}
	}
	put(uint64(s.crc))
	put(uint64(s.wallTime))
	put(uint64(s.wallCRC))
}

// record returns the Arrow record for a nullSet.
func (e *encoder) record(nulls nullSet) arrow.Record {
	if r, ok := e.records[nulls]; ok {
		return r
	}
	arrays := make([]arrow.Array, len(e.fields))
	for i, c := range e.columns.list {
		var validity *memory.Buffer
		absent := 0
		if nulls.has(c.null) {
			validity, absent = memory.NewBufferBytes([]byte{0}), 1
		}
		var data *array.Data
		if c.kind == kindVector {
			child := array.NewData(arrow.PrimitiveTypes.Float32, c.length, []*memory.Buffer{nil, e.vectors[c.vector]}, nil, 0, 0)
			data = array.NewData(e.fields[i].Type, 1, []*memory.Buffer{validity}, []arrow.ArrayData{child}, absent, 0)
		} else {
			value := memory.NewBufferBytes(e.scratch[8*i : 8*i+int(c.kind.width())])
			data = array.NewData(e.fields[i].Type, 1, []*memory.Buffer{validity, value}, nil, absent, 0)
		}
		arrays[i] = array.MakeFromData(data)
	}
	r := array.NewRecord(e.schema, arrays, 1)
	e.records[nulls] = r
	return r
}

// encodingError says which row could not be written.
func encodingError(path string, row int64, err error) error {
	return fmt.Errorf("arrowfile: %s: row %d: %w", path, row, err)
}
