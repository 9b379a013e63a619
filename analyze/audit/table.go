package audit

import (
	"fmt"
	"math"
	"strings"

	"sgdwalk/analyze/internal/column"
	"sgdwalk/record"
)

// findingRow is a row of the table of findings. Its fields are the columns.
type findingRow struct {
	Check    string          `col:"check"`
	Severity string          `col:"severity"`
	Step     string          `col:"step"`    // empty when the finding is about the whole series
	Steps    string          `col:"steps"`   // with spaces between them
	Tensors  string          `col:"tensors"` // with "; " between them
	File     string          `col:"file"`
	Value    record.Optional `col:"value"`
	Expected record.Optional `col:"expected"`
	FitsStep string          `col:"fits_step"`
	OrSteps  string          `col:"or_steps"` // with spaces between them
	Text     string          `col:"text"`
}

// Table returns the findings, one row each, in the order of List.
func (s *Summary) Table() record.Table {
	var t column.Builder[findingRow]
	for _, f := range s.List {
		row := findingRow{
			Check: string(f.Check), Severity: string(f.Severity), Tensors: strings.Join(f.Tensors, "; "), File: f.File,
			Steps: spaced(f.Steps), OrSteps: spaced(f.OrSteps), Value: f.Value, Expected: f.Expected, Text: f.Text,
		}
		if f.Step >= 0 {
			row.Step = fmt.Sprint(f.Step)
		}
		if f.FitsStep != nil {
			row.FitsStep = fmt.Sprint(*f.FitsStep)
		}
		t.Add(row)
	}
	return t.Table()
}

// distanceRow is a row of the table of distances. Its fields are the columns.
type distanceRow struct {
	Step     int64           `col:"step"`
	Earlier  int64           `col:"earlier_step"`
	Distance record.Optional `col:"distance"` // absent for checkpoints that cannot be compared
}

// Table returns the distances, one row for each pair of a checkpoint and itself or an earlier
// one. Without checkpoints it returns nil.
func (d *Distances) Table() *record.Table {
	if len(d.Steps) == 0 {
		return nil
	}
	var t column.Builder[distanceRow]
	for i, step := range d.Steps {
		for k := range i + 1 {
			v := d.Values[i][k]
			t.Add(distanceRow{step, d.Steps[k], record.Optional{Value: v, Valid: !math.IsNaN(v)}})
		}
	}
	out := t.Table()
	return &out
}

// DistancesFromTable returns the distances of a table of Distances.Table.
func DistancesFromTable(t *record.Table) (d Distances, err error) {
	steps, distance := t.Column("step").Ints, t.Column("distance")
	at := 0
	for at < len(steps) {
		n := len(d.Steps)
		if at+n >= len(steps) || steps[at+n] != steps[at] {
			return d, fmt.Errorf("audit: the table of distances has not %d rows of step %d", n+1, steps[at])
		}
		d.Steps = append(d.Steps, steps[at])
		line := make([]float64, n+1)
		for k := range line {
			line[k] = distance.Floats[at+k]
			if distance.Valid != nil && !distance.Valid[at+k] {
				line[k] = math.NaN()
			}
		}
		for k := range n {
			d.Values[k] = append(d.Values[k], line[k])
		}
		d.Values = append(d.Values, line)
		at += n + 1
	}
	return d, nil
}

// spaced writes steps with spaces between them.
func spaced(steps []int64) string { return strings.Trim(fmt.Sprint(steps), "[]") }

// Affected returns the steps of the checkpoints about which a finding is; none when it is about
// the whole series. Steps may have more of them: the step to which values belong, or the step
// before a change.
func (f *Finding) Affected() []int64 {
	switch f.Check {
	case WrongOrder, OtherTensors, OtherShape, OtherType, OtherTies, NotFinite, Rounded:
		if len(f.Steps) > 0 {
			return f.Steps
		}
	}
	if f.Step < 0 {
		return nil
	}
	return []int64{f.Step}
}
