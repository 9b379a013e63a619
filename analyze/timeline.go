package analyze

import (
	"sgdwalk/analyze/internal/column"
	"sgdwalk/record"
)

// Timeline returns the rows of a run at which its epoch or its learning rate changes, and the
// first row: a table with the columns step, epoch and learning_rate. The last iterate has no
// learning rate, and a row of an inner loop is not a step. Where steps were not recorded, a
// change is at the first recorded step after it; a damaged row counts as not recorded.
func Timeline(t record.Trajectory) record.Table {
	type row struct {
		Step         int64           `col:"step"`
		Epoch        int32           `col:"epoch"`
		LearningRate record.Optional `col:"learning_rate"`
	}
	var b column.Builder[row]
	var before row
	for i := range t.Len() {
		s, err := t.Read(i, record.ScalarsOnly)
		if err != nil || s.Substep > 0 {
			continue
		}
		now := row{s.Step, s.Epoch, s.LearningRate}
		if !now.LearningRate.Valid {
			now.LearningRate = before.LearningRate
		}
		if b.Len() == 0 || now.Epoch != before.Epoch || now.LearningRate != before.LearningRate {
			b.Add(now)
		}
		before = now
	}
	return b.Table()
}
