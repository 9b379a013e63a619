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
	Batched
	Evaluate(ctx context.Context, theta []float32) (record.Measure, error)
	Close()
}

// Measured is the loss over a data set. It keeps the last measure, so that the accuracy at the same point needs no
// second pass over the data. EvaluateOn evaluates it as a Batched. A value with Evaluator set is ready to use. It is not safe for concurrent use.
type Measured struct {
	Evaluator Evaluator
	Plain     bool // EvaluateOn evaluates point by point, without sharing work between points
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

// Accuracy returns a Loss whose value is the accuracy, a fraction from 0 to 1. It shares the last measure with m.
func (m *Measured) Accuracy() Loss { return accuracy{m} }

// accuracy embeds Measured, so that it also forwards states.
type accuracy struct{ *Measured }

// Loss returns the accuracy.
func (a accuracy) Loss(ctx context.Context, theta []float32) (float64, error) {
	v, err := a.measure(ctx, theta)
	return v.Accuracy, err
}

// measure evaluates theta, unless theta equals the last point.
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

// measured returns m, also for the accuracy and for a loss that embeds m.
func (m *Measured) measured() *Measured { return m }

// SetState forwards the state of the next points to the evaluator, and forgets the last measure because it belongs
// to another state. It reports whether the evaluator uses a state.
func (m *Measured) SetState(state []float32) bool {
	s, ok := m.Evaluator.(Stateful)
	m.theta = m.theta[:0]
	return ok && s.SetState(state)
}

// Gradient returns the loss and the gradient of the evaluator.
func (m *Measured) Gradient(ctx context.Context, theta, grad []float32) (float64, error) {
	return m.Evaluator.Gradient(ctx, theta, grad)
}

// HessianAbsent returns the reason why the evaluator has no products with the Hessian, or the empty string.
func (m *Measured) HessianAbsent() string {
	_, absent := ExactHessian(m.Evaluator)
	return absent
}

// HessianVectors returns the products of the evaluator.
func (m *Measured) HessianVectors(ctx context.Context, theta []float32, v, dst [][]float32) error {
	h, absent := ExactHessian(m.Evaluator)
	if h == nil {
		return errors.New(absent)
	}
	return h.HessianVectors(ctx, theta, v, dst)
}
