package arrowfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"sgdwalk/record"
	"sgdwalk/record/safefile"
)

// Pair is one entry of a table's metadata.
type Pair struct{ Key, Value string }

// WriteTable writes a result table as an Arrow IPC file with one record batch. Columns have
// the types int64, float64, float32, utf8 and bool, and are nullable where Column.Valid is
// set. The metadata, which may be nil, goes into the schema in the given order. The same
// table gives the same bytes.
func WriteTable(w io.Writer, t *record.Table, metadata []Pair) (err error) {
	if err := t.Validate(); err != nil {
		return err
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("arrowfile: table: %v", p)
		}
	}()
	fields := make([]arrow.Field, len(t.Columns))
	arrays := make([]arrow.Array, len(t.Columns))
	for i := range t.Columns {
		c := &t.Columns[i]
		arrays[i] = columnArray(c)
		fields[i] = arrow.Field{Name: c.Name, Type: arrays[i].DataType(), Nullable: c.Valid != nil}
	}
	keys, values := make([]string, len(metadata)), make([]string, len(metadata))
	for i, p := range metadata {
		keys[i], values[i] = p.Key, p.Value
	}
	m := arrow.NewMetadata(keys, values)
	schema := arrow.NewSchema(fields, &m)
	out, err := ipc.NewFileWriter(&positionWriter{w: w}, ipc.WithSchema(schema))
	if err != nil {
		return fmt.Errorf("arrowfile: table: %w", err)
	}
	if err := out.Write(array.NewRecord(schema, arrays, int64(t.Len()))); err != nil {
		return fmt.Errorf("arrowfile: table: %w", err)
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("arrowfile: table: %w", err)
	}
	return nil
}

// positionWriter is the io.WriteSeeker that an Arrow writer needs, for any io.Writer.
type positionWriter struct {
	w   io.Writer
	pos int64
}

// Write writes and counts.
func (t *positionWriter) Write(p []byte) (int, error) {
	n, err := t.w.Write(p)
	t.pos += int64(n)
	return n, err
}

// Seek returns the position. An Arrow writer needs nothing else.
func (t *positionWriter) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekCurrent {
		return 0, errors.New("arrowfile: a table is written in one direction")
	}
	return t.pos, nil
}

// columnArray makes an Arrow array of a column. It stores zero for an absent value, so that
// the same table gives the same bytes.
func columnArray(c *record.Column) arrow.Array {
	present := func(i int) bool { return c.Valid == nil || c.Valid[i] }
	mem := memory.NewGoAllocator()
	switch {
	case c.Singles != nil && c.Valid == nil:
		// These are parameters, which are too many to copy.
		data := array.NewData(arrow.PrimitiveTypes.Float32, len(c.Singles), []*memory.Buffer{
			nil,
			memory.NewBufferBytes(bytesOf(c.Singles)),
		}, nil, 0, 0)
		return array.NewFloat32Data(data)
	case c.Singles != nil:
		b := array.NewFloat32Builder(mem)
		return build(b, c.Singles, present, b.Append)
	case c.Ints != nil:
		b := array.NewInt64Builder(mem)
		return build(b, c.Ints, present, b.Append)
	case c.Strings != nil:
		b := array.NewStringBuilder(mem)
		return build(b, c.Strings, present, b.Append)
	case c.Bools != nil:
		b := array.NewBooleanBuilder(mem)
		return build(b, c.Bools, present, b.Append)
	default:
		b := array.NewFloat64Builder(mem)
		return build(b, c.Floats, present, b.Append)
	}
}

// build makes an array with nulls for absent values.
func build[T any](b array.Builder, values []T, present func(int) bool, add func(T)) arrow.Array {
	b.Reserve(len(values))
	for i, v := range values {
		if present(i) {
			add(v)
		} else {
			b.AppendNull()
		}
	}
	return b.NewArray()
}

// SaveTable writes a table to a file as a whole. It replaces an existing file.
func SaveTable(path string, t *record.Table) error {
	return safefile.Write(path, func(w io.Writer) error { return WriteTable(w, t, nil) })
}

// LoadTable reads a file that SaveTable wrote.
func LoadTable(path string) (*record.Table, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("arrowfile: %w", err)
	}
	defer f.Close()
	t, _, err := ReadTable(f)
	if err != nil {
		return nil, fmt.Errorf("%w (in %s)", err, path)
	}
	return t, nil
}

// ReadTable reads a table of WriteTable into memory. Tables have no checksums: it does not
// detect damage that leaves the file readable.
func ReadTable(r io.Reader) (t *record.Table, metadata []Pair, err error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, nil, fmt.Errorf("arrowfile: table: %w", err)
	}
	defer func() {
		// The Arrow library panics on some damaged files.
		if p := recover(); p != nil {
			t, metadata, err = nil, nil, fmt.Errorf("arrowfile: table: the file is damaged: %v", p)
		}
	}()
	in, err := ipc.NewFileReader(bytes.NewReader(b))
	if err != nil {
		return nil, nil, fmt.Errorf("arrowfile: table: %w", err)
	}
	defer in.Close()
	if n := in.NumRecords(); n != 1 {
		return nil, nil, fmt.Errorf("arrowfile: table: the file has %d record batches; a table has 1", n)
	}
	batch, err := in.Record(0)
	if err != nil {
		return nil, nil, fmt.Errorf("arrowfile: table: %w", err)
	}
	t = new(record.Table)
	for i, a := range batch.Columns() {
		field := in.Schema().Field(i)
		c, err := tableColumn(field, a)
		if err != nil {
			return nil, nil, err
		}
		t.Columns = append(t.Columns, c)
	}
	m := in.Schema().Metadata()
	for i, key := range m.Keys() {
		metadata = append(metadata, Pair{key, m.Values()[i]})
	}
	return t, metadata, t.Validate()
}

// tableColumn converts an array of a file to a column. It copies strings, because the library's
// strings share the memory of the whole file.
func tableColumn(field arrow.Field, a arrow.Array) (record.Column, error) {
	c := record.Column{Name: field.Name}
	switch a := a.(type) {
	case *array.Int64:
		c.Ints = values(a.Len(), a.IsValid, a.Value)
	case *array.Float64:
		c.Floats = values(a.Len(), a.IsValid, a.Value)
	case *array.Float32:
		c.Singles = values(a.Len(), a.IsValid, a.Value)
	case *array.String:
		c.Strings = values(a.Len(), a.IsValid, func(i int) string { return string([]byte(a.Value(i))) })
	case *array.Boolean:
		c.Bools = values(a.Len(), a.IsValid, a.Value)
	default:
		return c, fmt.Errorf("arrowfile: table: column %q has type %s; a table has int64, float64, float32, utf8 and "+
			"bool", field.Name, field.Type)
	}
	if field.Nullable {
		c.Valid = make([]bool, a.Len())
		for i := range c.Valid {
			c.Valid[i] = a.IsValid(i)
		}
	}
	return c, nil
}

// values copies the values of an array; absent values become zero.
func values[T any](n int, present func(int) bool, value func(int) T) []T {
	out := make([]T, n)
	for i := range out {
		if present(i) {
			out[i] = value(i)
		}
	}
	return out
}
