package walk

import (
	"fmt"
	"slices"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/curve"
	"sgdwalk/record"
)

// states has the running statistics of normalization layers for every point. At an iterate
// the loss gets the state that was recorded with the iterate, and elsewhere that of curve.State.
type states struct {
	losses []analyze.Stateful // which receive states; empty when no state was recorded
	run    record.Trajectory

	from, to    []float32    // of the loaded segment
	carriedRows map[int]bool // rows without a recorded state, which get the last state before
	last        struct {     // the last answer of stateOf
		row   int
		state []float32
	}
}

// newStates asks every loss whether it takes a state.
func newStates(run record.Trajectory, losses []analyze.Loss) *states {
	s := &states{run: run, carriedRows: make(map[int]bool)}
	if !run.Header().Columns.State {
		return s
	}
	for _, l := range losses {
		if l, ok := l.(analyze.Stateful); ok && l.SetState(nil) {
			s.losses = append(s.losses, l)
		}
	}
	return s
}

// load reads the states of the two ends of a segment. Along the gradient there is no next
// row, and the state of the first end holds for the whole segment.
func (s *states) load(row, next int) (err error) {
	if len(s.losses) == 0 {
		return nil
	}
	if s.from, err = s.stateOf(row); err != nil {
		return err
	}
	if s.to = s.from; next > row {
		s.to, err = s.stateOf(next)
	}
	return err
}

// stateOf returns a copy of the state of a row or, when the row has none, of the last row
// before that has one. It returns nil when no such row exists.
func (s *states) stateOf(row int) ([]float32, error) {
	if s.last.state != nil && s.last.row == row {
		return s.last.state, nil
	}
	for i := row; i >= 0; i-- {
		state, err := record.StateOf(s.run, i)
		if err != nil {
			return nil, fmt.Errorf("walk: row %d: %w", i, err)
		}
		if state == nil {
			continue
		}
		if i < row {
			s.carriedRows[row] = true
		}
		s.last.row, s.last.state = row, slices.Clone(state)
		return s.last.state, nil
	}
	return nil, nil
}

// at returns the state of the point at alpha of the loaded segment, nil when no loss takes a
// state. The slice does not change later.
func (s *states) at(alpha float64) []float32 { return curve.State(s.from, s.to, alpha) }

// restore resets the losses to their own state.
func (s *states) restore() {
	for _, l := range s.losses {
		l.SetState(nil)
	}
}

// warn adds warnings about the running statistics at the evaluated points.
func (s *states) warn(w *analyze.Warnings, h *record.Header) {
	text := "the model has running statistics, which are not parameters and are not interpolated: the policy of the " +
		"loss decides their values between iterates"
	if len(s.losses) > 0 {
		text = "the model has running statistics: an iterate is evaluated with the statistics that were recorded " +
			"with " +
			"it, and a point between two iterates with those of both, interpolated as theta is"
	}
	w.Add(len(h.State) > 0, "normalization_state", "%s", text)
	w.Add(len(s.carriedRows) > 0, "state_carried", "%d iterates were recorded without running statistics and are "+
		"evaluated with the last statistics before them", len(s.carriedRows))
}
