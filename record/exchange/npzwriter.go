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

// NPZOptions says what WriteNPZ writes. The zero value writes everything.
type NPZOptions struct {
	Rows        []int // rows to write, each greater than the one before; nil is all
	WithoutGrad bool  // leave grad out
}

// Validate names the row and what is allowed, for a recording of n rows.
func (o NPZOptions) Validate(n int) error {
	for j, i := range o.Rows {
		if i < 0 || i >= n {
			return fmt.Errorf("exchange: row %d is outside the recording of %d rows", i, n)
		}
		if j > 0 && i <= o.Rows[j-1] {
			return fmt.Errorf("exchange: row %d comes after row %d; rows must go forward", i, o.Rows[j-1])
		}
	}
	return nil
}

// headerName is the array with the run's header: its JSON, UTF-8, as one numpy
// byte string.
const headerName = "header"

// WriteNPZ writes a run as a numpy archive. In Python:
//
//	z = numpy.load("run.npz"); z["theta"]; z["batch_loss"]; json.loads(z["header"].item())
//
// Arrays, in this order: header (bytes, JSON); step int64, substep, epoch and
// examples int32, evaluations and wall_time_ns int64; batch_loss,
// batch_accuracy, learning_rate, full_loss and test_loss float64; theta
// (rows, P), grad (rows, P) and state (rows, S) float32 where the run records
// them. An absent number or vector is NaN, and then there is a bool array of the
// same name and "_valid" that tells it from a measured NaN.
//
// Vectors are streamed: memory is that of one row and the scalars of all rows.
// The archive is not compressed, and the same run gives the same bytes. Import
// reads it back to an equal run. An error of a row stops the writing.
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
	for v, recorded := range []bool{h.Columns.Theta, h.Columns.Grad, h.Columns.State} {
		if recorded {
			n.vector(v, []int{h.Layout.Len(), h.Layout.Len(), h.State.Len()}[v])
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

// npzWriter writes entries until the first error.
type npzWriter struct {
	zip  *zip.Writer
	t    record.Trajectory
	rows []int
	err  error
}

// entry begins an array. Its bytes follow on the writer that is returned.
func (n *npzWriter) entry(name, descr string, shape ...int) io.Writer {
	if n.err != nil {
		return io.Discard
	}
	w, err := n.zip.CreateHeader(&zip.FileHeader{
		Name: name + ".npy", Method: zip.Store,
		Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC), // what numpy writes: the first day of the format
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

func (n *npzWriter) header(h *record.Header) {
	b, err := h.Encode()
	if err != nil {
		n.err = err
		return
	}
	n.write(n.entry(headerName, "|S"+strconv.Itoa(len(b))), b)
}

func (n *npzWriter) column(c *record.Column) {
	le := binary.LittleEndian
	var b []byte
	descr := "<f8"
	switch {
	case narrow[c.Name]:
		descr = "<i4"
		for _, v := range c.Ints {
			b = le.AppendUint32(b, uint32(int32(v)))
		}
	case c.Ints != nil:
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

// valid writes which values are there, unless all are.
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
	n.write(n.entry(name+"_valid", "|b1", len(valid)), b)
}

// vectorNames are the vectors of a row in the order of files.
var vectorNames = []string{"theta", "grad", "state"}

func vectorOf(s *record.Step, v int) *[]float32 {
	return []*[]float32{&s.Theta, &s.Grad, &s.State}[v]
}

func (n *npzWriter) vector(v, length int) {
	w := n.entry(vectorNames[v], "<f4", len(n.rows), length)
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
		values := *vectorOf(&s, v)
		if valid[j] = values != nil; !valid[j] {
			values = slices.Repeat([]float32{float32(math.NaN())}, length)
		}
		buf = appendFloats(buf[:0], values)
		n.write(w, buf)
	}
	if slices.Contains(valid, false) {
		n.valid(vectorNames[v], valid)
	}
}

// appendFloats appends the values, little-endian.
func appendFloats(b []byte, values []float32) []byte {
	b = slices.Grow(b, 4*len(values))
	for _, x := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}
