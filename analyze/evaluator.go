package analyze

import (
	"context"
	"errors"
	"slices"

	"sgdwalk/record"
)

// Evaluator is a loss over a data set that also measures the accuracy. Close releases its memory.
type Evaluator interface {
	Gradient
	Planar
	Evaluate(ctx context.Context, theta []float32) (record.Measure, error)
	Close()
}

// Measured is the loss over a data set. It keeps the last measure, so that Accuracy at the same point needs no
// second pass. The zero value with an Evaluator is ready.
type Measured struct {
	Evaluator Evaluator
	theta     []float32
	last      record.Measure
}

var (
	_ Stateful       = (*Measured)(nil)
	_ HessianProduct = (*Measured)(nil)
)

// Loss returns the mean loss.
func (m *Measured) Loss(ctx context.Context, theta []float32) (float64, error) {
	v, err := m.measure(ctx, theta)
	return v.Loss, err
}

// Accuracy returns the accuracy as a measure of its own.
func (m *Measured) Accuracy() Loss { return accuracy{m} }

// accuracy has every method of Measured, so that its points and states are known too.
type accuracy struct{ *Measured }

// Loss returns the accuracy.
func (a accuracy) Loss(ctx context.Context, theta []float32) (float64, error) {
	v, err := a.measure(ctx, theta)
	return v.Accuracy, err
}

func (m *Measured) measure(ctx context.Context, theta []float32) (record.Measure, error) {
	if m.theta != nil && slices.Equal(m.theta, theta) {
		return m.last, nil
	}
	v, err := m.Evaluator.Evaluate(ctx, theta)
	if err != nil {
		return v, err
	}
	m.theta, m.last = append(m.theta[:0], theta...), v
	return v, nil
}

// Ahead passes on the points that come next.
func (m *Measured) Ahead(ctx context.Context, n int, point func(i int, dst []float32)) error {
	return GoAhead(ctx, m.Evaluator, n, point)
}

// SetState passes on the state of the points that come next. It reports whether the evaluator has a state.
func (m *Measured) SetState(state []float32) bool {
	s, ok := m.Evaluator.(Stateful)
	m.theta = m.theta[:0]
	return ok && s.SetState(state)
}

// Gradient passes on the gradient.
func (m *Measured) Gradient(ctx context.Context, theta, grad []float32) (float64, error) {
	return m.Evaluator.Gradient(ctx, theta, grad)
}

// HessianAbsent says why the evaluator has no products with the Hessian.
func (m *Measured) HessianAbsent() string {
	_, absent := ExactHessian(m.Evaluator)
	return absent
}

// HessianVectors passes on the products.
func (m *Measured) HessianVectors(ctx context.Context, theta []float32, v, dst [][]float32) error {
	h, absent := ExactHessian(m.Evaluator)
	if h == nil {
		return errors.New(absent)
	}
	return h.HessianVectors(ctx, theta, v, dst)
}
