package line

import (
	"context"
	"fmt"
	"math/rand/v2"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

const (
	// mostSteps is how many steps a bend is trained that does not settle.
	mostSteps = 10_000
	// checkSteps is how often the mean loss on the curve is looked at.
	checkSteps = 100
	// mostAnnealing is the number of steps over which the rate falls at the end, at most.
	mostAnnealing = 200
	// probes is the number of points between the ends that the mean loss is taken over.
	probes = 9
)

func (o *ConnectOptions) mostSteps() int {
	if o.Steps > 0 {
		return o.Steps
	}
	return mostSteps
}

// training is that of a bend. The bend is kept in float64, because late steps are
// smaller than what float32 resolves.
type training struct {
	*ConnectResult
	o              *ConnectOptions
	g              analyze.Gradient
	rng            *rand.Rand
	bend, velocity []float64
	point, grad    []float32

	steps             []int64
	ts, rates, losses []float64
}

// train moves the bend at the full rate until it has settled, or for half of the
// steps, and then lets the rate fall.
func (r *ConnectResult) train(ctx context.Context, g analyze.Gradient, o *ConnectOptions) error {
	n := len(r.Curve.A)
	t := &training{
		ConnectResult: r, o: o, g: g, rng: rand.New(rand.NewPCG(o.Seed, 1)),
		bend: make([]float64, n), velocity: make([]float64, n), point: make([]float32, n), grad: make([]float32, n),
	}
	for i, v := range r.Curve.Bend {
		t.bend[i] = float64(v)
	}
	err := t.run(ctx)
	r.Training = record.Table{Columns: []record.Column{
		{Name: "step", Ints: t.steps}, {Name: "t", Floats: t.ts}, {Name: "learning_rate", Floats: t.rates}, {Name: "loss", Floats: t.losses},
	}}
	r.Summary.Form, r.Summary.Steps = o.Form, len(t.steps)
	r.Summary.TrainingLoss = analyze.Describe(r.Training.Column("loss"))
	o.Progress.Add(o.mostSteps() - len(t.steps))
	return err
}

func (t *training) run(ctx context.Context) error {
	full := t.o.mostSteps() - min(mostAnnealing, t.o.mostSteps()/2)
	if t.o.Steps > 0 {
		full = (t.o.Steps + 1) / 2
	}
	before, excess, err := t.mean(ctx)
	if err != nil {
		return err
	}
	every := min(checkSteps, max(1, full/2))
	calm := 0 // checks in a row that found nothing
	for done := 0; done < full && calm < 2 && !t.Summary.Diverged; done += every {
		steps := min(every, full-done)
		if err := t.steadily(ctx, steps, t.o.LearningRate, t.o.LearningRate); err != nil {
			return err
		}
		now, _, err := t.mean(ctx)
		if err != nil {
			return err
		}
		fall := 0.0
		if excess > 0 {
			fall = (before - now) / excess * checkSteps / float64(steps)
			t.Summary.StillFalling = record.Optional{Value: fall, Valid: fall-fall == 0}
		}
		before = now
		if calm++; !(fall < t.o.Tolerance) {
			calm = 0
		}
		t.Summary.Settled = calm > 0 && (calm > 1 || t.o.Steps > 0) && steps == checkSteps
		if t.o.Steps > 0 {
			calm = 0 // the steps were chosen
		}
	}
	t.Summary.Settled = t.Summary.Settled && !t.Summary.Diverged || excess <= 0
	if t.Summary.Diverged {
		return nil
	}
	rest := t.o.Steps - len(t.steps)
	if t.o.Steps == 0 {
		rest = min(mostAnnealing, len(t.steps))
	}
	return t.steadily(ctx, rest, t.o.LearningRate, t.o.LearningRate/100)
}

// mean returns the mean loss between the ends of the curve, and how far it is above
// the mean of the ends.
func (t *training) mean(ctx context.Context) (mean, excess float64, err error) {
	at := func(s float64) (float64, error) {
		t.Curve.Point(s, t.point)
		return t.g.Loss(ctx, t.point)
	}
	for i := range probes {
		v, err := at(float64(i+1) / (probes + 1))
		if err != nil {
			return 0, 0, fmt.Errorf("line: step %d of the bend: %w", len(t.steps), err)
		}
		mean += v / probes
	}
	if len(t.steps) > 0 {
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

// steadily makes steps while the rate goes linearly from one value to another. Every
// step draws a point, takes the gradient there and moves the bend by its share of it.
func (t *training) steadily(ctx context.Context, steps int, from, to float64) error {
	for i := range steps {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("line: stopped at step %d of the bend: %w", len(t.steps), err)
		}
		s := t.rng.Float64()
		t.Curve.Point(s, t.point)
		loss, err := t.g.Gradient(ctx, t.point, t.grad)
		if err != nil {
			return fmt.Errorf("line: step %d of the bend: %w", len(t.steps), err)
		}
		eta := from + (to-from)*float64(i+1)/float64(steps)
		t.steps, t.ts = append(t.steps, int64(len(t.steps))), append(t.ts, s)
		t.rates, t.losses = append(t.rates, eta), append(t.losses, loss)
		_, share, _ := t.o.Form.weights(s)
		if !t.move(t.bend, t.velocity, t.grad, share, eta, t.o.Momentum) {
			t.Summary.Diverged = true
			return nil
		}
		t.o.Progress.Add(1)
	}
	return nil
}
