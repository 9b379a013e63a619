package exchange

import (
	"fmt"
	"io"
	"slices"

	"sgdwalk/record"
)

// The kinds of columns that a run has in a file.
type columnKind int

const (
	noColumn columnKind = iota // the name of no column
	intColumn
	floatColumn  // an optional number
	vectorColumn // theta, grad or state
)

// intColumns are the whole numbers of a row, in the order of files.
var intColumns = []struct {
	name string
	bits int // in files and, except for the wall time, in a row
	get  func(*record.Step) int64
	set  func(*record.Step, int64)
}{
	{"step", 64, func(s *record.Step) int64 { return s.Step }, func(s *record.Step, v int64) { s.Step = v }},
	{"substep", 32, func(s *record.Step) int64 { return int64(s.Substep) }, func(s *record.Step,
		v int64,
	) {
		s.Substep = int32(v)
	}},
	{"epoch", 32, func(s *record.Step) int64 { return int64(s.Epoch) }, func(s *record.Step,
		v int64,
	) {
		s.Epoch = int32(v)
	}},
	{"examples", 32, func(s *record.Step) int64 { return int64(s.Examples) }, func(s *record.Step,
		v int64,
	) {
		s.Examples = int32(v)
	}},
	{"evaluations", 64, func(s *record.Step) int64 { return s.Evaluations }, func(s *record.Step,
		v int64,
	) {
		s.Evaluations = v
	}},
	{wallTimeName, 64, (*record.Step).UnixNano, (*record.Step).SetUnixNano},
}

const (
	stepName     = "step"
	wallTimeName = "wall_time_ns"
)

// columnOf returns the kind of the column with this name, and its index among the
// columns of that kind.
func columnOf(name string) (columnKind, int) {
	for i, c := range intColumns {
		if c.name == name {
			return intColumn, i
		}
	}
	if i := slices.Index(record.OptionalNames[:], name); i >= 0 {
		return floatColumn, i
	}
	if i := slices.Index(record.VectorNames[:], name); i >= 0 {
		return vectorColumn, i
	}
	return noColumn, -1
}

// scalarTable reads the scalars of the rows. A column of optional numbers has Valid
// when at least one number is absent.
func scalarTable(t record.Trajectory, rows []int) (*record.Table, error) {
	var ints, floats []record.Column
	for _, c := range intColumns {
		ints = append(ints, record.Column{Name: c.name, Ints: make([]int64, len(rows))})
	}
	for _, name := range record.OptionalNames {
		floats = append(floats, record.Column{Name: name, Floats: make([]float64, len(rows)), Valid: make([]bool,
			len(rows))})
	}
	for j, i := range rows {
		s, err := t.Read(i, record.ScalarsOnly)
		if err != nil {
			return nil, fmt.Errorf("exchange: row %d: %w", i, err)
		}
		for c := range ints {
			ints[c].Ints[j] = intColumns[c].get(&s)
		}
		for c, o := range s.Optionals() {
			if floats[c].Valid[j] = o.Valid; o.Valid {
				floats[c].Floats[j] = o.Value
			}
		}
	}
	for c := range floats {
		if !slices.Contains(floats[c].Valid, false) {
			floats[c].Valid = nil
		}
	}
	return &record.Table{Columns: append(ints, floats...)}, nil
}

// allRows returns 0 to n-1.
func allRows(n int) []int {
	rows := make([]int, n)
	for i := range rows {
		rows[i] = i
	}
	return rows
}

// WriteCSV writes the scalars of all rows as CSV: a heading and one line for each
// row, with the columns step, substep, epoch, examples, evaluations, wall_time_ns
// (since 1970; 0 where it is not known), batch_loss, batch_accuracy, learning_rate,
// full_loss and test_loss. Numbers read back to the same bits. An absent number is
// an empty field, which differs from NaN. Memory: the scalars of all rows.
func WriteCSV(w io.Writer, t record.Trajectory) error {
	table, err := scalarTable(t, allRows(t.Len()))
	if err != nil {
		return err
	}
	if err := table.WriteCSV(w); err != nil {
		return fmt.Errorf("exchange: %w", err)
	}
	return nil
}
