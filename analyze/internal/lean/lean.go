// Package lean reads of a trajectory what is needed and no more. A row on disk is
// verified as it is read, so a vector that nobody wants costs as much as one that
// is wanted.
package lean

import (
	"iter"

	"sgdwalk/record"
)

// Scalars returns row i without its vectors when the trajectory can do that, and
// otherwise the whole row.
func Scalars(t record.Trajectory, i int) (record.Step, error) {
	if l, ok := t.(interface {
		Scalars(i int) (record.Step, error)
	}); ok {
		return l.Scalars(i)
	}
	return t.At(i)
}

// Theta returns theta of row i, nil when the row has none, and reads the row's
// other vectors only when the trajectory can do no better. The slice is the
// trajectory's.
func Theta(t record.Trajectory, i int) ([]float32, error) {
	if l, ok := t.(interface {
		Theta(i int) ([]float32, error)
	}); ok {
		return l.Theta(i)
	}
	s, err := t.At(i)
	return s.Theta, err
}

// Grad returns the gradient of row i, as Theta returns theta.
func Grad(t record.Trajectory, i int) ([]float32, error) {
	if l, ok := t.(interface {
		Grad(i int) ([]float32, error)
	}); ok {
		return l.Grad(i)
	}
	s, err := t.At(i)
	return s.Grad, err
}

// Iterates yields the scalars and theta of the rows in their order, with the row's
// number, without inner iterates and rows that have no theta. The slice is the
// trajectory's. The first row that cannot be read is yielded with its error, and is
// the last.
func Iterates(t record.Trajectory) iter.Seq2[Iterate, error] {
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

// Iterate is a row with theta and no other vector.
type Iterate struct {
	Row int
	record.Step
}

// IterateAt returns row i, and whether it is an iterate: no inner one, and with
// theta.
func IterateAt(t record.Trajectory, i int) (it Iterate, ok bool, err error) {
	s, err := Scalars(t, i)
	if err != nil || s.Substep != 0 {
		return Iterate{Row: i}, false, err
	}
	theta, err := Theta(t, i)
	if err != nil || theta == nil {
		return Iterate{Row: i}, false, err
	}
	s.Theta, s.Grad, s.State = theta, nil, nil
	return Iterate{i, s}, true, nil
}

// ThetaPieces returns theta of row i verified as it is read, where the trajectory
// can do that, and otherwise verified; nil when the row has none.
func ThetaPieces(t record.Trajectory, i int) (record.Pieces, error) {
	if l, ok := t.(interface {
		ThetaPieces(i int) (record.Pieces, error)
	}); ok {
		return l.ThetaPieces(i)
	}
	theta, err := Theta(t, i)
	if theta == nil || err != nil {
		return nil, err
	}
	return verified(theta), nil
}

// verified is a vector that was read whole.
type verified []float32

func (v verified) Values() []float32 { return v }
func (verified) Verify() error       { return nil }
func (verified) Ahead(int, int)      {}

func (verified) CheckSums([]record.PartSum) error { return nil }

func (v verified) ReadSum(dst []float32, first int, _ uint32) (uint32, error) {
	return 0, v.Read(dst, first)
}

func (v verified) Read(dst []float32, first int) error {
	copy(dst, v[first:])
	return nil
}
