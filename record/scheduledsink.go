package record

// NewScheduledSink returns a sink that filters the rows of a training loop by the
// schedules of the header, and appends the remaining ones, with the vectors that
// the schedules keep, to the given sink. It serves loops that offer every row and
// leave the choice to the header.
//
// The first row is kept whatever the schedule says, and so is the last one: a
// skipped row is copied, and Close appends the newest of them before it closes
// the given sink. Inner iterates follow their step.
func NewScheduledSink(sink Sink, h *Header) Sink {
	return &scheduledSink{sink: sink, header: h.Clone()}
}

// scheduledSink is the sink of NewScheduledSink.
type scheduledSink struct {
	sink       Sink
	header     *Header
	previous   *Step // step and substep of the newest row; nil before the first
	hasKept    bool  // at least one row was appended
	skipped    Step  // copy of the newest row that was skipped
	hasSkipped bool  // skipped is newer than every row that was appended
	memory     [3][]float32
}

// Append appends the row to the given sink, or skips it.
func (s *scheduledSink) Append(step *Step) error {
	h := s.header
	if err := h.CheckStep(step, s.previous); err != nil {
		return err
	}
	s.previous = &Step{Step: step.Step, Substep: step.Substep}
	if s.hasKept && !step.IsLast() && !h.Schedule.Keep(step.Step, step.Epoch) {
		if step.Substep == 0 {
			s.skipped, s.hasSkipped = step.CloneInto(&s.memory), true
		}
		return nil
	}
	kept := *step
	if !step.IsLast() {
		schedules := [3]Schedule{h.ThetaSchedule, h.GradSchedule, h.StateSchedule}
		for i, v := range kept.Vectors() {
			// Theta of the first row is always kept: displacements start there.
			if (i > 0 || s.hasKept) && !schedules[i].Keep(kept.Step, kept.Epoch) {
				*v = nil
			}
		}
	}
	if err := s.sink.Append(&kept); err != nil {
		return err
	}
	s.hasKept, s.hasSkipped = true, false
	return nil
}

// Close appends the newest skipped row and closes the given sink.
func (s *scheduledSink) Close() error {
	if s.hasSkipped {
		s.hasSkipped = false
		if err := s.sink.Append(&s.skipped); err != nil {
			s.sink.Close()
			return err
		}
	}
	return s.sink.Close()
}
