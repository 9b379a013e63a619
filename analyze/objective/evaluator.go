package objective

import (
	"context"

	"sgdwalk/analyze"
	"sgdwalk/record"
	"sgdwalk/record/printable"
)

// Evaluator is a loss, and perhaps an accuracy, that an objective gives, with its own state.
type Evaluator struct {
	View
	state []float32
}

var (
	_ analyze.Evaluator = (*Evaluator)(nil)
	_ analyze.Stateful  = (*Evaluator)(nil)
)

// NewEvaluator returns the loss of a view at a state, which is nil for an objective without state.
func NewEvaluator(v View, state []float32) *Evaluator {
	return &Evaluator{View: v.WithState(state), state: state}
}

// Evaluate returns the loss and the accuracy; the accuracy is 0 when the view has none.
func (x *Evaluator) Evaluate(ctx context.Context, theta []float32) (m record.Measure, err error) {
	v, err := x.View.Evaluate(ctx, theta)
	if err != nil {
		return m, err
	}
	loss, accuracy := x.Places()
	if m.Loss = v[loss]; accuracy >= 0 {
		m.Accuracy = v[accuracy]
	}
	return m, nil
}

// SetState sets the state for the points that follow; nil sets the evaluator's own state. It
// returns false without an effect when the program has no state or keeps its own.
func (x *Evaluator) SetState(state []float32) bool {
	if x.o.StateLen() == 0 || x.o.keepsState {
		return false
	}
	if state == nil {
		state = x.state
	}
	x.View = x.WithState(state)
	return true
}

// Close does nothing: the processes end with the objective.
func (x *Evaluator) Close() {}

// LateProducts is a loss whose derivatives another process gives. An analysis may need no derivatives, and a
// program may have none, so Open starts the process when they are first requested.
type LateProducts struct {
	*analyze.Measured
	Open     func() (analyze.Gradient, error)
	opened   bool
	gradient analyze.Gradient // nil when there is none
	loss     analyze.HessianProduct
	reason   string // why there is no gradient
	absent   string // why there are no products
}

var (
	_ analyze.HessianProduct = (*LateProducts)(nil)
	_ analyze.Stateful       = (*LateProducts)(nil)
)

// open starts the process, once.
func (p *LateProducts) open() {
	if p.opened {
		return
	}
	p.opened = true
	g, err := p.Open()
	if err != nil {
		p.reason = printable.OneLine(err)
		p.absent = p.reason
		return
	}
	p.gradient = g
	p.loss, p.absent = analyze.ExactHessian(g)
}

// GradientAbsent says why the program gives no gradient that belongs to its loss.
func (p *LateProducts) GradientAbsent() string {
	p.open()
	return p.reason
}

// HessianAbsent says why the program gives no products, or no gradient that belongs to its loss.
func (p *LateProducts) HessianAbsent() string {
	p.open()
	return p.absent
}

// SetState sets the state of the loss and, once the process has started, of its derivatives.
func (p *LateProducts) SetState(state []float32) bool {
	if s, ok := p.gradient.(analyze.Stateful); ok {
		s.SetState(state)
	}
	return p.Measured.SetState(state)
}

// Gradient returns the loss and its gradient, after GradientAbsent or HessianAbsent returned "".
func (p *LateProducts) Gradient(ctx context.Context, theta, grad []float32) (float64, error) {
	return p.gradient.Gradient(ctx, theta, grad)
}

// HessianVectors multiplies vectors by the Hessian.
func (p *LateProducts) HessianVectors(ctx context.Context, theta []float32, v, dst [][]float32) error {
	return p.loss.HessianVectors(ctx, theta, v, dst)
}
