package walk

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/curve"
	"sgdwalk/record"
)

// walker evaluates segments one after the other.
type walker struct {
	run     record.Trajectory
	loss    analyze.Loss
	opts    *Options
	grid    *grid
	scratch []float32 // the point under evaluation
	states  *states

	products *products // for segments whose losses do not tell the curvature

	shared, own []Measure // of Options.Also: the same on all segments, and one for each

	// known has the samples at the iterates of the last segment, by step.
	known     map[int64]sample
	evaluated int

	// How far the evaluated losses are from the ones the run recorded.
	compared      int
	maxDifference float64
}

// sample is what was evaluated at one point: the loss, then Options.Also in order.
type sample []float64

// evaluate returns the samples at all alphas of the segment and the length of d;
// no samples when other workers evaluate some of them.
func (w *walker) evaluate(ctx context.Context, s *segment) (samples []sample, length float64, err error) {
	unit := w.unit(s)
	if !w.here(s, unit) {
		return nil, 0, nil // its rows need not be read
	}
	from, err := w.read(s.row)
	if err != nil {
		return nil, 0, err
	}
	if err := w.states.segment(s.row, s.next); err != nil {
		return nil, 0, err
	}
	var to record.Step
	var theta func(alpha float64)
	if w.opts.Direction == Update {
		if to, err = w.read(s.next); err != nil {
			return nil, 0, err
		}
		length = math.Sqrt(curve.Distance2(from.Theta, to.Theta))
		theta = func(alpha float64) { curve.Between(w.scratch, from.Theta, to.Theta, alpha) }
	} else {
		eta := from.LearningRate.Value
		length = math.Abs(eta) * math.Sqrt(curve.Norm2(from.Grad))
		theta = func(alpha float64) { curve.Along(w.scratch, from.Theta, from.Grad, -alpha*eta) }
	}

	fill := func(alpha float64) {
		theta(alpha)
		w.states.at(alpha)
	}
	samples = make([]sample, len(w.grid.alphas))
	if samples[w.grid.zero], err = w.iterate(ctx, &from, func() { fill(0) }); err != nil {
		return nil, 0, err
	}
	if err := w.inside(ctx, unit, fill, samples); err != nil {
		return nil, 0, err
	}
	if w.opts.Direction == Update {
		if samples[w.grid.one], err = w.iterate(ctx, &to, func() { fill(1) }); err != nil {
			return nil, 0, err
		}
		// Only the end can be shared with what comes; the map stays small.
		clear(w.known)
		w.known[to.Step] = samples[w.grid.one]
	}
	if err := w.ofSegment(ctx, s, fill, samples); err != nil {
		return nil, 0, err
	}
	for _, v := range samples {
		if len(v) != w.width()+len(w.own) {
			return nil, 0, nil
		}
	}
	return samples, length, nil
}

// unit names what is evaluated inside a segment.
func (w *walker) unit(s *segment) string {
	if w.opts.Direction == Gradient {
		return "gradient " + strconv.FormatInt(s.Step.Step, 10)
	}
	return "segment " + strconv.FormatInt(s.Step.Step, 10)
}

// iterateUnit names the evaluation at an iterate.
func iterateUnit(step int64) string { return "iterate " + strconv.FormatInt(step, 10) }

// here reports whether the segment has a unit that is not another worker's.
func (w *walker) here(s *segment, unit string) bool {
	if _, part := w.opts.Store.(analyze.Part); !part {
		return true
	}
	units := []string{iterateUnit(s.Step.Step), unit}
	if w.opts.Direction == Update {
		units = append(units, iterateUnit(s.Step.Step+1))
	}
	for _, m := range w.own {
		units = append(units, measureUnit(m.Name, s))
	}
	here := false
	for _, u := range units {
		if _, ok := w.opts.Store.Lookup(u); ok || !analyze.Elsewhere(w.opts.Store, u) {
			here = true // the others are asked for all the same: a plan is made of the answers
		}
	}
	return here
}

// measureUnit names the values of a measure that a segment has of its own.
func measureUnit(name string, s *segment) string {
	return name + " " + strconv.FormatInt(s.Step.Step, 10)
}

// iterate returns the sample at an iterate, which fill puts into the scratch, and
// compares its loss with the one that the run recorded. It is nil when another
// worker evaluates it.
func (w *walker) iterate(ctx context.Context, s *record.Step, fill func()) (sample, error) {
	if v, ok := w.known[s.Step]; ok {
		return v, nil
	}
	unit := iterateUnit(s.Step)
	v, ok := w.opts.Store.Lookup(unit)
	switch {
	case ok && len(v) == w.width():
		w.opts.Progress.Add(1)
	case analyze.Elsewhere(w.opts.Store, unit):
		return nil, nil
	default:
		fill()
		var err error
		if v, err = w.point(ctx, unit); err != nil {
			return nil, err
		}
		if err := w.opts.Store.Save(unit, v); err != nil {
			return nil, fmt.Errorf("walk: %s: %w", unit, err)
		}
	}
	if s.FullLoss.Valid {
		w.compared++
		w.maxDifference = max(w.maxDifference, difference(v[0], s.FullLoss.Value))
	}
	return v, nil
}

