package line

import (
	"context"
	"errors"
	"fmt"

	"sgdwalk/analyze"
	"sgdwalk/analyze/job"
	"sgdwalk/record"
)

// points is a job that evaluates the loss and the further measures at named points.
type points struct {
	measures  []job.Measure
	span      record.Span
	units     []job.Unit
	at        []record.Coordinates // the points of units
	evaluated int                  // points that this job evaluated
}

var _ job.Job[[][]float64] = (*points)(nil)

// newPoints returns the job for named points of a span.
func newPoints(loss analyze.Loss, also []Measure, span record.Span, names []string, at []record.Coordinates) *points {
	p := &points{measures: []job.Measure{{Loss: loss}}, span: span, at: at}
	for _, m := range also {
		p.measures = append(p.measures, job.Measure{Name: m.Name, Loss: m.Loss})
	}
	for i, name := range names {
		p.units = append(p.units, job.Unit{Name: name, Index: i})
	}
	return p
}

// Units returns the points in their order.
func (p *points) Units() []job.Unit { return p.units }

// Fits reports whether there is a value for every measure. A zero, a negative number and NaN
// are values too.
func (p *points) Fits(_ job.Unit, values []float64) bool { return len(values) == len(p.measures) }

// Evaluate evaluates all measures at the points of the units.
func (p *points) Evaluate(ctx context.Context, units []job.Unit, save job.Save) error {
	at := func(u job.Unit) record.Coordinates { return p.at[u.Index] }
	err := job.AtPoints(ctx, p.measures, p.span, at, units, func(u job.Unit, values []float64) error {
		p.evaluated++
		return save(u, values)
	})
	if err != nil {
		return fmt.Errorf("line: %w", err)
	}
	return nil
}

// Finish returns one slice for every measure, with its values at all points. A missing point
// is an error.
func (p *points) Finish(ctx context.Context, values job.Values) ([][]float64, error) {
	columns := make([][]float64, len(p.measures))
	err := values(ctx, "line", p.units, func(_ job.Unit, v []float64) error {
		for i, x := range v {
			columns[i] = append(columns[i], x)
		}
		return nil
	})
	if n := len(columns[0]); err == nil && n < len(p.units) {
		err = fmt.Errorf("line: %d of %d points: %w", len(p.units)-n, len(p.units), job.ErrIncomplete)
	}
	return columns, err
}

// checkEnds returns an error when two points do not define a line.
func checkEnds(a, b []float32) error {
	switch {
	case len(a) == 0:
		return errors.New("line: the first point has no elements; it must have one element for every parameter")
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
	return errors.New("line: the two points are equal and define no line; choose two different points")
}
