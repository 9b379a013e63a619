package walk

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

// Result is a walk. The tables and the summary are the caller's.
//
// phi(alpha) is the loss at theta_k + alpha d, where d is the update
// theta_{k+1}-theta_k or, along the gradient, -eta g_k. Alpha counts in steps.
// Everything derived from phi is absent where one of the segment's samples is NaN
// or infinite; the samples themselves are kept.
type Result struct {
	// Segments has one row per segment, in the order of the recording:
	//
	//	row, step, epoch        of iterate k
	//	learning_rate           of update k
	//	batch_loss              loss of batch k at theta_k, as recorded
	//	step_length             length of d
	//	loss_start, loss_end    phi(0), phi(1)
	//	rises                   phi(1) > phi(0)
	//	floor_position          s*, the argmin of phi over the alphas, refined by a parabola
	//	floor_loss              the valley floor, phi(s*) by the same parabola
	//	floor_at_edge           the floor is the first or last alpha: perhaps it is farther out
	//	floor_interior          0 < s* < 1
	//	height_start, height_end, height_mean   phi(0), phi(1) and their mean minus the floor
	//	barrier                 a sample strictly between 0 and 1 is above both ends (by more than the tolerance)
	//	barrier_height          highest such sample minus the higher end; absent without a barrier
	//	barrier_alpha           its alpha
	//	chord_barrier_height    largest excess of a sample over the straight line between the ends, at least 0
	//	interior_maxima         local maxima of the samples strictly between 0 and 1
	//	slope_start, slope_end  phi'(0), phi'(1): derivative of the polynomial through the 5 nearest samples
	//	curvature               phi'(1)-phi'(0), the mean of phi'' over the step; d'Hd for a quadratic
	//	sharpness               curvature / step_length^2, the directional curvature of the loss
	//	eta_sharpness           learning_rate * sharpness; 2 where a step along an eigenvector ends as high as it started
	//	parabola_position       minimum of the least-squares parabola through all samples; may be outside
	//	cockpit_alpha           1/parabola_position - 1 (Cockpit's normalized step length); -1 where the parabola is concave
	//	mae_degree_1 ... 4      mean absolute residual of the least-squares polynomials
	//	r2_degree_2             R^2 of the parabola
	//	nonfinite               samples that are NaN or infinite
	Segments record.Table
	// Losses has one row per segment and alpha: row, step, epoch, alpha, position
	// (step + alpha) and loss.
	Losses record.Table
	// Epochs has the statistics of the segments of each epoch; see epochTable.
	Epochs record.Table
	// Summary has the numbers of the whole walk.
	Summary Summary
	// Warnings are what to know before believing the numbers.
	Warnings []analyze.Warning
	// Evaluated is how often the loss was evaluated this time: less than
	// Summary.Evaluations when a Store had some of the results.
	Evaluated int
}

// Run evaluates the loss on the chosen segments of the recording. The recording
// is not changed: the loss is given a copy of every point. Vectors of two rows are
// held at a time.
//
// It returns an error when the options or the selection are wrong, when a row
// cannot be read, when the loss or the store fails, and the context's error when
// it was cancelled; finished units are then in the store. A NaN loss is no error.
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
		known:   make(map[int64]float64),
	}
	opts.Progress.Begin("walk", p.evaluations(len(alphas), opts.Direction))
	b := newBuilder(alphas)
	for i := range p.segments {
		s := &p.segments[i]
		losses, length, err := w.evaluate(ctx, s)
		if err != nil {
			return nil, err
		}
		b.add(s, losses, length, w.grid.measure(losses))
	}
	r := &Result{Segments: b.segments(), Losses: b.losses(), Evaluated: w.evaluated}
	r.Epochs = epochTable(&r.Segments)
	r.Summary = summarize(r, p, w)
	r.Warnings = warnings(&r.Summary, t.Header(), &opts)
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

// walker evaluates segments one after the other.
type walker struct {
	run     record.Trajectory
	loss    analyze.Loss
	opts    *Options
	grid    *grid
	scratch []float32 // the point under evaluation

	// known has the losses of the iterates of the last segment, by step.
	known     map[int64]float64
	evaluated int

	// How far the evaluated losses are from the ones the run recorded.
	compared      int
	maxDifference float64
}

