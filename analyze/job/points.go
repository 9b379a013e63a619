package job

import (
	"context"
	"errors"
	"fmt"

	"sgdwalk/analyze"
)

// Measure is a function of theta that a job evaluates at its points, such as the accuracy.
type Measure struct {
	Name string // the name in errors; empty for the loss itself
	Loss analyze.Loss
}

// aheadPoints is the number of points that AtPoints announces to a loss that evaluates
// several points at the same time. An interruption loses at most this number of points.
const aheadPoints = 16

// AtPoints implements Evaluator.Evaluate for a job whose units are points of the space of
// theta. The values of a unit are the values of the measures at its point, in the order of
// the measures. The first measure may evaluate several points at the same time, see
// analyze.Ahead. scratch has the length of theta and is overwritten; point sets dst, of
// the same length, to the point of a unit.
func AtPoints(ctx context.Context, measures []Measure, scratch []float32, point func(u Unit, dst []float32),
	units []Unit, save Save,
) error {
	for first := 0; first < len(units); first += aheadPoints {
		group := units[first:min(first+aheadPoints, len(units))]
		err := analyze.GoAhead(ctx, measures[0].Loss, len(group), func(i int, dst []float32) { point(group[i], dst) })
		if err != nil {
			return Failed(group[0].Name, err)
		}
		for _, u := range group {
			values := make([]float64, len(measures))
			for i, m := range measures {
				name := u.Name
				if m.Name != "" {
					name += ": " + m.Name
				}
				// The point is set again for every measure, because a measure may overwrite it.
				point(u, scratch)
				err := ctx.Err()
				if err == nil {
					values[i], err = m.Loss.Loss(ctx, scratch)
				}
				if err != nil {
					return Failed(name, err)
				}
			}
			if err := save(u, values); err != nil {
				return fmt.Errorf("%s: %w", u.Name, err)
			}
		}
	}
	return nil
}

// Failed returns an error that wraps err and names the unit at which the evaluation failed
// or, when err is a context's error, stopped.
func Failed(unit string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("stopped at %s: %w", unit, err)
	}
	return fmt.Errorf("%s: %w", unit, err)
}
