package exchange

import (
	"bufio"
	"io"

	"sgdwalk/record"
)

// rowReader reads all arrays of a run at the same time, row by row, so that the memory
// does not depend on the number of rows.
type rowReader struct {
	c       *container
	columns []*column
}

// column is one array that is being read.
type column struct {
	array  *array
	file   io.ReadCloser
	reader io.Reader
	valid  *column   // says which rows have a value; nil when all have one
	raw    []byte    // bytes of one element; for a vector, a buffer for conversion
	values []float32 // of a vector in the current row
	set    func(i int, s *record.Step) error
}

// newRowReader opens the arrays that are columns of a run. The caller must close the
// reader, also after an error.
func newRowReader(c *container, vectors bool) (*rowReader, error) {
	r := &rowReader{c: c}
	for i := range c.arrays {
		name := c.arrays[i].name
		kind, at := columnOf(name)
		if kind == noColumn || kind == vectorColumn && !vectors {
			continue
		}
		k, err := r.open(name, kind != intColumn)
		if err != nil {
			return r, err
		}
		switch kind {
		case intColumn:
			k.set = func(i int, s *record.Step) error { return r.setInt(k, i, at, s) }
		case floatColumn:
			k.set = func(_ int, s *record.Step) error {
				*s.Optionals()[at] = record.Some(k.array.element.float64At(k.raw))
				return nil
			}
		case vectorColumn:
			k.values = make([]float32, k.array.shape[1])
			k.raw = make([]byte, chunkBytes)
			k.set = func(_ int, s *record.Step) error {
				*s.Vectors()[at] = k.values
				return nil
			}
		}
	}
	return r, nil
}

// open opens an array and, if it is optional, the array with validSuffix added to its
// name, which says which values are present. It returns nil when the file lacks it.
func (r *rowReader) open(name string, optional bool) (*column, error) {
	a := r.c.lookup(name)
	if a == nil {
		return nil, nil
	}
	var valid *column
	if optional {
		var err error
		if valid, err = r.open(name+validSuffix, false); err != nil {
			return nil, err
		}
		if valid != nil {
			valid.set = func(int, *record.Step) error { return nil }
		}
	}
	file, err := a.open()
	if err != nil {
		return nil, r.c.errorf("array %q: %w", name, err)
	}
	k := &column{array: a, file: file, reader: bufio.NewReader(file), valid: valid, raw: make([]byte, a.element.width)}
	r.columns = append(r.columns, k)
	return k, nil
}

// next reads row i into s. Absent values take space in the file and are read too.
func (r *rowReader) next(i int, s *record.Step) error {
	for _, k := range r.columns {
		var err error
		if k.values != nil {
			err = k.array.element.readFloats(k.reader, k.values, k.raw)
		} else if _, err = io.ReadFull(k.reader, k.raw); err != nil {
			err = unexpected(err)
		}
		if err != nil {
			return r.c.errorf("array %q, row %d: %w", k.array.name, i, err)
		}
		// The array with "_valid" was opened before its column, so its value of this row was
		// already read.
		if k.valid != nil && k.valid.raw[0] == 0 {
			continue
		}
		if err := k.set(i, s); err != nil {
			return err
		}
	}
	return nil
}

// setInt sets a whole number of the row, after it checked its range: a uint64 or int64 of a file may
// not fit.
func (r *rowReader) setInt(k *column, i, at int, s *record.Step) error {
	v := k.array.element.int64At(k.raw)
	c := intColumns[at]
	if c.bits == 32 && v != int64(int32(v)) || k.array.element.class == unsigned && v < 0 {
		return r.c.errorf("array %q has %d in row %d, which is too large for %d bits", k.array.name,
			k.array.element.bits(k.raw), i, c.bits)
	}
	c.set(s, v)
	return nil
}

// end checks that every array has no more bytes than its shape says. At the end of an
// entry the zip reader also checks its checksum.
func (r *rowReader) end() error {
	for _, k := range r.columns {
		if err := expectEnd(k.reader); err != nil {
			return r.c.errorf("array %q: %w", k.array.name, err)
		}
	}
	return nil
}

// close closes all arrays.
func (r *rowReader) close() {
	for _, k := range r.columns {
		k.file.Close()
	}
}
