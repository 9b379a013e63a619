package walk

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/curve"
	"sgdwalk/analyze/job"
	"sgdwalk/record"
)

// evaluator evaluates the units of a walk. It holds the vectors of the segments of a batch
// at a time.
type evaluator struct {
	run      record.Trajectory
	loss     analyze.Loss
	opts     *Options
	segments []segment
	grid     *grid
	states   *states // running statistics of normalization layers

	hessian *products // for segments whose samples do not determine the curvature

	inside     []int     // indices of the alphas that no other segment shares
	perPoint   []Measure // of Options.Also: functions of theta, the same on all segments
	perSegment []Measure // of Options.Also: one function for each segment

	// loaded is the index of the segment whose rows are in from and to; -1 for none. to is
	// not set when the direction is Gradient.
	loaded   int
	from, to record.Step
	length   float64 // of the step

	points int // evaluated points

	// How far the evaluated losses are from the losses that the run recorded.
	compared      int
	maxDifference float64
}

// sample holds the values at one point: the loss, then the measures of Options.Also.
type sample []float64

// Evaluate evaluates units in batches. The iterates and the points inside several segments
// are evaluated together, as many as is fastest for the loss; then come the other units of
// these segments.
func (w *evaluator) Evaluate(ctx context.Context, units []job.Unit, save job.Save) error {
	size := analyze.BatchSize(w.losses()...)
	for len(units) > 0 {
		n, points := 0, 0
		var sampled, others []job.Unit
		for ; n < len(units); n++ {
			alphas := w.alphasOf(units[n])
			if points += len(alphas); n > 0 && points > size {
				break
			}
			if alphas != nil {
				sampled = append(sampled, units[n])
			} else {
				others = append(others, units[n])
			}
		}
		units = units[n:]
		if err := w.evaluateSamples(ctx, sampled, save); err != nil {
			return err
		}
		for _, u := range others {
			if err := w.evaluateOther(ctx, u, save); err != nil {
				return err
			}
		}
	}
	return nil
}

// alphasOf returns the indices of the alphas at which a unit evaluates the loss, nil for a
// unit of another kind.
func (w *evaluator) alphasOf(u job.Unit) []int {
	switch _, k := w.locate(u); k {
	case startKind:
		return []int{w.grid.zero}
	case endKind:
		return []int{w.grid.one}
	case insideKind:
		return w.inside
	default:
		return nil
	}
}

// evaluateSamples evaluates iterates and points inside segments together.
func (w *evaluator) evaluateSamples(ctx context.Context, units []job.Unit, save job.Save) error {
	if len(units) == 0 {
		return nil
	}
	b := newBatch(w)
	var from []int // index of the unit of each point
	for n, u := range units {
		i, _ := w.locate(u)
		if err := w.load(i); err != nil {
			return err
		}
		for _, alpha := range w.alphasOf(u) {
			b.add(w.grid.alphas[alpha])
			from = append(from, n)
		}
	}
	values, err := analyze.EvaluateOn(ctx, b.span, b.coordinates(), w.losses()...)
	if err != nil {
		var e *analyze.PointError
		if !errors.As(err, &e) {
			return err
		}
		u := units[from[e.Point]]
		name := u.Name
		if _, k := w.locate(u); k == insideKind {
			first := slices.Index(from, from[e.Point])
			name += fmt.Sprintf(" at alpha %v", w.grid.alphas[w.inside[e.Point-first]])
		}
		if e.Loss > 0 {
			name += ": " + w.perPoint[e.Loss-1].Name
		}
		return failed(name, err)
	}
	for n, u := range units {
		var all []float64
		for ; len(from) > 0 && from[0] == n; from, values = from[1:], values[1:] {
			all = append(all, values[0]...)
			w.points++
		}
		if err := save(u, all); err != nil {
			return failed(u.Name, err)
		}
	}
	return nil
}

