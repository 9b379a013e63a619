package walk

import (
	"context"
	"fmt"
	"slices"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/analyze/internal/curve"
	"sgdwalk/analyze/job"
	"sgdwalk/record"
)

// Job is a walk divided into units: the loss at an iterate, which two segments share; the
// losses inside a segment; and the values of each measure that belongs to one segment.
type Job struct {
	*evaluator
	selection *selection
	header    *record.Header
	rates     []float64 // learning rates of parameter groups
}

var _ job.Job[*Result] = (*Job)(nil)

// NewJob returns the job that Run runs, with the same arguments. It reads the scalars of
// every row. Progress and Store of the options are not used, because the driver has its
// own. The caller must call Close.
func NewJob(t record.Trajectory, loss analyze.Loss, opts Options) (*Job, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	opts = opts.Effective()
	p, err := selectSegments(t, &opts)
	if err != nil {
		return nil, err
	}
	alphas, zero, one := curve.Alphas(opts.Alphas)
	w := &evaluator{
		run: t, loss: loss, opts: &opts, segments: p.segments, loaded: -1,
		grid: newGrid(alphas, zero, one, opts.BarrierTolerance),
	}
	for i := range alphas {
		if i != zero && (i != one || opts.Direction == Gradient) {
			w.inside = append(w.inside, i)
		}
	}
	for _, m := range opts.Also {
		if m.At != nil {
			w.perSegment = append(w.perSegment, m)
		} else {
			w.perPoint = append(w.perPoint, m)
		}
	}
	w.states = newStates(t, w.losses())
	w.hessian = &products{evaluator: w}
	return &Job{
		evaluator: w, selection: p, header: t.Header(),
		rates: t.Header().Optimizer.GroupValues("learning_rate"),
	}, nil
}

// Close resets losses with a state to their own state.
func (j *Job) Close() { j.states.restore() }

// Run evaluates the loss on the selected segments of the recording. It does not change the
// recording, because the loss receives a copy of every point. It holds the vectors of the
// segments that are evaluated together.
//
// Run returns an error when the options or the selection are wrong, when a row cannot be
// read, and when the loss or the store fails. After a cancellation it returns the error of
// the context. Finished units are then in the store. A NaN loss is not an error.
func Run(ctx context.Context, t record.Trajectory, loss analyze.Loss, opts Options) (*Result, error) {
	j, err := NewJob(t, loss, opts)
	if err != nil {
		return nil, err
	}
	defer j.Close()
	return job.Run(ctx, j, job.Driver{Store: opts.Store, Progress: opts.Progress})
}

// Finish returns the tables and the summary. In a preview it leaves out segments with
// missing units.
func (j *Job) Finish(ctx context.Context, values job.Values) (*Result, error) {
	b := newBuilder(j.grid.alphas, slices.Concat(j.perPoint, j.perSegment))
	b.severalRates = len(j.rates) > 1
	c := &collector{evaluator: j.evaluator, values: values, builder: b}
	if err := values(ctx, "walk", j.Units(), func(u job.Unit, v []float64) error {
		return c.take(ctx, u,
			v)
	}); err != nil {
		return nil, err
	}
	if b.samples[0] == nil {
		return nil, fmt.Errorf("walk: none of the %d segments has all its losses: %w", len(j.segments),
			job.ErrIncomplete)
	}
	r := &Result{Segments: column.Of(b.rows), Losses: b.losses(), Evaluated: j.points}
	var err error
	if r.Epochs, r.NullHeights, err = epochTable(b.rows, j.opts); err != nil {
		return nil, err
	}
	r.Summary = summarize(r, j.selection, j.evaluator, b.rows)
	null, err := simulateNull(&r.Segments, j.opts)
	if err != nil {
		return nil, err
	}
	r.Summary.Null = *null
	var w analyze.Warnings
	if b.severalRates {
		w.Add(true, "several_rates", "the parameter groups of the optimizer have learning rates from %v to %v: "+
			"eta_sharpness and the quadratic null are absent, because they need a single rate, and the column "+
			"learning_rate has the rate of the first group", j.rates[0], j.rates[len(j.rates)-1])
	}
	r.Summary.warn(&w, j.opts)
	j.states.warn(&w, j.header)
	r.Warnings = w
	return r, nil
}

// evaluations returns the number of points of all segments. An iterate that two segments
// share counts once.
func (p *selection) evaluations(alphas int, d Direction) int {
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
