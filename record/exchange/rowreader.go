package exchange

import (
	"bufio"
	"io"

	"sgdwalk/record"
)

// rowReader reads the arrays of a run side by side, a row at a time, so that no
// memory depends on the number of rows.
type rowReader struct {
	c       *container
	columns []*column
}

// column is one array that is being read.
type column struct {
	array  *array
	file   io.ReadCloser
	reader io.Reader
	valid  *column   // which rows have a value; nil when all have
	raw    []byte    // of one element; of a vector: scratch
	values []float32 // of a row of a vector
	set    func(i int, s *record.Step) error
}

// newRowReader opens the arrays. close it in every case.
func newRowReader(c *container, vectors bool) (*rowReader, error) {
	r := &rowReader{c: c}
	for at, name := range intColumns {
		k, err := r.open(name, false)
		if err != nil {
			return r, err
		}
		if k != nil {
			k.set = func(i int, s *record.Step) error { return r.setInt(k, i, at, s) }
		}
	}
	for at, name := range optColumns {
		k, err := r.open(name, true)
		if err != nil {
			return r, err
		}
		if k != nil {
			k.set = func(_ int, s *record.Step) error {
				*optionals(s)[at] = record.Some(k.array.element.float64At(k.raw))
				return nil
			}
		}
	}
	for v, name := range vectorNames {
		if !vectors {
			break
		}
		k, err := r.open(name, true)
		if err != nil {
			return r, err
		}
		if k != nil {
			k.values = make([]float32, k.array.shape[1])
			k.raw = make([]byte, chunkBytes)
			k.set = func(_ int, s *record.Step) error {
				*vectorOf(s, v) = k.values
				return nil
			}
		}
	}
	return r, nil
}

// open opens an array and what says which of its values are there. An array that
// the file lacks is nil.
func (r *rowReader) open(name string, optional bool) (*column, error) {
	a := r.c.lookup(name)
	if a == nil {
		return nil, nil
	}
	var valid *column
	if optional {
		var err error
		if valid, err = r.open(name+"_valid", false); err != nil {
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

// next fills the row. Values that are absent have their places in the file too.
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
		if k.valid != nil && k.valid.raw[0] == 0 {
			continue
		}
		if err := k.set(i, s); err != nil {
			return err
		}
	}
	return nil
}

func (r *rowReader) setInt(k *column, i, at int, s *record.Step) error {
	v := k.array.element.int64At(k.raw)
	if narrow[k.array.name] && v != int64(int32(v)) || k.array.element.class == unsigned && v < 0 {
		return r.c.errorf("array %q has %d in row %d, which is too large", k.array.name, k.array.element.bits(k.raw), i)
	}
	setInt(s, at, v)
	return nil
}

// end checks that every array ends where its shape says, and its checksum.
func (r *rowReader) end() error {
	for _, k := range r.columns {
		if err := atEnd(k.reader); err != nil {
			return r.c.errorf("array %q: %w", k.array.name, err)
		}
	}
	return nil
}

func (r *rowReader) close() {
	for _, k := range r.columns {
		k.file.Close()
	}
}
