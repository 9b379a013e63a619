package average

import (
	"fmt"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

// states reads the running statistics of normalization layers that were recorded with the
// iterates. A loss that takes them gets, at an average, their average with the same weights:
// the mean of a layer's input is nearly linear in theta, so an average of theta and an average
// of the statistics belong together.
type states struct {
	run    record.Trajectory
	losses []analyze.Stateful // which receive states; empty when no state was recorded
	length int

	row     int       // of the last answer
	state   []float32 // at that row; nil before the first answer
	carried int       // iterates without a state
}

// newStates asks every loss whether it takes a state.
func newStates(run record.Trajectory, list []iterate, losses []analyze.Loss) (*states, error) {
	s := &states{run: run}
	h := run.Header()
	if !h.Columns.State {
		return s, nil
	}
	for _, l := range losses {
		if l, ok := l.(analyze.Stateful); ok && l.SetState(nil) {
			s.losses = append(s.losses, l)
			s.length = h.State.Len()
		}
	}
	if s.length == 0 || h.StateSchedule.IsZero() {
		return s, nil
	}
	for _, it := range list {
		state, err := record.StateOf(run, it.row)
		if err != nil {
			return nil, fmt.Errorf("average: row %d: %w", it.row, err)
		}
		if state == nil {
			s.carried++
		}
	}
	return s, nil
}

// len returns the number of statistics, 0 when no loss takes them.
func (s *states) len() int { return s.length }

// at returns the state of a row. A row without one has the last state before it, or else the
// first one after it. It returns nil when no loss takes a state.
func (s *states) at(row int) ([]float32, error) {
	if s.length == 0 {
		return nil, nil
	}
	for _, direction := range []int{-1, 1} {
		for i := row; i >= 0 && i < s.run.Len(); i += direction {
			if s.state != nil && i == s.row && direction < 0 {
				s.row = row
				return s.state, nil
			}
			state, err := record.StateOf(s.run, i)
			if err != nil {
				return nil, fmt.Errorf("row %d: %w", i, err)
			}
			if state == nil {
				continue
			}
			if len(state) != s.length {
				return nil, fmt.Errorf("row %d: the state has %d elements and its layout has %d; they must be equal", i,
					len(state), s.length)
			}
			s.row, s.state = row, state
			return state, nil
		}
	}
	return nil, fmt.Errorf("no row of the recording has the running statistics that its header names")
}

// restore resets the losses to their own state.
func (s *states) restore() {
	for _, l := range s.losses {
		l.SetState(nil)
	}
}
