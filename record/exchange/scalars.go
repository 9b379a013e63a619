package exchange

import (
	"fmt"
	"io"
	"time"

	"sgdwalk/record"
)

// Columns of the scalars, in the order of files.
var (
	intColumns = []string{"step", "substep", "epoch", "examples", "evaluations", "wall_time_ns"}
	optColumns = []string{"batch_loss", "batch_accuracy", "learning_rate", "full_loss", "test_loss"}
)

// narrow says which whole numbers are int32 in a row and in a file.
var narrow = map[string]bool{"substep": true, "epoch": true, "examples": true}

// optionals are the optional scalars of a row in the order of optColumns.
func optionals(s *record.Step) []*record.Optional {
	return []*record.Optional{&s.BatchLoss, &s.BatchAccuracy, &s.LearningRate, &s.FullLoss, &s.TestLoss}
}

// ints are the whole numbers of a row in the order of intColumns. A row that
// was taken at no known time has wall time 0.
func ints(s *record.Step) []int64 {
	var wall int64
	if !s.WallTime.IsZero() {
		wall = s.WallTime.UnixNano()
	}
	return []int64{s.Step, int64(s.Substep), int64(s.Epoch), int64(s.Examples), s.Evaluations, wall}
}

// setInt is the reverse of ints for one column.
func setInt(s *record.Step, column int, v int64) {
	switch column {
	case 0:
		s.Step = v
	case 1:
		s.Substep = int32(v)
	case 2:
		s.Epoch = int32(v)
	case 3:
		s.Examples = int32(v)
	case 4:
		s.Evaluations = v
	default:
		if v != 0 {
			s.WallTime = time.Unix(0, v).UTC()
		}
	}
}

// scalarTable reads the scalars of the rows.
func scalarTable(t record.Trajectory, rows []int) (*record.Table, error) {
	var table record.Table
	for _, name := range intColumns {
		table.Columns = append(table.Columns, record.Column{Name: name, Ints: make([]int64, len(rows))})
	}
	for _, name := range optColumns {
		table.Columns = append(table.Columns, record.Column{Name: name, Floats: make([]float64, len(rows))})
	}
	for j, i := range rows {
		s, err := t.Read(i, record.ScalarsOnly)
		if err != nil {
			return nil, fmt.Errorf("exchange: row %d: %w", i, err)
		}
		for c, v := range ints(&s) {
			table.Columns[c].Ints[j] = v
		}
		for c, o := range optionals(&s) {
			column := &table.Columns[len(intColumns)+c]
			if o.Valid {
				column.Floats[j] = o.Value
				if column.Valid != nil {
					column.Valid[j] = true
				}
				continue
			}
			if column.Valid == nil { // so far every value was there
				column.Valid = make([]bool, len(rows))
				for k := range j {
					column.Valid[k] = true
				}
			}
		}
	}
	return &table, nil
}

// allRows is 0 to n-1.
func allRows(n int) []int {
	rows := make([]int, n)
	for i := range rows {
		rows[i] = i
	}
	return rows
}

// WriteCSV writes the scalars of all rows as CSV: a heading and one line a row,
// in the columns step, substep, epoch, examples, evaluations, wall_time_ns
// (since 1970; 0 where it is not known), batch_loss, batch_accuracy,
// learning_rate, full_loss and test_loss. Numbers read back to the same bits; an
// absent one is empty, which NaN is not. Memory: the scalars of all rows.
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
