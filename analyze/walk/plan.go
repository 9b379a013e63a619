package walk

import (
	"fmt"

	"sgdwalk/record"
)

// segment is one piece to evaluate: the row of iterate k, and with direction
// Update the row of iterate k+1.
type segment struct {
	row, next int
	record.Step
	endLoss record.Optional // the recorded full loss of iterate k+1
}

// plan is the segments of a walk in the order of the recording, and how many
// chosen rows could not be the start of one.
type plan struct {
	segments []segment
	// unfollowed counts chosen iterates, the last of the recording excepted, whose
	// next step is not recorded.
	unfollowed int
}

// newPlan reads the scalars of every row. It keeps no vector.
func newPlan(t record.Trajectory, o *Options) (*plan, error) {
	h := t.Header()
	switch {
	case t.Len() > 0 && !h.Columns.Theta:
		return nil, fmt.Errorf("walk: the run recorded no theta; a walk needs the iterates")
	case t.Len() > 0 && o.Direction == Gradient && !h.Columns.Grad:
		return nil, fmt.Errorf("walk: the run recorded no gradients; direction %q needs them, %q does not", Gradient, Update)
	}
	var rows []segment
	for i := range t.Len() {
		s, err := t.Read(i, record.ScalarsOnly)
		if err != nil {
			return nil, fmt.Errorf("walk: row %d: %w", i, err)
		}
		if s.Substep > 0 || o.Direction == Gradient && !s.BatchLoss.Valid {
			continue // an inner iterate; or the last row, which has no batch
		}
		rows = append(rows, segment{row: i, Step: s})
	}
	p := &plan{}
	var starts []record.Step
	for i := range rows {
		s := rows[i]
		if o.Direction == Update {
			if i == len(rows)-1 {
				break
			}
			s.next, s.endLoss = rows[i+1].row, rows[i+1].FullLoss
			if rows[i+1].Step.Step != s.Step.Step+1 {
				if o.Segments.Contains(s.Step.Step, s.Epoch) {
					p.unfollowed++
				}
				continue
			}
		}
		starts = append(starts, s.Step)
		if o.Segments.Contains(s.Step.Step, s.Epoch) {
			p.segments = append(p.segments, s)
		}
	}
	return p, p.check(o, rows, starts)
}

// check refuses a selection that is outside the recording.
func (p *plan) check(o *Options, rows []segment, starts []record.Step) error {
	if len(starts) == 0 && o.Direction == Gradient {
		return fmt.Errorf("walk: no recorded row has a batch; direction %q needs one", Gradient)
	}
	if len(starts) == 0 {
		return fmt.Errorf("walk: none of the %d recorded iterates is followed by that of the next step; a walk needs consecutive steps", len(rows))
	}
	first, last := rows[0].Step.Step, rows[len(rows)-1].Step.Step
	if rule, ok := o.Segments.Unmatched(starts); ok {
		return fmt.Errorf("walk: segments %q: the recording has no such segment; its %d segments are between steps %d and %d, epochs %d to %d",
			rule, len(starts), first, last, rows[0].Epoch, rows[len(rows)-1].Epoch)
	}
	return nil
}
