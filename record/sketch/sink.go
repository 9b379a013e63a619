package sketch

import "sgdwalk/record"

// Sink opens inner with the header of the reduced rows, and returns a sink that reduces
// full rows, described by h, before it appends them to inner. Theta and grad are reduced
// in the same way; state and all scalars are unchanged. The returned header is a copy of
// the header for inner; its Sketch describes the reduction. With the zero Spec it equals
// h, and rows are unchanged.
//
// The sink refuses a row that does not fit h. Close closes the inner sink. Errors of inner
// are returned unchanged.
func Sink(inner func(*record.Header) (record.Sink, error), h *record.Header, spec Spec) (record.Sink, *record.Header,
	error,
) {
	r, err := newReducer(h, spec)
	if err != nil {
		return nil, nil, err
	}
	s, err := inner(r.after.Clone())
	if err != nil {
		return nil, nil, err
	}
	return &sink{reducer: r, inner: s}, r.after.Clone(), nil
}

// sink is the sink of Sink.
type sink struct {
	*reducer
	inner       record.Sink
	previous    *record.Step // &last; nil before the first row
	last        record.Step  // step and substep of the last row
	theta, grad buffers
	closed      bool
}

var _ record.Sink = (*sink)(nil)

// Append reduces the row and appends it.
func (s *sink) Append(row *record.Step) error {
	if s.closed {
		return record.ErrClosed
	}
	if err := s.before.CheckStep(row, s.previous); err != nil {
		return err
	}
	reduced := *row
	reduced.Theta = s.vector(row.Theta, &s.theta)
	reduced.Grad = s.vector(row.Grad, &s.grad)
	if err := s.inner.Append(&reduced); err != nil {
		return err
	}
	s.last.Step, s.last.Substep = row.Step, row.Substep
	s.previous = &s.last
	return nil
}

// Close closes the inner sink.
func (s *sink) Close() error {
	s.closed = true
	return s.inner.Close()
}

// Header returns the header of the reduced rows, which Sink gives to its inner sink.
func Header(h *record.Header, spec Spec) (*record.Header, error) {
	r, err := newReducer(h, spec)
	if err != nil {
		return nil, err
	}
	return r.after, nil
}