// evaluate returns the losses at all alphas of the segment and the length of d.
func (w *walker) evaluate(ctx context.Context, s *segment) (losses []float64, length float64, err error) {
	from, err := w.run.At(s.row)
	if err != nil {
		return nil, 0, fmt.Errorf("walk: row %d: %w", s.row, err)
	}
	var to record.Step
	var unit string
	var fill func(alpha float64)
	if w.opts.Direction == Update {
		if to, err = w.run.At(s.next); err != nil {
			return nil, 0, fmt.Errorf("walk: row %d: %w", s.next, err)
		}
		unit = "segment " + strconv.FormatInt(s.Step.Step, 10)
		length = math.Sqrt(distance2(from.Theta, to.Theta))
		fill = func(alpha float64) { between(w.scratch, from.Theta, to.Theta, alpha) }
	} else {
		eta := from.LearningRate.Value
		unit = "gradient " + strconv.FormatInt(s.Step.Step, 10)
		length = math.Abs(eta) * math.Sqrt(norm2(from.Grad))
		fill = func(alpha float64) { along(w.scratch, from.Theta, from.Grad, -alpha*eta) }
	}

	losses = make([]float64, len(w.grid.alphas))
	if losses[w.grid.zero], err = w.iterate(ctx, &from, func() { fill(0) }); err != nil {
		return nil, 0, err
	}
	if err := w.inside(ctx, s, unit, fill, losses); err != nil {
		return nil, 0, err
	}
	if w.opts.Direction == Update {
		if losses[w.grid.one], err = w.iterate(ctx, &to, func() { fill(1) }); err != nil {
			return nil, 0, err
		}
		// Only the end can be shared with what comes; the map stays small.
		clear(w.known)
		w.known[to.Step] = losses[w.grid.one]
	}
	return losses, length, nil
}

// iterate returns the loss at an iterate, which fill puts into the scratch, and
// compares it with the one that the run recorded.
func (w *walker) iterate(ctx context.Context, s *record.Step, fill func()) (float64, error) {
	if v, ok := w.known[s.Step]; ok {
		return v, nil
	}
	unit := "iterate " + strconv.FormatInt(s.Step, 10)
	v, ok := w.opts.Store.Lookup(unit)
	if ok && len(v) == 1 {
		w.opts.Progress.Add(1)
	} else {
		fill()
		loss, err := w.point(ctx, unit)
		if err != nil {
			return 0, err
		}
		v = []float64{loss}
		if err := w.opts.Store.Save(unit, v); err != nil {
			return 0, fmt.Errorf("walk: %s: %w", unit, err)
		}
	}
	if s.FullLoss.Valid {
		w.compared++
		w.maxDifference = max(w.maxDifference, difference(v[0], s.FullLoss.Value))
	}
	return v[0], nil
}

// difference is 0 for equal losses, two NaNs included, and infinite when only one
// of them is a number.
func difference(a, b float64) float64 {
	switch d := math.Abs(a - b); {
	case a == b || a != a && b != b:
		return 0
	case d != d:
		return math.Inf(1)
	default:
		return d
	}
}

// inside fills in the losses that belong to this segment alone: all but the
// iterates'. They are one unit of the store.
func (w *walker) inside(ctx context.Context, s *segment, unit string, fill func(float64), losses []float64) error {
	var own []int
	for i := range losses {
		if i != w.grid.zero && (i != w.grid.one || w.opts.Direction == Gradient) {
			own = append(own, i)
		}
	}
	if len(own) == 0 {
		return nil
	}
	if v, ok := w.opts.Store.Lookup(unit); ok && len(v) == len(own) {
		for j, i := range own {
			losses[i] = v[j]
		}
		w.opts.Progress.Add(len(own))
		return nil
	}
	values := make([]float64, len(own))
	for j, i := range own {
		fill(w.grid.alphas[i])
		v, err := w.point(ctx, fmt.Sprintf("%s at alpha %v", unit, w.grid.alphas[i]))
		if err != nil {
			return err
		}
		losses[i], values[j] = v, v
	}
	if err := w.opts.Store.Save(unit, values); err != nil {
		return fmt.Errorf("walk: %s: %w", unit, err)
	}
	return nil
}

// point evaluates the scratch; where says in an error what it is.
func (w *walker) point(ctx context.Context, where string) (float64, error) {
	err := ctx.Err()
	if err == nil {
		var v float64
		if v, err = w.loss.Loss(ctx, w.scratch); err == nil {
			w.evaluated++
			w.opts.Progress.Add(1)
			return v, nil
		}
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return 0, fmt.Errorf("walk: stopped at %s: %w", where, err)
	}
	return 0, fmt.Errorf("walk: %s: %w", where, err)
}
