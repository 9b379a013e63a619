// Package lean reads of a trajectory what is needed and no more. A row on disk is
// verified as it is read, so a vector that nobody wants costs as much as one that
// is wanted.
package lean

import "sgdwalk/record"

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

func (v verified) Read(dst []float32, first int) error {
	copy(dst, v[first:])
	return nil
}
