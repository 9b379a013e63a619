package sketch

import "sgdwalk/record"

// Reduced is a recording whose rows are reduced when they are read.
type Reduced struct {
	*reducer
	inner record.Trajectory
}

var _ record.Trajectory = (*Reduced)(nil)

// Reduce returns t with its rows reduced when they are read: what a recording
// through Sink would have kept. Vectors are made anew for every row that is
// read, where they are not those of t. It is as safe for concurrent use as t.
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

// At returns row i, reduced.
func (t *Reduced) At(i int) (record.Step, error) {
	s, err := t.inner.At(i)
	if err != nil {
		return record.Step{}, err
	}
	s.Theta, s.Grad = t.vector(s.Theta, new(buffers)), t.vector(s.Grad, new(buffers))
	return s, nil
}

// Scalars returns row i without its vectors, none of which is reduced for it.
func (t *Reduced) Scalars(i int) (record.Step, error) {
	if r, ok := t.inner.(interface {
		Scalars(i int) (record.Step, error)
	}); ok {
		return r.Scalars(i)
	}
	s, err := t.inner.At(i)
	s.Theta, s.Grad, s.State = nil, nil, nil
	return s, err
}

// Theta returns theta of row i, reduced; nil when the row has none.
func (t *Reduced) Theta(i int) ([]float32, error) {
	v, err := t.one(i, func(s *record.Step) []float32 { return s.Theta }, func(l lean) func(int) ([]float32, error) { return l.Theta })
	return t.vector(v, new(buffers)), err
}

// Grad returns the gradient of row i, reduced; nil when the row has none.
func (t *Reduced) Grad(i int) ([]float32, error) {
	v, err := t.one(i, func(s *record.Step) []float32 { return s.Grad }, func(l lean) func(int) ([]float32, error) { return l.Grad })
	return t.vector(v, new(buffers)), err
}

// State returns the state of row i, which is not reduced; nil when the row has none.
func (t *Reduced) State(i int) ([]float32, error) {
	return t.one(i, func(s *record.Step) []float32 { return s.State }, func(l lean) func(int) ([]float32, error) { return l.State })
}

// lean is what a recording may have to read one vector of a row only.
type lean interface {
	Theta(i int) ([]float32, error)
	Grad(i int) ([]float32, error)
	State(i int) ([]float32, error)
}

// one reads one vector of the recording as it is, nil with an error.
func (t *Reduced) one(i int, of func(*record.Step) []float32, method func(lean) func(int) ([]float32, error)) ([]float32, error) {
	if l, ok := t.inner.(lean); ok {
		return method(l)(i)
	}
	s, err := t.inner.At(i)
	if err != nil {
		return nil, err
	}
	return of(&s), nil
}
