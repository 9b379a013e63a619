package sketch

import "sgdwalk/record"

// Sink opens inner with the header of the reduced rows and returns a sink that
// takes full rows, described by h, and appends them reduced. Theta and grad are
// reduced in the same way; state and all scalars stay. The returned header,
// which is the caller's, is the one that inner was given: its Sketch says what
// was done. With the zero Spec it equals h and rows pass unchanged.
//
// A row that does not fit h is refused as every sink refuses it. Close closes
// the inner sink. Errors of inner come back as they are.
func Sink(inner func(*record.Header) (record.Sink, error), h *record.Header, spec Spec) (record.Sink, *record.Header, error) {
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

type sink struct {
	*reducer
	inner       record.Sink
	previous    *record.Step // &last, once there is one
	last        record.Step  // number of the last row
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

// Header returns the header that Sink gives to its inner sink, without opening
// one: what the reduced rows will be.
func Header(h *record.Header, spec Spec) (*record.Header, error) {
	r, err := newReducer(h, spec)
	if err != nil {
		return nil, err
	}
	return r.after, nil
}
