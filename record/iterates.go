package record

import "iter"

// Iterate is a row with theta and no other vector.
type Iterate struct {
	Row int
	Step
}

// Iterates yields the iterates of a recording in order: the rows that have theta and
// are not inner iterates. A row that cannot be read is yielded with its error and
// ends the sequence. t owns the vectors.
func Iterates(t Trajectory) iter.Seq2[Iterate, error] {
	return func(yield func(Iterate, error) bool) {
		for i := range t.Len() {
			if it, ok, err := IterateAt(t, i); err != nil {
				yield(Iterate{Row: i}, err)
				return
			} else if ok && !yield(it, nil) {
				return
			}
		}
	}
}

// IterateAt returns row i with theta, and whether the row is an iterate: not an
// inner iterate, and with theta.
func IterateAt(t Trajectory, i int) (it Iterate, ok bool, err error) {
	// The scalars are read first, because an inner iterate's theta is not needed.
	s, err := t.Read(i, ScalarsOnly)
	if err != nil || s.Substep != 0 {
		return Iterate{Row: i}, false, err
	}
	s.Theta, err = ThetaOf(t, i)
	return Iterate{i, s}, err == nil && s.Theta != nil, err
}