// evaluateOther evaluates a unit that is not an iterate or the inside of a segment.
func (w *evaluator) evaluateOther(ctx context.Context, u job.Unit, save job.Save) error {
	i, k := w.locate(u)
	if err := w.load(i); err != nil {
		return err
	}
	var values []float64
	var err error
	if k == w.productKind() {
		values, err = w.hessian.evaluate(ctx)
	} else {
		values, err = w.measureSegment(ctx, i, w.perSegment[k-segmentMeasureKind])
	}
	if err == nil {
		err = save(u, values)
	}
	if err != nil {
		return failed(u.Name, err)
	}
	return nil
}

// failed says at which unit the evaluation failed.
func failed(unit string, err error) error { return fmt.Errorf("walk: %w", job.Failed(unit, err)) }

// losses returns the loss and the measures that are functions of theta.
func (w *evaluator) losses() []analyze.Loss {
	losses := []analyze.Loss{w.loss}
	for _, m := range w.perPoint {
		losses = append(losses, m.Loss)
	}
	return losses
}

// load reads the rows of a segment and computes the length of its step. It does nothing
// when the segment is loaded already.
func (w *evaluator) load(i int) (err error) {
	if w.loaded == i {
		return nil
	}
	s := &w.segments[i]
	w.loaded = -1
	if w.from, err = w.read(s.row); err != nil {
		return err
	}
	if err := w.states.load(s.row, s.next); err != nil {
		return err
	}
	if w.opts.Direction == Update {
		if w.to, err = w.read(s.next); err != nil {
			return err
		}
		w.length = math.Sqrt(curve.Distance2(w.from.Theta, w.to.Theta))
	} else {
		w.length = math.Abs(w.from.LearningRate.Value) * math.Sqrt(curve.Norm2(w.from.Grad))
	}
	w.loaded = i
	return nil
}

// measureSegment returns the values of a measure that belongs to the loaded segment i, at
// all alphas. It closes a loss that can be closed, because every segment has a new one.
func (w *evaluator) measureSegment(ctx context.Context, i int, m Measure) ([]float64, error) {
	loss, err := m.At(&w.segments[i].Step)
	if err != nil {
		return nil, err
	}
	if c, ok := loss.(interface{ Close() }); ok {
		defer c.Close()
	}
	b := newBatch(w)
	for _, alpha := range w.grid.alphas {
		b.add(alpha)
	}
	at := b.coordinates()
	for k := range at {
		at[k].State = nil // the loss has its own
	}
	values, err := analyze.EvaluateOn(ctx, b.span, at, loss)
	if err != nil {
		var e *analyze.PointError
		if errors.As(err, &e) {
			err = fmt.Errorf("at alpha %v: %w", w.grid.alphas[e.Point], err)
		}
		return nil, err
	}
	column := make([]float64, len(values))
	for k, v := range values {
		column[k] = v[0]
	}
	return column, nil
}

// width returns the number of values that are evaluated at every point of every segment.
func (w *evaluator) width() int { return 1 + len(w.perPoint) }

// difference returns |a - b|. It is 0 for two NaNs and for equal infinities, and infinite
// when only one of the two is NaN.
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

// parameters returns the length of theta.
func (w *evaluator) parameters() int { return w.run.Header().Layout.Len() }

// read returns a row with theta and, along the gradient, the gradient. The vectors belong
// to the trajectory and are not changed.
func (w *evaluator) read(row int) (record.Step, error) {
	parts := record.ThetaPart
	if w.opts.Direction == Gradient {
		parts |= record.GradPart
	}
	s, err := w.run.Read(row, parts)
	if err != nil {
		return s, fmt.Errorf("walk: row %d: %w", row, err)
	}
	vectors := []struct {
		name   string
		values []float32
	}{{"theta", s.Theta}, {"gradient", s.Grad}}
	if w.opts.Direction == Update {
		vectors = vectors[:1]
	} else if !s.LearningRate.Valid {
		return s, fmt.Errorf("walk: row %d has no learning rate, which direction %q needs; choose direction %q",
			row, Gradient, Update)
	}
	for _, v := range vectors {
		if len(v.values) != w.parameters() {
			return s, fmt.Errorf("walk: row %d: %s has %d elements and the layout has %d; they must be equal",
				row, v.name, len(v.values), w.parameters())
		}
	}
	return s, nil
}
