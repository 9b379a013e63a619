package walk

import (
	"context"
	"fmt"
	"math"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/curve"
	"sgdwalk/analyze/job"
	"sgdwalk/record"
)

// walker evaluates units of segments.
type walker struct {
	run      record.Trajectory
	loss     analyze.Loss
	opts     *Options
	segments []segment
	grid     *grid
	scratch  []float32 // the point under evaluation
	states   *states

	products *products // for segments whose losses do not tell the curvature

	inside      []int     // alphas that belong to a segment alone, by index: all but the iterates'
	shared, own []Measure // of Options.Also: the same on all segments, and one for each

	// The segment whose rows are read, by index; -1 for none. Only from is set when the
	// direction needs no other row.
	loaded   int
	from, to record.Step
	length   float64 // of the step

	evaluated int // points

	// How far the evaluated losses are from the ones the run recorded.
	compared      int
	maxDifference float64
}

// sample is what was evaluated at one point: the loss, then Options.Also in order.
type sample []float64

// Evaluate evaluates units one after the other. It reads the rows of a segment once for
// all units of the segment.
func (w *walker) Evaluate(ctx context.Context, units []job.Unit, save job.Save) error {
	for _, u := range units {
		i, k := w.of(u)
		if err := w.load(i); err != nil {
			return err
		}
		var values []float64
		var err error
		switch k {
		case startKind:
			values, err = w.points(ctx, u, w.grid.zero)
		case endKind:
			values, err = w.points(ctx, u, w.grid.one)
		case insideKind:
			values, err = w.points(ctx, u, w.inside...)
		case w.productKind():
			if values, err = w.products.at(ctx); err != nil {
				err = job.Failed(u.Name, err)
			}
		default:
			values, err = w.ofSegment(ctx, u, w.own[k-ownKind])
		}
		if err != nil {
			return fmt.Errorf("walk: %w", err)
		}
		if err := save(u, values); err != nil {
			return fmt.Errorf("walk: %w", job.Failed(u.Name, err))
		}
	}
	return nil
}

// load reads the rows of a segment.
func (w *walker) load(i int) (err error) {
	if w.loaded == i {
		return nil
	}
	s := &w.segments[i]
	w.loaded = -1
	if w.from, err = w.read(s.row); err != nil {
		return err
	}
	if err := w.states.segment(s.row, s.next); err != nil {
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

// fill puts the point at alpha of the loaded segment into the scratch.
func (w *walker) fill(alpha float64) {
	if w.opts.Direction == Update {
		curve.Between(w.scratch, w.from.Theta, w.to.Theta, alpha)
	} else {
		curve.Along(w.scratch, w.from.Theta, w.from.Grad, -alpha*w.from.LearningRate.Value)
	}
	w.states.at(alpha)
}

// points returns the samples at some alphas of the loaded segment, one after the other.
func (w *walker) points(ctx context.Context, u job.Unit, alphas ...int) ([]float64, error) {
	if len(alphas) > 1 {
		err := analyze.GoAhead(ctx, w.loss, len(alphas), func(i int, dst []float32) {
			w.fill(w.grid.alphas[alphas[i]])
			copy(dst, w.scratch)
		})
		if err != nil {
			return nil, job.Failed(u.Name, err)
		}
	}
	_, k := w.of(u)
	values := make([]float64, 0, len(alphas)*w.width())
	for _, i := range alphas {
		w.fill(w.grid.alphas[i])
		for m := range w.width() {
			loss, name := w.loss, u.Name
			if k == insideKind {
				name += fmt.Sprintf(" at alpha %v", w.grid.alphas[i])
			}
			if m > 0 {
				loss, name = w.shared[m-1].Loss, name+": "+w.shared[m-1].Name
			}
			x, err := 0.0, ctx.Err()
			if err == nil {
				x, err = loss.Loss(ctx, w.scratch)
			}
			if err != nil {
				return nil, job.Failed(name, err)
			}
			values = append(values, x)
		}
		w.evaluated++
	}
	return values, nil
}

// ofSegment returns a measure that the loaded segment has of its own, at all alphas.
func (w *walker) ofSegment(ctx context.Context, u job.Unit, m Measure) ([]float64, error) {
	i, _ := w.of(u)
	loss, err := m.At(&w.segments[i].Step)
	if err != nil {
		return nil, job.Failed(u.Name, err)
	}
	if c, ok := loss.(interface{ Close() }); ok {
		defer c.Close()
	}
	values := make([]float64, len(w.grid.alphas))
	for i, alpha := range w.grid.alphas {
		w.fill(alpha)
		if values[i], err = loss.Loss(ctx, w.scratch); err != nil {
			return nil, job.Failed(fmt.Sprintf("%s at alpha %v", u.Name, alpha), err)
		}
	}
	return values, nil
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
