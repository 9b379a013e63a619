package audit

import (
	"fmt"
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
