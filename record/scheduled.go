package record

import "slices"

// Scheduled returns a sink that hands on to another the rows which the header's
// schedules keep, with the vectors that they keep: for a loop that hands over every
// row and leaves the choice to the header. The first row is kept whatever the
// schedule says, and so is the last: the newest row that was left out is copied and
// handed on at Close, after which the other sink is closed too. Inner iterates go
// with their step.
func Scheduled(sink Sink, h *Header) Sink {
	return &scheduled{sink: sink, header: h.Clone()}
}

type scheduled struct {
	sink   Sink
	header *Header
	last   *Step // place of the newest row
	kept   bool  // some row was
	held   Step  // the newest row that was left out
	holds  bool
	memory [3][]float32
}

// Append keeps or leaves out a row.
func (s *scheduled) Append(step *Step) error {
	h := s.header
	if err := h.CheckStep(step, s.last); err != nil {
		return err
	}
	s.last = &Step{Step: step.Step, Substep: step.Substep}
	if s.kept && !step.Last() && !h.Schedule.Keep(step.Step, step.Epoch) {
		if step.Substep == 0 {
			s.hold(step)
		}
		return nil
	}
	kept := *step
	if !step.Last() {
		if s.kept && !h.ThetaSchedule.Keep(kept.Step, kept.Epoch) {
			kept.Theta = nil
		}
		if !h.GradSchedule.Keep(kept.Step, kept.Epoch) {
			kept.Grad = nil
		}
		if !h.StateSchedule.Keep(kept.Step, kept.Epoch) {
			kept.State = nil
		}
	}
	if err := s.sink.Append(&kept); err != nil {
		return err
	}
	s.kept, s.holds = true, false
	return nil
}

// hold copies the row; its vectors are the caller's.
func (s *scheduled) hold(step *Step) {
	s.held, s.holds = *step, true
	for i, v := range []*[]float32{&s.held.Theta, &s.held.Grad, &s.held.State} {
		if *v != nil {
			s.memory[i] = append(s.memory[i][:0], *v...)
			*v = slices.Clip(s.memory[i])
		}
	}
}

// Close hands the last row on and closes the sink.
func (s *scheduled) Close() error {
	if s.holds {
		s.holds = false
		if err := s.sink.Append(&s.held); err != nil {
			s.sink.Close()
			return err
		}
	}
	return s.sink.Close()
}
