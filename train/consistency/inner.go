package consistency

import "sgdwalk/record"

// innerRow returns an inner iterate of the step whose row is u.innerFrom. A row that is
// damaged or another one than that is an iterate without vectors: the rows are checked
// elsewhere.
func (u *updates) innerRow(number int32) (record.Step, error) {
	i := u.innerFrom + int(number)
	if i >= u.trajectory.Len() {
		return record.Step{}, nil
	}
	s, err := u.trajectory.Read(i, record.ThetaPart|record.GradPart)
	if record.IsDamage(err) || err == nil && (s.Step != u.first.Step || s.Substep != number) {
		return record.Step{}, nil
	}
	return s, err
}

// checkInner compares an inner iterate, which the rule of a part computed again from
// theta of the step, with its row. The loss is compared with the first part.
func (u *updates) checkInner(p *part, number int32, theta, grad []float32, loss record.Optional) error {
	s, err := u.innerRow(number)
	if err != nil || s.Substep != number {
		return err
	}
	isSame := (s.BatchLoss == loss || p.from > 0) && (s.Grad == nil || grad == nil || equalBits(s.Grad[p.from:p.to], grad))
	if s.Theta != nil {
		for _, t := range p.tensors {
			start, limit := u.view(t, u.first.Theta), u.toleranceOf(p, t)
			from := u.trajectory.Header().Layout[t].Offset - p.from
			expected := theta[from : from+len(start)]
			u.innerScale[t] = max(largestUpdate(start, expected), 0.9*u.innerScale[t])
			limit.absolute = p.relative * u.innerScale[t]
			isSame = isSame && limit.agrees(start, u.view(t, s.Theta), expected)
		}
	}
	u.inner = append(u.inner, innerCheck{isSame, s.BatchLoss, loss, number})
	return nil
}

// innerCheck is the outcome of the check of an inner iterate.
type innerCheck struct {
	ok              bool
	value, expected record.Optional
	number          int32
}

// addInner records the outcomes of the inner iterates of the pair.
func (u *updates) addInner() {
	for _, c := range u.inner {
		u.journal.check(c.ok, InnerIterate, u.first, c.value, c.expected,
			"theta, the gradient or the batch loss of inner iterate %d of step %d is not the one that the optimizer gives again",
			c.number, u.first.Step)
	}
	u.inner = u.inner[:0]
}
