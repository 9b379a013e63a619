package exchange

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"sgdwalk/record"
)

// maxHeaderBytes bounds the header of a run in an archive.
const maxHeaderBytes = 64 << 20

// aliases are other names for the columns of a run, as scripts choose them.
var aliases = map[string]string{
	"steps": "step", "epochs": "epoch", "grads": "grad", "gradients": "grad",
	"loss": "batch_loss", "losses": "batch_loss", "train_loss": "batch_loss", "train_losses": "batch_loss", "batch_losses": "batch_loss",
	"full_losses": "full_loss", "test_losses": "test_loss", "lr": "learning_rate", "lrs": "learning_rate", "learning_rates": "learning_rate",
}

// useAliases gives arrays the names of the columns that they are, where the file has no
// array of that name and the array has a value for each row of theta.
func useAliases(c *container) {
	theta := c.lookup("theta")
	for i := range c.arrays {
		a := &c.arrays[i]
		name, ok := aliases[a.name]
		fits := ok && c.lookup(name) == nil && len(a.shape) > 0 && a.shape[0] == theta.shape[0] && suits(a.element, false, slices.Contains(intColumns, name))
		if isVector := slices.Contains(vectorNames, name); fits && len(a.shape) == 1 != isVector {
			c.note("array %q is read as %s", a.name, name)
			a.name = name
		}
	}
}

func isColumn(name string) bool {
	name = strings.TrimSuffix(name, "_valid")
	return slices.Contains(intColumns, name) || slices.Contains(optColumns, name) || slices.Contains(vectorNames, name)
}

// isRun reports whether a file holds a whole run: the rules stand at Open. Next to
// theta, a run has columns, single values, texts and arrays with one entry for each row.
// A tensor of another length is a parameter, and then theta is one too.
func isRun(c *container) bool {
	if h := c.lookup(headerName); h != nil && h.element.class == text {
		return true
	}
	theta := c.lookup("theta")
	if theta == nil || len(theta.shape) != 2 || !theta.element.isFloat() {
		return false
	}
	hasSteps := c.lookup("step") != nil || c.lookup("steps") != nil
	return hasSteps || !slices.ContainsFunc(c.arrays, func(a array) bool {
		_, alias := aliases[a.name]
		return !isColumn(a.name) && !alias && a.element.isFloat() && a.length() > 1 && a.shape[0] != theta.shape[0]
	})
}

// archive is a whole run in one file.
type archive struct {
	*Import
	path    string
	lengths []int // of the vectors that are there, 0 for the others
}

func openRun(c *container, o ImportOptions) (*Import, error) {
	a := &archive{Import: new(Import), path: c.path, lengths: make([]int, len(vectorNames))}
	if len(o.Kinds)+len(o.Exclude) > 0 || o.Layout+o.Key != "" || o.Steps != ByAnything {
		return nil, c.errorf("it holds a whole run; kinds, layout, key, exclude and steps are for checkpoints")
	}
	a.Warnings = append(a.Warnings, c.notes...)
	if c.lookup("theta") != nil {
		useAliases(c)
		a.Warnings = append(a.Warnings, c.notes...)
	}
	if err := a.checkShapes(c); err != nil {
		return nil, err
	}
	if err := a.readHeader(c, o); err != nil {
		return nil, err
	}
	if err := a.dryRun(c); err != nil {
		return nil, err
	}
	a.copyTo = a.copyRows
	return a.Import, nil
}

// checkShapes finds the number of rows and has every array agree with it.
func (a *archive) checkShapes(c *container) error {
	decides := c.lookup("theta")
	if decides == nil {
		decides = c.lookup("step")
	}
	if decides == nil || len(decides.shape) == 0 {
		return c.errorf("neither theta nor step says how many rows there are")
	}
	a.rows = decides.shape[0]
	for i := range c.arrays {
		b := &c.arrays[i]
		name, isValid := strings.CutSuffix(b.name, "_valid")
		v := slices.Index(vectorNames, name)
		isScalar := slices.Contains(intColumns, name) || slices.Contains(optColumns, name)
		dims := 1
		if v >= 0 && !isValid {
			dims = 2
		}
		switch {
		case b.name == headerName:
			continue
		case v < 0 && !isScalar:
			a.warn("array %q of shape %v is left out: no column of a run has this name and %d rows", b.name, b.shape, a.rows)
			continue
		case len(b.shape) != dims || b.shape[0] != a.rows:
			return c.errorf("array %q has shape %v; it must have %d dimensions, the first of %d rows as in %q", b.name, b.shape, dims, a.rows, decides.name)
		case b.fortran && dims == 2:
			return c.errorf("array %q has its first index varying fastest, so that its rows cannot be read one by one; save numpy.ascontiguousarray of it", b.name)
		case !suits(b.element, isValid, slices.Contains(intColumns, name)):
			return c.errorf("array %q has elements of type %s, which do not suit it", b.name, b.element.name)
		}
		if dims == 2 {
			if a.lengths[v] = b.shape[1]; b.shape[1] == 0 || b.shape[1] > math.MaxInt32 {
				return c.errorf("array %q has shape %v; a row must have 1 to %d elements", b.name, b.shape, math.MaxInt32)
			}
			if b.element.name != "float32" {
				a.warn("%s", conversion(b.element.name, b.name))
			}
		}
	}
	return nil
}

