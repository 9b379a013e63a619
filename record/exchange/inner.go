package exchange

import (
	"fmt"

	"sgdwalk/record"
)

// inner is the recording of one inner iterate of every step.
type inner struct {
	record.Trajectory
	header *record.Header
	rows   []int
}

var _ record.Trajectory = (*inner)(nil)

// InnerIterates returns the recording whose iterates are the inner iterates with this
// number (from 1) of t, so that analyses see them as the walk. An inner iterate with a batch
// loss is a point that its step evaluated, and keeps the step's number. One without is a
// result of the update, and belongs to the next step; the first row is then theta_0, which
// all points of an optimizer start from.
//
// The header names no optimizer, because no update rule leads from one of these points to
// the next, and no schedule. Reading a row reads it from t. Without such an iterate the
// error is a record.OptionError.
func InnerIterates(t record.Trajectory, number int) (record.Trajectory, error) {
	h := t.Header()
	s := &inner{Trajectory: t, header: h.Clone()}
	most, hasGrad := int32(0), false
	for i := range t.Len() {
		row, err := t.Read(i, record.ScalarsOnly)
		if err != nil {
			return nil, fmt.Errorf("exchange: row %d: %w", i, err)
		}
		most = max(most, row.Substep)
		isStart := i == 0 && row.Step == 0 && row.Substep == 0
		if int(row.Substep) == number && number > 0 {
			if len(s.rows) == 1 && s.rows[0] == 0 && row.BatchLoss.Valid {
				s.rows = nil // theta_0 is no inner iterate
			}
			if h.Columns.Grad && !hasGrad {
				g, err := record.GradOf(t, i)
				if err != nil {
					return nil, fmt.Errorf("exchange: row %d: %w", i, err)
				}
				hasGrad = g != nil
			}
			s.rows = append(s.rows, i)
		} else if isStart {
			s.rows = append(s.rows, i)
		}
	}
	if number < 1 || int(most) < number {
		allowed := "the recording has none"
		if most > 0 {
			allowed = fmt.Sprintf("the steps of %s have 1 to %d", h.Optimizer.Name, most)
		}
		return nil, record.Optionf("exchange: inner iterate %d is requested; %s", number, allowed)
	}
	s.header.Comment = fmt.Sprintf("inner iterates %d of a run of %s", number, h.Optimizer.Name)
	s.header.Optimizer = record.Optimizer{}
	s.header.Schedule, s.header.ThetaSchedule, s.header.GradSchedule = record.Schedule{}, record.Schedule{}, record.Schedule{}
	s.header.StateSchedule = record.Schedule{}
	s.header.Columns = record.Columns{Theta: h.Columns.Theta, Grad: hasGrad}
	return s, nil
}

// Header returns the header of the recording of inner iterates.
func (s *inner) Header() *record.Header { return s.header }

// Len returns the number of inner iterates.
func (s *inner) Len() int { return len(s.rows) }

// Read returns inner iterate i as an iterate.
func (s *inner) Read(i int, parts record.Parts) (record.Step, error) {
	row, err := s.Trajectory.Read(s.rows[i], parts)
	if err != nil {
		return row, err
	}
	out := record.Step{
		Step: row.Step, Epoch: row.Epoch, Evaluations: row.Evaluations, WallTime: row.WallTime,
		Theta: row.Theta,
	}
	switch {
	case row.Substep == 0: // theta_0
	case row.BatchLoss.Valid:
		out.BatchLoss, out.BatchAccuracy, out.Grad = row.BatchLoss, row.BatchAccuracy, row.Grad
	default:
		out.Step++
	}
	return out, nil
}

// ThetaPieces returns theta of inner iterate i.
func (s *inner) ThetaPieces(i int) (record.Pieces, error) { return s.Trajectory.ThetaPieces(s.rows[i]) }
