package job

import (
	"context"
	"errors"
	"fmt"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

// Measure is a function of theta that a job evaluates at its points, such as the accuracy.
type Measure struct {
	Name string // the name in errors; empty for the loss itself
	Loss analyze.Loss
}

// AtPoints implements Evaluator.Evaluate for a job whose units are points of a span. The
// values of a unit are the values of the measures at its point, in the order of the
// measures. at returns the point of a unit. Measures that are an analyze.Batched evaluate
// several points together.
func AtPoints(ctx context.Context, measures []Measure, span record.Span, at func(u Unit) record.Coordinates,
	units []Unit, save Save,
) error {
	losses := make([]analyze.Loss, len(measures))
	for i, m := range measures {
		losses[i] = m.Loss
	}
	size := analyze.BatchSize(losses...)
	for first := 0; first < len(units); first += size {
		batch := units[first:min(first+size, len(units))]
		points := make([]record.Coordinates, len(batch))
		for i, u := range batch {
			points[i] = at(u)
		}
		values, err := analyze.EvaluateOn(ctx, span, points, losses...)
		if err != nil {
			name := batch[0].Name
			var e *analyze.PointError
			if errors.As(err, &e) {
				if name = batch[e.Point].Name; measures[e.Loss].Name != "" {
					name += ": " + measures[e.Loss].Name
				}
			}
			return Failed(name, err)
		}
		for i, u := range batch {
			if err := save(u, values[i]); err != nil {
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
