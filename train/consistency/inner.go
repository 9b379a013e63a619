package consistency

import "sgdwalk/record"

// checkInner compares an inner iterate, which the rule computed again, with row i.
func (u *updates) checkInner(i int, step int64, number int32, theta []float32, loss float64) error {
	if i >= u.trajectory.Len() {
		return nil
	}
	s, err := u.trajectory.Read(i, record.ThetaPart)
	if record.IsDamage(err) || err == nil && (s.Step != step || s.Substep != number) {
		return nil // checked with the rows
	}
	if err != nil {
		return err
	}
	ok := s.BatchLoss == record.Some(loss) && (s.Theta == nil || equalBits(s.Theta, theta))
	u.inner = append(u.inner, innerCheck{ok, s.BatchLoss, record.Some(loss), number})
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
			"theta or the batch loss of inner iterate %d of step %d is not the one that the optimizer gives again", c.number, u.first.Step)
	}
	u.inner = u.inner[:0]
}
