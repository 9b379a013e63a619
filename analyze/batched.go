package analyze

import (
	"context"
	"slices"

	"sgdwalk/record"
)

// Batched is a Loss that evaluates many points together faster than one after the other:
// they share a pass over the data, and the outputs of a first layer that are linear in
// theta, and they keep all cores or all processes busy. It is optional: with a plain Loss,
// an analysis evaluates point by point.
type Batched interface {
	Loss
	// BatchSize is the number of points per call of evaluate that is fastest, at least 1. An
	// interruption loses the points of a call.
	BatchSize() int
	// OnSpan prepares points of a span, whose vectors have length P and must not change
	// while evaluate is used.
	//
	// evaluate sets loss[i], and accuracy[i] unless accuracy is nil, to the values at the
	// point at[i]. All its slices have the same length. The bits of a value depend only on
	// the base of its point, on the vectors with a coefficient other than 0, and on its
	// state. The relative difference to the value of Loss is at most 1e-6, because sums have
	// another order.
	OnSpan(s record.Span) (evaluate func(ctx context.Context, at []record.Coordinates, loss, accuracy []float64) error,
		err error)
}

// BatchSize returns the number of points that EvaluateOn evaluates fastest in one call: the
// largest batch size of the losses, 1 if none is a Batched.
func BatchSize(losses ...Loss) int {
	n := 1
	for _, l := range losses {
		if b, _ := batched(l); b != nil {
			n = max(n, b.BatchSize())
		}
	}
	return n
}

// batched returns the Batched that evaluates a loss, or nil, and the Measured to which the
// loss belongs, or nil.
func batched(loss Loss) (Batched, *Measured) {
	switch l := loss.(type) {
	case Batched:
		return l, nil
	case interface{ measured() *Measured }:
		if m := l.measured(); !m.Plain {
			return m.Evaluator, m
		}
	}
	return nil, nil
}

// PointError says at which point and for which loss EvaluateOn failed. A Batched fails at
// the first of the points.
type PointError struct {
	Point, Loss int // indices
	Err         error
}

// Error returns the text of the wrapped error.
func (e *PointError) Error() string { return e.Err.Error() }

// Unwrap returns the wrapped error.
func (e *PointError) Unwrap() error { return e.Err }

// EvaluateOn returns the values of all losses at points of a span: one slice for each point.
// A loss that is a Batched evaluates all points together, and the loss and the accuracy of
// one Measured share one evaluation. Any other loss receives the points in their order. A
// loss that is not a Stateful does not receive the states. A Stateful that received states
// has its default state afterwards. The error is a *PointError.
func EvaluateOn(ctx context.Context, s record.Span, at []record.Coordinates, losses ...Loss) ([][]float64, error) {
	values := make([][]float64, len(at))
	for i := range values {
		values[i] = make([]float64, len(losses))
	}
	done := make([]bool, len(losses))
	for m, l := range losses {
		if done[m] {
			continue
		}
		b, measured := batched(l)
		if b == nil {
			if i, err := evaluateEach(ctx, s, at, l, func(i int, v float64) { values[i][m] = v }); err != nil {
				return nil, &PointError{i, m, err}
			}
			continue
		}
		columns := [2][]float64{make([]float64, len(at))} // losses and accuracies
		column := map[int]int{m: 0}                       // of the losses that b evaluates
		for k := m; k < len(losses) && measured != nil; k++ {
			if _, other := batched(losses[k]); other == measured {
				done[k], column[k] = true, 0
				if _, ok := losses[k].(accuracy); ok {
					columns[1], column[k] = make([]float64, len(at)), 1
				}
			}
		}
		if err := evaluateTogether(ctx, b, s, at, columns); err != nil {
			return nil, &PointError{0, m, err}
		}
		for k, c := range column {
			for i, v := range columns[c] {
				values[i][k] = v
			}
		}
	}
	return values, nil
}

// evaluateTogether sets the columns loss and accuracy.
func evaluateTogether(ctx context.Context, b Batched, s record.Span, at []record.Coordinates,
	columns [2][]float64,
) error {
	evaluate, err := b.OnSpan(s)
	if err != nil {
		return err
	}
	if _, ok := b.(Stateful); !ok {
		at = slices.Clone(at)
		for i := range at {
			at[i].State = nil
		}
	}
	return evaluate(ctx, at, columns[0], columns[1])
}

// evaluateEach evaluates a plain loss point by point and returns the index of the point at
// which it failed.
func evaluateEach(ctx context.Context, s record.Span, at []record.Coordinates, loss Loss,
	set func(i int, v float64),
) (int, error) {
	theta := make([]float32, len(s.Vector(0)))
	stateful, _ := loss.(Stateful)
	if stateful != nil && slices.ContainsFunc(at, func(c record.Coordinates) bool { return c.State != nil }) {
		defer stateful.SetState(nil)
	} else {
		stateful = nil
	}
	for i := range at {
		if err := ctx.Err(); err != nil {
			return i, err
		}
		s.Point(&at[i], 0, theta) // for every loss again, because a loss may change it
		if stateful != nil {
			stateful.SetState(at[i].State)
		}
		v, err := loss.Loss(ctx, theta)
		if err != nil {
			return i, err
		}
		set(i, v)
	}
	return 0, nil
}
