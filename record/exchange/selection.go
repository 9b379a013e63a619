package exchange

import (
	"fmt"

	"sgdwalk/record"
)

// selected is the recording of some rows of another one. It is as safe for concurrent
// use as that one.
type selected struct {
	record.Trajectory
	rows []int // in increasing order
}

var _ record.Trajectory = (*selected)(nil)

// SelectSteps returns the recording of the rows of t whose steps are selected, with their
// inner iterates. Its header is that of t, and all is t itself. A rule that selects no
// row is an error. Reading a row reads it from t.
func SelectSteps(t record.Trajectory, steps record.Steps) (record.Trajectory, error) {
	if steps.IsAll() {
		return t, nil
	}
	s := &selected{Trajectory: t}
	seen := make([]record.Step, t.Len())
	for i := range seen {
		var err error
		if seen[i], err = t.Read(i, record.ScalarsOnly); err != nil {
			return nil, fmt.Errorf("exchange: row %d: %w", i, err)
		}
		if steps.Contains(seen[i].Step, seen[i].Epoch) {
			s.rows = append(s.rows, i)
		}
	}
	if rule, ok := steps.Unmatched(seen); ok {
		if len(seen) == 0 {
			return nil, record.Optionf("exchange: steps has %q, but the recording has no rows", rule)
		}
		first, last := seen[0], seen[len(seen)-1]
		return nil, record.Optionf("exchange: steps has %q, which selects no row; the recording has steps %d to %d, epochs "+
			"%d to %d", rule, first.Step, last.Step, first.Epoch, last.Epoch)
	}
	return s, nil
}

// Len returns the number of selected rows.
func (s *selected) Len() int { return len(s.rows) }

// Read returns selected row i.
func (s *selected) Read(i int, parts record.Parts) (record.Step, error) {
	return s.Trajectory.Read(s.rows[i], parts)
}

// ThetaPieces returns theta of selected row i.
func (s *selected) ThetaPieces(i int) (record.Pieces, error) {
	return s.Trajectory.ThetaPieces(s.rows[i])
}
