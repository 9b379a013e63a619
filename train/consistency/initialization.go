package consistency

import (
	"slices"

	"sgdwalk/record"
	"sgdwalk/record/sketch"
)

// checkInitialization compares the first row with the start of the training.
func (l *losses) checkInitialization(s *record.Step) {
	m := l.experiment.Model()
	theta := slices.Clone(m.Theta())
	switch l.stored {
	case float16Precision:
		sketch.Float16.RoundTo(theta, theta)
	case bfloat16Precision:
		sketch.BFloat16.RoundTo(theta, theta)
	}
	for _, v := range []struct {
		name             string
		recorded, expect []float32
		layout           record.Layout
	}{{"theta", s.Theta, theta, l.header.Layout}, {"state", s.State, m.State(), l.header.State}} {
		for t, tensor := range v.layout {
			if v.recorded == nil || equalBits(tensor.View(v.recorded), tensor.View(v.expect)) {
				continue
			}
			f := difference(tensor.View(v.recorded), tensor.View(v.expect))
			l.events = append(l.events, l.tensorEvent(Initialization, s, v.layout[t].Name, &f,
				"%s of tensor %s at step 0 is not the initialization of seed %d: element %d is %g and should be %g",
				v.name, tensor.Name, l.header.InitializationSeed(), f.element, f.value, f.expected))
		}
	}
}

// checkState compares the running statistics with those that the forward pass of the
// previous step left.
func (l *losses) checkState(s *record.Step) error {
	if l.stateStep != s.Step || s.Substep != 0 {
		return nil
	}
	l.stateStep = -1
	if s.State == nil || equalBits(s.State, l.state) {
		return nil
	}
	for _, t := range l.header.State {
		f := difference(t.View(s.State), t.View(l.state))
		if equalBits(t.View(s.State), t.View(l.state)) || l.isRounding(f.relative, s, "the running statistics of "+t.Name) {
			continue
		}
		l.events = append(l.events, l.tensorEvent(State, s, t.Name, &f,
			"the running statistics %s of step %d are not those that the mini-batch of step %d leaves: element %d is %g and should be %g",
			t.Name, s.Step, s.Step-1, f.element, f.value, f.expected))
	}
	return nil
}
