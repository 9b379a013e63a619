package sketch

import "sgdwalk/record"

// Reduce returns t with its rows reduced when they are read: what a recording
// through Sink would have kept. Vectors are made anew for every row that is
// read, where they are not those of t. It is as safe for concurrent use as t.
func Reduce(t record.Trajectory, spec Spec) (record.Trajectory, error) {
	r, err := newReducer(t.Header(), spec)
	if err != nil {
		return nil, err
	}
	return &trajectory{reducer: r, inner: t}, nil
}

type trajectory struct {
	*reducer
	inner record.Trajectory
}

var _ record.Trajectory = (*trajectory)(nil)

// Header describes the reduced rows; the caller must not change it.
func (t *trajectory) Header() *record.Header { return t.after }

// Len returns the number of rows.
func (t *trajectory) Len() int { return t.inner.Len() }

// At returns row i, reduced.
func (t *trajectory) At(i int) (record.Step, error) {
	s, err := t.inner.At(i)
	if err != nil {
		return s, err
	}
	s.Theta, s.Grad = t.vector(s.Theta, new(buffers)), t.vector(s.Grad, new(buffers))
	return s, nil
}
