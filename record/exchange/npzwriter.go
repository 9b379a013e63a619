package exchange

import (
	"archive/zip"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"time"

	"sgdwalk/record"
)

// NPZOptions selects what WriteNPZ writes. The zero value writes everything.
type NPZOptions struct {
	Rows        []int // rows to write, each greater than the one before; nil is all
	WithoutGrad bool  // leave grad out
}

// Validate checks the rows for a recording of n rows.
func (o NPZOptions) Validate(n int) error {
	for j, i := range o.Rows {
		if i < 0 || i >= n {
			return fmt.Errorf("exchange: row %d is not in the recording; it has %d rows, from 0", i, n)
		}
		if j > 0 && i <= o.Rows[j-1] {
			return fmt.Errorf("exchange: row %d comes after row %d; rows must be in increasing order", i, o.Rows[j-1])
		}
	}
	return nil
}

// validSuffix ends the names of arrays that say which values are present.
const validSuffix = "_valid"

// headerName is the array with the run's header: JSON in UTF-8, as one numpy byte
// string.
const headerName = "header"

// WriteNPZ writes a run as a numpy archive. In Python:
//
//	z = numpy.load("run.npz"); z["theta"]; z["batch_loss"]; json.loads(z["header"].item())
//
// Arrays, in this order: header (bytes, JSON); step int64, substep, epoch and
// examples int32, evaluations and wall_time_ns int64; batch_loss,
// batch_accuracy, learning_rate, full_loss and test_loss float64; theta
// (rows, P), grad (rows, P) and state (rows, S) float32 where the run records
// them. An absent number or vector is NaN. A bool array with validSuffix added to the
// name then tells absent values from measured NaNs.
//
// Vectors are streamed: the memory is that of one row and of the scalars of all rows.
// The archive is not compressed, and the same run gives the same bytes. Open reads an
// equal run from it. WriteNPZ stops at the first row that cannot be read.
func WriteNPZ(w io.Writer, t record.Trajectory, o NPZOptions) error {
	if err := o.Validate(t.Len()); err != nil {
		return err
	}
	rows := o.Rows
	if rows == nil {
		rows = allRows(t.Len())
	}
	h := t.Header().Clone()
	h.Columns.Grad = h.Columns.Grad && !o.WithoutGrad
	table, err := scalarTable(t, rows)
	if err != nil {
		return err
	}
	n := &npzWriter{zip: zip.NewWriter(w), t: t, rows: rows}
	n.header(h)
	for i := range table.Columns {
		n.column(&table.Columns[i])
	}
	for v, length := range h.VectorLens() {
		if length > 0 {
			n.vector(v, length)
		}
	}
	if n.err == nil {
		n.err = n.zip.Close()
	}
	if n.err != nil {
		return fmt.Errorf("exchange: npz: %w", n.err)
	}
	return nil
}

// npzWriter writes the entries of an archive. After the first error its methods do
// nothing.
type npzWriter struct {
	zip  *zip.Writer
	t    record.Trajectory
	rows []int
	err  error
}

// entry begins an array and writes its .npy header. The caller writes the values to
// the returned writer.
func (n *npzWriter) entry(name, descr string, shape ...int) io.Writer {
	if n.err != nil {
		return io.Discard
	}
	w, err := n.zip.CreateHeader(&zip.FileHeader{
		Name: name + ".npy", Method: zip.Store,
		Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC), // as numpy: the earliest time of the zip format
	})
	if err != nil {
		n.err = err
		return io.Discard
	}
	n.write(w, npyHeader(descr, shape...))
	return w
}

func (n *npzWriter) write(w io.Writer, b []byte) {
	if n.err == nil {
		_, n.err = w.Write(b)
	}
}

// header writes the run's header, from which Open rebuilds an equal run.
func (n *npzWriter) header(h *record.Header) {
	b, err := h.Encode()
	if err != nil {
		n.err = err
		return
	}
	n.write(n.entry(headerName, "|S"+strconv.Itoa(len(b))), b)
}

// column writes a column of numbers, narrow ones as int32.
func (n *npzWriter) column(c *record.Column) {
	le := binary.LittleEndian
	var b []byte
	descr := "<f8"
	switch kind, i := columnOf(c.Name); {
	case kind == intColumn && intColumns[i].bits == 32:
		descr = "<i4"
		for _, v := range c.Ints {
			b = le.AppendUint32(b, uint32(int32(v)))
		}
	case kind == intColumn:
		descr = "<i8"
		for _, v := range c.Ints {
			b = le.AppendUint64(b, uint64(v))
		}
	default:
		for i, v := range c.Floats {
			if c.Valid != nil && !c.Valid[i] {
				v = math.NaN()
			}
			b = le.AppendUint64(b, math.Float64bits(v))
		}
	}
	n.write(n.entry(c.Name, descr, len(n.rows)), b)
	n.valid(c.Name, c.Valid)
}

// valid writes which values are present; nothing when all are.
func (n *npzWriter) valid(name string, valid []bool) {
	if valid == nil {
		return
	}
	b := make([]byte, len(valid))
	for i, v := range valid {
		if v {
			b[i] = 1
		}
	}
	n.write(n.entry(name+validSuffix, "|b1", len(valid)), b)
}

// vector writes vector v of all rows as a matrix. An absent vector becomes a row of NaN, because a
// matrix has no gaps.
func (n *npzWriter) vector(v, length int) {
	w := n.entry(record.VectorNames[v], "<f4", len(n.rows), length)
	valid := make([]bool, len(n.rows))
	var buf []byte
	for j, i := range n.rows {
		if n.err != nil {
			return
		}
		s, err := n.t.Read(i, record.ThetaPart<<v)
		if err != nil {
			n.err = fmt.Errorf("row %d: %w", i, err)
			return
		}
		values := *s.Vectors()[v]
		if valid[j] = values != nil; !valid[j] {
			values = slices.Repeat([]float32{float32(math.NaN())}, length)
		}
		buf = appendFloats(buf[:0], values)
		n.write(w, buf)
	}
	if slices.Contains(valid, false) {
		n.valid(record.VectorNames[v], valid)
	}
}

// appendFloats appends the values to b, little-endian.
func appendFloats(b []byte, values []float32) []byte {
	b = slices.Grow(b, 4*len(values))
	for _, x := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}
