package line

import (
	"context"
	"errors"
	"fmt"

	"sgdwalk/analyze"
	"sgdwalk/analyze/job"
)

// points is a job that evaluates the loss and the further measures at named points.
type points struct {
	measures  []job.Measure
	scratch   []float32
	units     []job.Unit
	at        func(i int, dst []float32) // sets dst to the point of units[i]
	evaluated int                        // points that this job evaluated
}

var _ job.Job[[][]float64] = (*points)(nil)

// newPoints returns the job for the named points. at sets dst to the i-th point, and is called
// by one goroutine at a time.
func newPoints(loss analyze.Loss, also []Measure, parameters int, names []string,
	at func(i int, dst []float32),
) *points {
	p := &points{measures: []job.Measure{{Loss: loss}}, scratch: make([]float32, parameters), at: at}
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
	at := func(u job.Unit, dst []float32) { p.at(u.Index, dst) }
	err := job.AtPoints(ctx, p.measures, p.scratch, at, units, func(u job.Unit, values []float64) error {
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
