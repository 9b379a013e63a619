package walk

import (
	"context"
	"fmt"
	"slices"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

// Run evaluates the loss on the chosen segments of the recording. The recording
// is not changed: the loss is given a copy of every point. Vectors of two rows are
// held at a time.
//
// It returns an error when the options or the selection are wrong, when a row
// cannot be read, when the loss or the store fails, and the context's error when
// it was cancelled; finished units are then in the store. A NaN loss is no error.
// With an analyze.Part as the store the result is of the segments that are whole,
// nil when none is, and the error says that there are others.
func Run(ctx context.Context, t record.Trajectory, loss analyze.Loss, opts Options) (*Result, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	opts = opts.Effective()
	p, err := newPlan(t, &opts)
	if err != nil {
		return nil, err
	}
	alphas, zero, one := points(opts.Alphas)
	w := &walker{
		run: t, loss: loss, opts: &opts,
		grid:    newGrid(alphas, zero, one, opts.BarrierTolerance),
		scratch: make([]float32, t.Header().Layout.Len()),
		known:   make(map[int64]sample),
	}
	for _, m := range opts.Also {
		if m.At != nil {
			w.own = append(w.own, m)
		} else {
			w.shared = append(w.shared, m)
		}
	}
	evaluated := []analyze.Loss{loss}
	for _, m := range w.shared {
		evaluated = append(evaluated, m.Loss)
	}
	w.states = newStates(t, evaluated)
	defer w.states.end()
	w.products = &products{walker: w}
	rates := t.Header().Optimizer.GroupValues("learning_rate")
	opts.Progress.Begin("walk", p.evaluations(len(alphas), opts.Direction))
	b := newBuilder(alphas, slices.Concat(w.shared, w.own))
	b.severalRates = len(rates) > 1
	losses := make([]float64, len(alphas))
	left := 0 // segments with units of other workers
	for i := range p.segments {
		s := &p.segments[i]
		samples, length, err := w.evaluate(ctx, s)
		if err != nil {
			return nil, err
		}
		if samples == nil {
			left++
			continue
		}
		for i, v := range samples {
			losses[i] = v[0]
		}
		f := w.grid.measure(losses)
		w.grid.resolve(&f, losses, length)
		if err := w.products.complete(ctx, s, &f); err != nil {
			return nil, err
		}
		b.add(s, length, f)
		b.addSamples(s, samples)
	}
	var elsewhere error
	if left > 0 {
		elsewhere = fmt.Errorf("walk: %d of %d segments: %w", left, len(p.segments), analyze.ErrElsewhere)
		if left == len(p.segments) {
			return nil, elsewhere
		}
	}
	r := &Result{Segments: b.segments(), Losses: b.losses(), Evaluated: w.evaluated}
	if r.Epochs, err = epochTable(&r.Segments, &opts); err != nil {
		return nil, err
	}
	r.Summary = summarize(r, p, w, b)
	null, err := compare(&r.Segments, &opts)
	if err != nil {
		return nil, err
	}
	r.Summary.Null = *null
	if b.severalRates {
		r.Warnings = append(r.Warnings, analyze.Warning{Code: "several_rates", Text: fmt.Sprintf("the optimizer has parameter groups with learning rates from %v to %v: eta_sharpness and the quadratic null need one, and learning_rate is that of the first group", rates[0], rates[len(rates)-1])})
	}
	r.Warnings = append(append(r.Warnings, warnings(&r.Summary, &opts)...), w.states.warnings(t.Header())...)
	return r, elsewhere
}

// evaluations returns how many points the plan has: iterates once, everything
// else once per segment.
func (p *plan) evaluations(alphas int, d Direction) int {
	if d == Gradient {
		return len(p.segments) * alphas
	}
	n, last := len(p.segments)*(alphas-2), -1
	for i := range p.segments {
		if p.segments[i].row != last {
			n++
		}
		n++
		last = p.segments[i].next
	}
	return n
}
