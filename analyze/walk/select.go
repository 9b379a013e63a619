package walk

import (
	"fmt"

	"sgdwalk/record"
)

// segment is one segment to evaluate.
type segment struct {
	row, next int // rows of the iterates k and k+1; next is 0 with direction Gradient
	record.Step
	endLoss record.Optional // the recorded full loss of iterate k+1
}

// selection has the segments of a walk in the order of the recording.
type selection struct {
	segments []segment
	// withoutNext counts selected iterates that cannot start a segment, because the next
	// step is not recorded. It does not count the last iterate of the recording.
	withoutNext int
}

// selectSegments reads the scalars of every row and selects the segments of the walk. It
// returns an error when the recording does not have what the options need.
func selectSegments(t record.Trajectory, o *Options) (*selection, error) {
	h := t.Header()
	switch {
	case t.Len() > 0 && !h.Columns.Theta:
		return nil, fmt.Errorf("walk: the run recorded no theta; a walk needs the iterates")
	case t.Len() > 0 && o.Direction == Gradient && !h.Columns.Grad:
		return nil, fmt.Errorf("walk: the run recorded no gradients; direction %q needs them, %q does not", Gradient,
			Update)
	}
	var rows []segment
	for i := range t.Len() {
		s, err := t.Read(i, record.ScalarsOnly)
		if err != nil {
			return nil, fmt.Errorf("walk: row %d: %w", i, err)
		}
		if s.Substep > 0 || o.Direction == Gradient && !s.BatchLoss.Valid {
			continue // an inner iterate, or the last row, which has no batch
		}
		rows = append(rows, segment{row: i, Step: s})
	}
	p := &selection{}
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
					p.withoutNext++
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

// check returns an error when the recording has no segments, or none that the options
// select.
func (p *selection) check(o *Options, rows []segment, starts []record.Step) error {
	if len(starts) == 0 && o.Direction == Gradient {
		return fmt.Errorf("walk: no row of the recording has a mini-batch, which direction %q needs; choose "+
			"direction %q",
			Gradient, Update)
	}
	if len(starts) == 0 {
		return fmt.Errorf("walk: no two of the %d recorded iterates are of consecutive steps; a walk needs pairs of "+
			"consecutive steps", len(rows))
	}
	first, last := rows[0].Step.Step, rows[len(rows)-1].Step.Step
	if rule, ok := o.Segments.Unmatched(starts); ok {
		return fmt.Errorf("walk: segments %q: the recording has no such segment; it has %d segments between steps %d "+
			"and "+
			"%d, epochs %d to %d", rule, len(starts), first, last, rows[0].Epoch, rows[len(rows)-1].Epoch)
	}
	return nil
}
