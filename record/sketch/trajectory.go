package sketch

import "sgdwalk/record"

// Reduced is a recording that reduces rows when they are read.
type Reduced struct {
	*reducer
	inner record.Trajectory
}

var _ record.Trajectory = (*Reduced)(nil)

// Reduce returns a recording with the rows of t, reduced when they are read: the same rows
// that Sink would have written. Every read computes the reduced vectors again. It is as
// safe for concurrent use as t.
func Reduce(t record.Trajectory, spec Spec) (*Reduced, error) {
	r, err := newReducer(t.Header(), spec)
	if err != nil {
		return nil, err
	}
	return &Reduced{reducer: r, inner: t}, nil
}

// Header describes the reduced rows; the caller must not change it.
func (t *Reduced) Header() *record.Header { return t.after }

// Len returns the number of rows.
func (t *Reduced) Len() int { return t.inner.Len() }

// Read returns row i with the vectors in parts. Theta and the gradient are reduced,
// the state is not.
func (t *Reduced) Read(i int, parts record.Parts) (record.Step, error) {
	s, err := t.inner.Read(i, parts)
	if err != nil {
		return record.Step{}, err
	}
	s.Theta, s.Grad = t.vector(s.Theta, new(buffers)), t.vector(s.Grad, new(buffers))
	return s, nil
}

// ThetaPieces returns theta of row i, reduced; nil when the row has none.
func (t *Reduced) ThetaPieces(i int) (record.Pieces, error) {
	theta, err := record.ThetaOf(t, i)
	if theta == nil || err != nil {
		return nil, err
	}
	return record.VerifiedPieces(theta), nil
}

// Release releases memory of the original recording.
func (t *Reduced) Release() { t.inner.Release() }
