package line

import (
	"context"
	"errors"
	"fmt"

	"sgdwalk/analyze"
)

// evaluator measures points: the loss, then what is measured also.
type evaluator struct {
	loss     analyze.Loss
	also     []Measure
	progress analyze.Progress
	store    analyze.Store
	point    []float32
	made     int

	elsewhere int // points that other workers measure
}

// aheadPoints is of how many points a loss that evaluates several at the same time
// is told. What an interruption takes away are so many.
const aheadPoints = 16

// ahead tells the loss which points come next, of those that the store does not
// have.
func (e *evaluator) ahead(ctx context.Context, alphas []float64, unit func(alpha float64) string, fill func(alpha float64, dst []float32)) error {
	var missing []float64
	for _, alpha := range alphas {
		if _, ok := e.store.Lookup(unit(alpha)); !ok && !analyze.Elsewhere(e.store, unit(alpha)) {
			missing = append(missing, alpha)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	err := analyze.GoAhead(ctx, e.loss, len(missing), func(i int, dst []float32) { fill(missing[i], dst) })
	switch {
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("line: stopped at %s: %w", unit(missing[0]), err)
	case err != nil:
		return fmt.Errorf("line: %s: %w", unit(missing[0]), err)
	}
	return nil
}

// at returns the measurements at the point that fill puts into the scratch. The
// unit is looked up first: a point whose loss is zero, negative or NaN is as
// finished as any other. They are nil when another worker measures it.
func (e *evaluator) at(ctx context.Context, unit string, fill func(dst []float32)) ([]float64, error) {
	n := 1 + len(e.also)
	if v, ok := e.store.Lookup(unit); ok && len(v) == n {
		e.progress.Add(1)
		return v, nil
	}
	if analyze.Elsewhere(e.store, unit) {
		e.elsewhere++
		return nil, nil
	}
	v := make([]float64, 0, n)
	for i := range n {
		loss, name := e.loss, unit
		if i > 0 {
			loss, name = e.also[i-1].Loss, unit+": "+e.also[i-1].Name
		}
		// Filled anew for every measure: none can spoil the point for the next.
		fill(e.point)
		x, err := 0.0, ctx.Err()
		if err == nil {
			x, err = loss.Loss(ctx, e.point)
		}
		switch {
		case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
			return nil, fmt.Errorf("line: stopped at %s: %w", name, err)
		case err != nil:
			return nil, fmt.Errorf("line: %s: %w", name, err)
		}
		v = append(v, x)
	}
	e.made++
	e.progress.Add(1)
	if err := e.store.Save(unit, v); err != nil {
		return nil, fmt.Errorf("line: %s: %w", unit, err)
	}
	return v, nil
}

// checkEnds refuses two points that have no line between them.
func checkEnds(a, b []float32) error {
	switch {
	case len(a) == 0:
		return errors.New("line: the first point has no elements; it must have one for every parameter")
	case len(a) != len(b):
		return fmt.Errorf("line: the points have %d and %d elements; they must be equal", len(a), len(b))
	}
	for i := range a {
		if a[i]-a[i] != 0 || b[i]-b[i] != 0 {
			return fmt.Errorf("line: element %d of the points is %v and %v; both must be finite", i, a[i], b[i])
		}
	}
	for i := range a {
		if a[i] != b[i] {
			return nil
		}
	}
	return errors.New("line: the two points are the same; there is no line between them")
}
