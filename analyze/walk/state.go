package walk

import (
	"fmt"
	"slices"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

// states tells losses that take one the state of every point: at an iterate the one
// that was recorded with it, between two iterates a mean of theirs, as in Xing et
// al., who interpolate running statistics with the weights. Beyond the ends it stays
// what it is there: a running variance that goes on on a straight line becomes
// negative.
type states struct {
	losses []analyze.Stateful // none: no loss takes a state
	run    record.Trajectory

	from, to []float32 // of the segment
	rows     map[int]bool
	carried  int // iterates without a state of their own, which have the last one before
	seen     struct {
		row   int // the last one that was looked for
		state []float32
	}
}

func newStates(run record.Trajectory, losses []analyze.Loss) *states {
	s := &states{run: run, rows: make(map[int]bool)}
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

// segment takes up the two ends; without a next iterate the state stays that of the
// first.
func (s *states) segment(row, next int) (err error) {
	if len(s.losses) == 0 {
		return nil
	}
	if s.from, err = s.of(row); err != nil {
		return err
	}
	if s.to = s.from; next > row {
		s.to, err = s.of(next)
	}
	return err
}

// of returns the state of a row, or the last one that was recorded before it; nil
// when there is none.
func (s *states) of(row int) ([]float32, error) {
	if s.seen.state != nil && s.seen.row == row {
		return s.seen.state, nil
	}
	for i := row; i >= 0; i-- {
		state, err := record.StateOf(s.run, i)
		if err != nil {
			return nil, fmt.Errorf("walk: row %d: %w", i, err)
		}
		if state == nil {
			continue
		}
		if i < row && !s.rows[row] {
			s.rows[row] = true
			s.carried++
		}
		s.seen.row, s.seen.state = row, slices.Clone(state)
		return s.seen.state, nil
	}
	return nil, nil
}

// at sets the state for a point of the segment.
func (s *states) at(alpha float64) {
	if len(s.losses) == 0 {
		return
	}
	state := s.from
	switch {
	case s.from == nil || s.to == nil || alpha <= 0:
	case alpha >= 1:
		state = s.to
	default:
		state = make([]float32, len(s.from)) // the loss keeps it
		for i, v := range s.from {
			state[i] = between(v, s.to[i], alpha)
		}
	}
	for _, l := range s.losses {
		l.SetState(state)
	}
}

// between returns the value of a state element at alpha, 0 < alpha < 1. An element
// that both ends share stays as it is. An element that is not finite at one end has
// no mean (0 times infinity is NaN) and takes the value of the nearer end.
func between(from, to float32, alpha float64) float32 {
	a, b := float64(from), float64(to)
	switch finite := a-a == 0 && b-b == 0; {
	case a == b || !finite && alpha <= 0.5:
		return from
	case !finite:
		return to
	}
	return float32(a + float64(alpha*(b-a)))
}

// end gives the losses their own state back.
func (s *states) end() {
	for _, l := range s.losses {
		l.SetState(nil)
	}
}

// warnings say where the state of a point came from.
func (s *states) warnings(h *record.Header) []analyze.Warning {
	if len(h.State) == 0 {
		return nil
	}
	text := "the model has running statistics; they are no parameters and are not interpolated: the policy of the loss decides what they are between iterates"
	if len(s.losses) > 0 {
		text = "the model has running statistics: an iterate is evaluated with those that were recorded with it, a point between two iterates with those of both, interpolated as theta is"
	}
	out := []analyze.Warning{{Code: "normalization_state", Text: text}}
	if s.carried > 0 {
		out = append(out, analyze.Warning{Code: "state_carried", Text: fmt.Sprintf("%d iterates were recorded without their running statistics and are evaluated with the last ones before", s.carried)})
	}
	return out
}
