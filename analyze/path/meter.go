package path

import "sgdwalk/record"

// Meter measures a walk row by row while it is recorded. The rows are those of
// [Compute] for the same recording; the cost of a row does not depend on the number of
// rows before it. It keeps the vectors of the first and of three consecutive iterates,
// without a copy: they must not change as long as the meter is used.
type Meter struct {
	walker walker
	done   IterateRow
	hasRow bool // done is the row of the last push
}

// NewMeter returns a meter for a run with the given layout.
func NewMeter(l record.Layout) *Meter {
	m := &Meter{walker: walker{layout: l}}
	m.walker.emit = func(r IterateRow) { m.done, m.hasRow = r, true }
	return m
}

// Push takes row i of the recording and returns the row of the iterate before it, which
// needed its successor; ok is false when s is the first iterate or an inner iterate. It
// returns an error when a vector does not have the length of the layout.
func (m *Meter) Push(i int, s *record.Step) (before IterateRow, ok bool, err error) {
	m.hasRow = false
	err = m.walker.push(i, s)
	return m.done, m.hasRow, err
}

// Newest returns the row of the newest iterate. The columns that need its successor are
// absent. It is the zero value before the first iterate.
func (m *Meter) Newest() IterateRow {
	if m.walker.cur == nil {
		return IterateRow{}
	}
	r, _, _ := m.walker.row(nil)
	return r
}
