package average

import (
	"fmt"
	"slices"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

// iterate is a row with substep 0 and theta, without its vectors.
type iterate struct {
	row   int
	step  int64
	epoch int32
	rate  record.Optional // the learning rate of its update
}

// iterates reads the scalars of every row.
func iterates(t record.Trajectory) ([]iterate, error) {
	h := t.Header()
	if t.Len() == 0 || !h.Columns.Theta {
		return nil, fmt.Errorf("average: the recording has %d rows and theta: %v; an average needs iterates", t.Len(),
			h.Columns.Theta)
	}
	defer t.Release()
	var list []iterate
	for i := range t.Len() {
		s, err := t.Read(i, record.ScalarsOnly)
		if err != nil {
			return nil, fmt.Errorf("average: row %d: %w", i, err)
		}
		if s.Substep != 0 {
			continue
		}
		if !h.ThetaSchedule.IsZero() { // some rows may have no theta
			theta, err := t.ThetaPieces(i)
			if err != nil {
				return nil, fmt.Errorf("average: row %d: %w", i, err)
			}
			if theta == nil {
				continue
			}
		}
		list = append(list, iterate{i, s.Step, s.Epoch, s.LearningRate})
	}
	if len(list) < 2 {
		return nil, fmt.Errorf("average: the recording has %s with theta; an average needs at least 2",
			analyze.Count(len(list), "iterate"))
	}
	return list, nil
}

// marks returns the indices of the iterates at which the loss is evaluated, ascending.
func marks(list []iterate, at analyze.Segments) ([]int, error) {
	if at.IsAll() {
		// The first iterate has no average.
		places := analyze.Spread(len(list)-1, defaultMarks)
		for i := range places {
			places[i]++
		}
		return places, nil
	}
	var places []int
	steps := make([]record.Step, len(list))
	for i, it := range list {
		steps[i] = record.Step{Step: it.step, Epoch: it.epoch}
		if at.Contains(it.step, it.epoch) {
			places = append(places, i)
		}
	}
	if rule, ok := at.Unmatched(steps); ok {
		return nil, fmt.Errorf("average: at %q: the recording has no such iterate; it has %d iterates of steps %d to %d",
			rule, len(list), list[0].step, list[len(list)-1].step)
	}
	return places, nil
}

// indexOf returns the index of the iterate of a step.
func indexOf(list []iterate, step int64) (int, bool) {
	return slices.BinarySearchFunc(list, step, func(it iterate, step int64) int {
		switch {
		case it.step < step:
			return -1
		case it.step > step:
			return 1
		}
		return 0
	})
}

// places returns the chosen marks, and all marks: these with the starts and the ends of the
// branches that are recorded.
func places(list []iterate, o *Options) (all, chosen []int, err error) {
	if chosen, err = marks(list, o.At); err != nil {
		return nil, nil, err
	}
	all = slices.Clone(chosen)
	for _, from := range o.Branches.From {
		i, ok := indexOf(list, from)
		if !ok {
			return nil, nil, fmt.Errorf("average: a branch starts at step %d, whose iterate is not in the recording; it has "+
				"%d iterates of steps %d to %d", from, len(list), list[0].step, list[len(list)-1].step)
		}
		all = append(all, i)
		if i, ok := indexOf(list, from+o.Branches.Steps); ok {
			all = append(all, i)
		}
	}
	slices.Sort(all)
	return slices.Compact(all), chosen, nil
}