// suits reports whether a column can have elements of a type.
func suits(e element, isValid, isInt bool) bool {
	switch {
	case isValid:
		return e.class == boolean
	case isInt:
		return e.isInt()
	}
	return e.isFloat() || e.isInt()
}

func (a *archive) readHeader(c *container, o ImportOptions) error {
	h := &record.Header{Format: record.FormatVersion, Software: software, DType: "float32", Model: record.ImportedModel}
	if stored := c.lookup(headerName); stored != nil {
		var err error
		if h, err = decodeHeader(c, stored); err != nil {
			return err
		}
	} else {
		if a.lengths[0] == 0 {
			return c.errorf("it has no header and no theta")
		}
		h.Layout = record.Pack(record.Tensor{Name: "theta", Kind: record.Other, Shape: []int{a.lengths[0]}})
		h.Columns = record.Columns{Theta: true, Grad: a.lengths[1] > 0, State: a.lengths[2] > 0, Substep: c.lookup("substep") != nil}
		if h.Columns.State {
			h.State = record.Pack(record.Tensor{Name: "state", Kind: record.Other, Shape: []int{a.lengths[2]}})
		}
		h.Steps = int64(max(0, a.rows-1))
	}
	if o.Model != "" {
		h.Model = o.Model
	}
	if o.Comment != "" {
		h.Comment = o.Comment
	}
	for v, recorded := range []bool{h.Columns.Theta, h.Columns.Grad, h.Columns.State} {
		want := 0
		if recorded {
			want = []int{h.Layout.Len(), h.Layout.Len(), h.State.Len()}[v]
		}
		if a.lengths[v] != want {
			return c.errorf("%s has %d elements in a row, and %d by the layout (0 where there is none)", vectorNames[v], a.lengths[v], want)
		}
	}
	a.header = h
	return h.Validate()
}

func decodeHeader(c *container, stored *array) (*record.Header, error) {
	if stored.element.class != text || len(stored.shape) != 0 || stored.element.width > maxHeaderBytes {
		return nil, c.errorf("array %q is not one byte string of at most %d bytes", stored.name, maxHeaderBytes)
	}
	b := make([]byte, stored.element.width)
	err := c.read(stored, func(r io.Reader) error {
		_, err := io.ReadFull(r, b)
		return unexpected(err)
	})
	if err != nil {
		return nil, err
	}
	h, err := record.DecodeHeader(bytes.TrimRight(b, "\x00"))
	if err != nil {
		return nil, c.errorf("%w", err)
	}
	return h, nil
}

// dryRun reads the scalars of all rows and checks their order, so that what is
// wrong with them is known before anything is written.
func (a *archive) dryRun(c *container) error {
	var row, previous record.Step
	return a.each(context.Background(), c, false, func(i int, s *record.Step) error {
		row = *s
		var before *record.Step
		if i > 0 {
			before = &previous
		}
		if err := a.header.CheckStep(&row, before); err != nil {
			return c.errorf("row %d: %w", i, err)
		}
		previous = row
		return nil
	})
}

func (a *archive) copyRows(ctx context.Context, appendRow func(*record.Step) error) error {
	c, err := openContainer(a.path, "")
	if err != nil {
		return err
	}
	defer c.Close()
	if c.lookup("theta") != nil {
		useAliases(c)
	}
	again := &archive{Import: new(Import), lengths: make([]int, len(vectorNames))}
	if err := again.checkShapes(c); err != nil {
		return err
	}
	if again.rows != a.rows || !slices.Equal(again.lengths, a.lengths) {
		return c.errorf("it was changed since it was examined")
	}
	return a.each(ctx, c, true, func(i int, s *record.Step) error {
		if err := appendRow(s); err != nil {
			return fmt.Errorf("exchange: row %d: %w", i, err)
		}
		return nil
	})
}

// each hands out the rows, with or without their vectors, which are reused.
func (a *archive) each(ctx context.Context, c *container, vectors bool, use func(int, *record.Step) error) error {
	r, err := newRowReader(c, vectors)
	defer r.close()
	if err != nil {
		return err
	}
	if a.rows == 0 {
		return r.end()
	}
	for i := range a.rows {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("exchange: stopped after %d of %d rows: %w", i, a.rows, err)
		}
		s := record.Step{Step: int64(i)}
		if err := r.next(i, &s); err != nil {
			return err
		}
		if i == a.rows-1 {
			// Checksums are known at the end: the last row is not handed on before.
			if err := r.end(); err != nil {
				return err
			}
		}
		if err := use(i, &s); err != nil {
			return err
		}
	}
	return nil
}
