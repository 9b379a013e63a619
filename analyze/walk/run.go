package walk

import (
	"context"
	"fmt"
	"slices"

	"sgdwalk/analyze"
	"sgdwalk/analyze/job"
	"sgdwalk/record"
)

// Job is a walk divided into units: the loss at an iterate, which two segments share, the
// losses inside a segment, and the values of each measure that a segment has of its own.
type Job struct {
	*walker
	plan   *plan
	header *record.Header
	rates  []float64 // learning rates of parameter groups
}

var _ job.Job[*Result] = (*Job)(nil)

// NewJob returns the job that Run runs, with the same arguments. Progress and Store of the
// options are not used: they are the driver's. It reads the scalars of every row. Close
// must be called.
func NewJob(t record.Trajectory, loss analyze.Loss, opts Options) (*Job, error) {
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
		run: t, loss: loss, opts: &opts, segments: p.segments, loaded: -1,
		grid:    newGrid(alphas, zero, one, opts.BarrierTolerance),
		scratch: make([]float32, t.Header().Layout.Len()),
	}
	for i := range alphas {
		if i != zero && (i != one || opts.Direction == Gradient) {
			w.inside = append(w.inside, i)
		}
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
	w.products = &products{walker: w}
	return &Job{walker: w, plan: p, header: t.Header(), rates: t.Header().Optimizer.GroupValues("learning_rate")}, nil
}

// Close gives losses that take a state their own state back.
func (j *Job) Close() { j.states.end() }

// Run evaluates the loss on the chosen segments of the recording. The recording
// is not changed: the loss is given a copy of every point. Vectors of two rows are
// held at a time.
//
// It returns an error when the options or the selection are wrong, when a row
// cannot be read, when the loss or the store fails, and the context's error when
// it was cancelled; finished units are then in the store. A NaN loss is not an error.
func Run(ctx context.Context, t record.Trajectory, loss analyze.Loss, opts Options) (*Result, error) {
	j, err := NewJob(t, loss, opts)
	if err != nil {
		return nil, err
	}
	defer j.Close()
	return job.Run(ctx, j, job.Driver{Store: opts.Store, Progress: opts.Progress})
}

// Finish makes the tables and the summary of the segments that have all their units.
func (j *Job) Finish(ctx context.Context, values job.Values) (*Result, error) {
	b := newBuilder(j.grid.alphas, slices.Concat(j.shared, j.own))
	b.severalRates = len(j.rates) > 1
	c := &collector{walker: j.walker, values: values, builder: b}
	if err := values(ctx, "walk", j.Units(), func(u job.Unit, v []float64) error { return c.take(ctx, u, v) }); err != nil {
		return nil, err
	}
	if b.samples[0] == nil {
		return nil, fmt.Errorf("walk: none of the %d segments has all its losses: %w", len(j.segments), job.ErrIncomplete)
	}
	r := &Result{Segments: b.segments(), Losses: b.losses(), Evaluated: j.evaluated}
	var err error
	if r.Epochs, err = epochTable(&r.Segments, j.opts); err != nil {
		return nil, err
	}
	r.Summary = summarize(r, j.plan, j.walker, b)
	null, err := compare(&r.Segments, j.opts)
	if err != nil {
		return nil, err
	}
	r.Summary.Null = *null
	if b.severalRates {
		r.Warnings = append(r.Warnings, analyze.Warning{Code: "several_rates", Text: fmt.Sprintf("the optimizer has parameter groups with learning rates from %v to %v: eta_sharpness and the quadratic null need one, and learning_rate is that of the first group", j.rates[0], j.rates[len(j.rates)-1])})
	}
	r.Warnings = append(append(r.Warnings, warnings(&r.Summary, j.opts)...), j.states.warnings(j.header)...)
	return r, nil
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
