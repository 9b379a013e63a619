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

// aliases are other names that training scripts use for the columns of a run.
var aliases = map[string]string{
	"steps": "step", "epochs": "epoch", "grads": "grad", "gradients": "grad",
	"loss": "batch_loss", "losses": "batch_loss", "train_loss": "batch_loss", "train_losses": "batch_loss",
	"batch_losses": "batch_loss",
	"full_losses":  "full_loss", "test_losses": "test_loss", "lr": "learning_rate", "lrs": "learning_rate",
	"learning_rates": "learning_rate",
}

// useAliases renames arrays with an alias to the column that they mean, where the file
// has no array with the name of the column, and the array has a value for each row of
// theta.
func useAliases(c *container) {
	theta := c.lookup("theta")
	for i := range c.arrays {
		a := &c.arrays[i]
		name, ok := aliases[a.name]
		kind, _ := columnOf(name)
		fits := ok && c.lookup(name) == nil && len(a.shape) > 0 && a.shape[0] == theta.shape[0] &&
			canHold(a.element, kind)
		if fits && len(a.shape) == 1 != (kind == vectorColumn) {
			c.note("array %q is read as %s", a.name, name)
			a.name = name
		}
	}
}

// isRun reports whether a file is a whole run; Open has the rules. In addition to theta, a
// run has columns, single values, texts and arrays with one entry for each row. A tensor
// of another length is a parameter, and then theta is a parameter too.
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
		kind, _ := columnOf(strings.TrimSuffix(a.name, validSuffix))
		_, isAlias := aliases[a.name]
		return kind == noColumn && !isAlias && a.element.isFloat() && a.length() > 1 && a.shape[0] != theta.shape[0]
	})
}

// archive is a whole run in one file.
type runFile struct {
	*Import
	path    string
	lengths [3]int // of the vectors, see record.VectorNames; 0 for a vector that is missing
}

// openRun examines a whole run: shapes, header, and the scalars of all rows.
func openRun(c *container, o ImportOptions) (*Import, error) {
	a := &runFile{Import: new(Import), path: c.path}
	if len(o.Kinds)+len(o.Exclude) > 0 || o.Layout+o.Key != "" || o.Steps != ByAnything {
		return nil, c.errorf("it is a whole run; kinds, layout, key, exclude and steps apply only to checkpoints")
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

// checkShapes finds the number of rows and checks every array against it.
func (a *runFile) checkShapes(c *container) error {
	decides := c.lookup("theta")
	if decides == nil {
		decides = c.lookup("step")
	}
	if decides == nil || len(decides.shape) == 0 {
		return c.errorf("the number of rows is not known: it has neither theta nor step")
	}
	a.rows = decides.shape[0]
	for i := range c.arrays {
		b := &c.arrays[i]
		name, isValid := strings.CutSuffix(b.name, validSuffix)
		kind, v := columnOf(name)
		dims := 1
		if kind == vectorColumn && !isValid {
			dims = 2
		}
		switch {
		case b.name == headerName:
			continue
		case kind == noColumn:
			a.warn("array %q of shape %v is left out: no column of a run has this name and %d rows",
				b.name, b.shape, a.rows)
			continue
		case len(b.shape) != dims || b.shape[0] != a.rows:
			return c.errorf("array %q has shape %v; it must have %d dimensions, with %d rows as in %q", b.name,
				b.shape, dims, a.rows, decides.name)
		case b.strides != nil && dims == 2:
			return c.errorf("array %q is in Fortran order, so its rows cannot be read one by one; save "+
				"numpy.ascontiguousarray(array)", b.name)
		case isValid && b.element.class != boolean, !isValid && !canHold(b.element, kind):
			return c.errorf("array %q has elements of type %s, which this column cannot have", b.name, b.element.name)
		}
		if dims == 2 {
			if a.lengths[v] = b.shape[1]; b.shape[1] == 0 || b.shape[1] > math.MaxInt32 {
				return c.errorf("array %q has shape %v; a row must have 1 to %d elements", b.name, b.shape,
					math.MaxInt32)
			}
			if b.element.name != "float32" {
				a.warn("%s", describeConversion(b.element.name, b.name))
			}
		}
	}
	return nil
}

// canHold reports whether a column of this kind may have elements of this type.
func canHold(e element, kind columnKind) bool {
	return e.isInt() || kind != intColumn && e.isFloat()
}

// readHeader uses the header in the file, or makes one with a single tensor for each vector.
func (a *runFile) readHeader(c *container, o ImportOptions) error {
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
		h.Columns = record.Columns{
			Theta: true, Grad: a.lengths[1] > 0, State: a.lengths[2] > 0,
			Substep: c.lookup("substep") != nil,
		}
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
	for v, want := range h.VectorLens() {
		if a.lengths[v] != want {
			return c.errorf("%s has %d elements in each row, but %d by the header (0 means not recorded)",
				record.VectorNames[v], a.lengths[v], want)
		}
	}
	a.header = h
	return h.Validate()
}

// decodeHeader decodes the header in an archive. numpy pads byte strings with zeros.
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

// dryRun reads the scalars of all rows and checks their order, so that errors are found
// before anything is written.
func (a *runFile) dryRun(c *container) error {
	var row, previous record.Step
	return a.forEachRow(context.Background(), c, false, func(i int, s *record.Step) error {
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

// copyRows opens the file again and appends all rows. The file may have changed since it was examined,
// so its shapes are compared.
func (a *runFile) copyRows(ctx context.Context, appendRow func(*record.Step) error) error {
	c, err := openContainer(a.path, "")
	if err != nil {
		return err
	}
	defer c.Close()
	if c.lookup("theta") != nil {
		useAliases(c)
	}
	again := &runFile{Import: new(Import)}
	if err := again.checkShapes(c); err != nil {
		return err
	}
	if again.rows != a.rows || again.lengths != a.lengths {
		return c.errorf("the file has changed since it was opened")
	}
	return a.forEachRow(ctx, c, true, func(i int, s *record.Step) error {
		if err := appendRow(s); err != nil {
			return fmt.Errorf("exchange: row %d: %w", i, err)
		}
		return nil
	})
}

// each calls use with every row, with or without vectors. The vectors are reused for
// the next row.
func (a *runFile) forEachRow(ctx context.Context, c *container, vectors bool, use func(int, *record.Step) error) error {
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
			// The checksums come at the end of the file, so they are checked before use sees the
			// last row.
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
