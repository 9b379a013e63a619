package line

import (
	"context"
	"fmt"
	"math/rand/v2"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/analyze/internal/curve"
	"sgdwalk/record"
)

const (
	// defaultSteps is the number of steps after which the training ends, settled or not.
	defaultSteps = 10_000
	// checkInterval is the number of steps between two checks of the mean loss on the curve.
	checkInterval = 100
	// maxAnnealing is the largest number of steps over which the rate falls at the end.
	maxAnnealing = 200
	// meanPoints is the number of points between the ends for the mean loss.
	meanPoints = 9
)

// maxSteps returns the largest number of steps of the training.
func (o *ConnectOptions) maxSteps() int {
	if o.Steps > 0 {
		return o.Steps
	}
	return defaultSteps
}

// trainingRow is a row of ConnectResult.Training, which defines the columns.
type trainingRow struct {
	Step         int     `col:"step"`
	T            float64 `col:"t"`
	LearningRate float64 `col:"learning_rate"`
	Loss         float64 `col:"loss"`
}

// training trains the bend of a curve. It keeps the bend in float64, because late steps are
// smaller than the resolution of float32.
type training struct {
	*ConnectResult
	o              *ConnectOptions
	g              analyze.Gradient
	stateful       analyze.Stateful // g, if it gets the states of the options; otherwise nil
	rng            *rand.Rand
	bend, velocity []float64
	point, grad    []float32

	rows []trainingRow
}

// train moves the bend at the full rate until the bend has settled, or for half of the
// requested steps. Then it lowers the rate.
func (r *ConnectResult) train(ctx context.Context, g analyze.Gradient, o *ConnectOptions) error {
	n := len(r.Curve.A)
	t := &training{
		ConnectResult: r, o: o, g: g, rng: rand.New(rand.NewPCG(o.Seed, 1)),
		bend: make([]float64, n), velocity: make([]float64, n), point: make([]float32, n), grad: make([]float32, n),
	}
	for i, v := range r.Curve.Bend {
		t.bend[i] = float64(v)
	}
	if g, ok := g.(analyze.Stateful); ok && o.States.A != nil && g.SetState(nil) {
		t.stateful = g
		defer g.SetState(nil)
	}
	err := t.run(ctx)
	r.Training = column.Of(t.rows)
	r.Summary.Form, r.Summary.Steps = o.Form, len(t.rows)
	r.Summary.TrainingLoss = analyze.Describe(r.Training.Column("loss"))
	o.Progress.Add(o.maxSteps() - len(t.rows))
	return err
}

// run trains the bend. Two checks in succession must find that the mean loss hardly falls,
// because a single check can be an accident of the random points.
func (t *training) run(ctx context.Context) error {
	full := t.o.maxSteps() - min(maxAnnealing, t.o.maxSteps()/2)
	if t.o.Steps > 0 {
		full = (t.o.Steps + 1) / 2
	}
	before, excess, err := t.mean(ctx)
	if err != nil {
		return err
	}
	every := min(checkInterval, max(1, full/2))
	settled := 0 // successive checks that found the bend settled
	for done := 0; done < full && settled < 2 && !t.Summary.Diverged; done += every {
		steps := min(every, full-done)
		if err := t.trainSteps(ctx, steps, t.o.LearningRate, t.o.LearningRate); err != nil {
			return err
		}
		now, _, err := t.mean(ctx)
		if err != nil {
			return err
		}
		fall := 0.0
		if excess > 0 {
			fall = (before - now) / excess * checkInterval / float64(steps)
			t.Summary.StillFalling = record.Optional{Value: fall, Valid: fall-fall == 0}
		}
		before = now
		if settled++; !(fall < t.o.Tolerance) {
			settled = 0
		}
		t.Summary.Settled = settled > 0 && (settled > 1 || t.o.Steps > 0) && steps == checkInterval
		if t.o.Steps > 0 {
			settled = 0 // a requested number of steps is trained in full
		}
	}
	t.Summary.Settled = t.Summary.Settled && !t.Summary.Diverged || excess <= 0
	if t.Summary.Diverged {
		return nil
	}
	rest := t.o.Steps - len(t.rows)
	if t.o.Steps == 0 {
		rest = min(maxAnnealing, len(t.rows))
	}
	return t.trainSteps(ctx, rest, t.o.LearningRate, t.o.LearningRate/100)
}

// setPoint sets the point to that of the curve at s, and the state of the loss with it.
func (t *training) setPoint(s float64) {
	t.Curve.Point(s, t.point)
	if t.stateful != nil {
		t.stateful.SetState(curve.State(t.o.States.A, t.o.States.B, s))
	}
}

// mean returns the mean loss between the ends of the curve. Before the first step it also
// returns the excess: how far that mean is above the mean of the two ends.
func (t *training) mean(ctx context.Context) (mean, excess float64, err error) {
	at := func(s float64) (float64, error) {
		t.setPoint(s)
		return t.g.Loss(ctx, t.point)
	}
	for i := range meanPoints {
		v, err := at(float64(i+1) / (meanPoints + 1))
		if err != nil {
			return 0, 0, fmt.Errorf("line: step %d of the bend: %w", len(t.rows), err)
		}
		mean += v / meanPoints
	}
	if len(t.rows) > 0 {
		return mean, 0, nil
	}
	a, err := at(0)
	if err != nil {
		return 0, 0, fmt.Errorf("line: the first end: %w", err)
	}
	b, err := at(1)
	if err != nil {
		return 0, 0, fmt.Errorf("line: the second end: %w", err)
	}
	return mean, mean - (a/2 + b/2), nil
}

// trainSteps makes steps while the rate changes linearly from one value to another. Every
// step draws a point on the curve and computes the gradient there. The bend moves by the
// gradient times the weight of the bend at that point.
func (t *training) trainSteps(ctx context.Context, steps int, from, to float64) error {
	for i := range steps {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("line: stopped at step %d of the bend: %w", len(t.rows), err)
		}
		s := t.rng.Float64()
		t.setPoint(s)
		loss, err := t.g.Gradient(ctx, t.point, t.grad)
		if err != nil {
			return fmt.Errorf("line: step %d of the bend: %w", len(t.rows), err)
		}
		eta := from + (to-from)*float64(i+1)/float64(steps)
		t.rows = append(t.rows, trainingRow{len(t.rows), s, eta, loss})
		_, weight, _ := t.o.Form.weights(s)
		if !t.move(weight, eta) {
			t.Summary.Diverged = true
			return nil
		}
		t.o.Progress.Add(1)
	}
	return nil
}

// move makes one step of the bend. It makes none and returns false when the gradient is not
// finite or when the step leaves the range of float32.
func (t *training) move(weight, eta float64) bool {
	for i, v := range t.grad {
		t.velocity[i] = float64(t.o.Momentum*t.velocity[i]) + float64(weight*float64(v))
		if to := float32(t.bend[i] - float64(eta*t.velocity[i])); to-to != 0 {
			return false
		}
	}
	for i, v := range t.velocity {
		t.bend[i] -= float64(eta * v)
		t.Curve.Bend[i] = float32(t.bend[i])
	}
	return true
}