// ofSegment appends to every sample the measures that the segment has of its own.
// They are one unit of the store each.
func (w *walker) ofSegment(ctx context.Context, s *segment, fill func(float64), samples []sample) error {
	for _, m := range w.own {
		unit := measureUnit(m.Name, s)
		v, ok := w.opts.Store.Lookup(unit)
		known := ok && len(v) == len(samples)
		if !known && analyze.Elsewhere(w.opts.Store, unit) {
			continue
		}
		if !known {
			loss, err := m.At(&s.Step)
			if err != nil {
				return fmt.Errorf("walk: %s: %w", unit, err)
			}
			v = make([]float64, len(samples))
			for i, alpha := range w.grid.alphas {
				fill(alpha)
				if v[i], err = loss.Loss(ctx, w.scratch); err != nil {
					return fmt.Errorf("walk: %s at alpha %v: %w", unit, alpha, err)
				}
			}
			if c, ok := loss.(interface{ Close() }); ok {
				c.Close()
			}
			if err := w.opts.Store.Save(unit, v); err != nil {
				return fmt.Errorf("walk: %s: %w", unit, err)
			}
		}
		for i := range samples {
			// A copy: what two segments share has no room for it.
			samples[i] = append(slices.Clone(samples[i]), v[i])
		}
	}
	return nil
}

// width is the length of a sample before ofSegment.
func (w *walker) width() int { return 1 + len(w.shared) }

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

// inside fills in the samples that belong to this segment alone: all but the
// iterates'. They are one unit of the store. Those that another worker evaluates
// stay nil.
func (w *walker) inside(ctx context.Context, unit string, fill func(float64), samples []sample) error {
	var own []int
	for i := range samples {
		if i != w.grid.zero && (i != w.grid.one || w.opts.Direction == Gradient) {
			own = append(own, i)
		}
	}
	if len(own) == 0 {
		return nil
	}
	n := w.width()
	if v, ok := w.opts.Store.Lookup(unit); ok && len(v) == len(own)*n {
		for j, i := range own {
			samples[i] = v[j*n : (j+1)*n]
		}
		w.opts.Progress.Add(len(own))
		return nil
	}
	if analyze.Elsewhere(w.opts.Store, unit) {
		return nil
	}
	err := analyze.GoAhead(ctx, w.loss, len(own), func(i int, dst []float32) {
		fill(w.grid.alphas[own[i]])
		copy(dst, w.scratch)
	})
	switch {
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("walk: stopped at %s: %w", unit, err)
	case err != nil:
		return fmt.Errorf("walk: %s: %w", unit, err)
	}
	values := make([]float64, 0, len(own)*n)
	for _, i := range own {
		fill(w.grid.alphas[i])
		v, err := w.point(ctx, fmt.Sprintf("%s at alpha %v", unit, w.grid.alphas[i]))
		if err != nil {
			return err
		}
		samples[i], values = v, append(values, v...)
	}
	if err := w.opts.Store.Save(unit, values); err != nil {
		return fmt.Errorf("walk: %s: %w", unit, err)
	}
	return nil
}

// point evaluates the scratch; where says in an error what it is.
func (w *walker) point(ctx context.Context, where string) (sample, error) {
	v := make(sample, 0, w.width())
	for i := range w.width() {
		loss, name := w.loss, where
		if i > 0 {
			loss, name = w.shared[i-1].Loss, where+": "+w.shared[i-1].Name
		}
		x, err := 0.0, ctx.Err()
		if err == nil {
			x, err = loss.Loss(ctx, w.scratch)
		}
		switch {
		case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
			return nil, fmt.Errorf("walk: stopped at %s: %w", name, err)
		case err != nil:
			return nil, fmt.Errorf("walk: %s: %w", name, err)
		}
		v = append(v, x)
	}
	w.evaluated++
	w.opts.Progress.Add(1)
	return v, nil
}

// read returns a row with the vectors that the direction needs.
func (w *walker) read(row int) (record.Step, error) {
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
		return s, fmt.Errorf("walk: row %d has no learning rate; direction %q needs it", row, Gradient)
	}
	for _, v := range vectors {
		if len(v.values) != len(w.scratch) {
			return s, fmt.Errorf("walk: row %d: %s has %d elements; the layout has %d", row, v.name, len(v.values), len(w.scratch))
		}
	}
	return s, nil
}
