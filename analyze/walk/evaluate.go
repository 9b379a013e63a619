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

// evaluator evaluates the units of a walk. It holds the vectors of one segment at a time.
type evaluator struct {
	run      record.Trajectory
	loss     analyze.Loss
	opts     *Options
	segments []segment
	grid     *grid
	point    []float32 // the point under evaluation
	states   *states   // running statistics of normalization layers

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

// Evaluate evaluates units one after the other. It reads the rows of a segment once for
// all units of the segment, because theta is the largest thing to read.
func (w *evaluator) Evaluate(ctx context.Context, units []job.Unit, save job.Save) error {
	for _, u := range units {
		i, k := w.locate(u)
		if err := w.load(i); err != nil {
			return err
		}
		var values []float64
		var err error
		switch k {
		case startKind:
			values, err = w.samplesAt(ctx, u, w.grid.zero)
		case endKind:
			values, err = w.samplesAt(ctx, u, w.grid.one)
		case insideKind:
			values, err = w.samplesAt(ctx, u, w.inside...)
		case w.productKind():
			if values, err = w.hessian.evaluate(ctx); err != nil {
				err = job.Failed(u.Name, err)
			}
		default:
			values, err = w.measureSegment(ctx, u, w.perSegment[k-segmentMeasureKind])
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

// setPoint sets w.point and the state of normalization layers to the point at alpha of the
// loaded segment.
func (w *evaluator) setPoint(alpha float64) {
	if w.opts.Direction == Update {
		curve.Between(w.point, w.from.Theta, w.to.Theta, alpha)
	} else {
		curve.Along(w.point, w.from.Theta, w.from.Grad, -alpha*w.from.LearningRate.Value)
	}
	w.states.setAlpha(alpha)
}

// samplesAt returns the samples at the alphas with the given indices on the loaded segment,
// one sample after the other.
func (w *evaluator) samplesAt(ctx context.Context, u job.Unit, alphas ...int) ([]float64, error) {
	if len(alphas) > 1 {
		err := analyze.GoAhead(ctx, w.loss, len(alphas), func(i int, dst []float32) {
			w.setPoint(w.grid.alphas[alphas[i]])
			copy(dst, w.point)
		})
		if err != nil {
			return nil, job.Failed(u.Name, err)
		}
	}
	_, k := w.locate(u)
	values := make([]float64, 0, len(alphas)*w.width())
	for _, i := range alphas {
		w.setPoint(w.grid.alphas[i])
		for m := range w.width() {
			loss, name := w.loss, u.Name
			if k == insideKind {
				name += fmt.Sprintf(" at alpha %v", w.grid.alphas[i])
			}
			if m > 0 {
				loss, name = w.perPoint[m-1].Loss, name+": "+w.perPoint[m-1].Name
			}
			x, err := 0.0, ctx.Err()
			if err == nil {
				x, err = loss.Loss(ctx, w.point)
			}
			if err != nil {
				return nil, job.Failed(name, err)
			}
			values = append(values, x)
		}
		w.points++
	}
	return values, nil
}

// measureSegment returns the values of a measure that belongs to the loaded segment, at
// all alphas. It closes a loss that can be closed, because every segment has a new one.
func (w *evaluator) measureSegment(ctx context.Context, u job.Unit, m Measure) ([]float64, error) {
	i, _ := w.locate(u)
	loss, err := m.At(&w.segments[i].Step)
	if err != nil {
		return nil, job.Failed(u.Name, err)
	}
	if c, ok := loss.(interface{ Close() }); ok {
		defer c.Close()
	}
	values := make([]float64, len(w.grid.alphas))
	for i, alpha := range w.grid.alphas {
		w.setPoint(alpha)
		if values[i], err = loss.Loss(ctx, w.point); err != nil {
			return nil, job.Failed(fmt.Sprintf("%s at alpha %v", u.Name, alpha), err)
		}
	}
	return values, nil
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
		if len(v.values) != len(w.point) {
			return s, fmt.Errorf("walk: row %d: %s has %d elements and the layout has %d; they must be equal",
				row, v.name, len(v.values), len(w.point))
		}
	}
	return s, nil
}
