package line

import (
	"context"
	"math"
	"strconv"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/curve"
	"sgdwalk/analyze/job"
	"sgdwalk/record"
)

// Result is the loss on a straight line. The caller owns the table and the summary.
type Result struct {
	// Losses has one row per point, in the order of alpha: alpha, distance (from a, negative
	// for negative alpha), loss, and a column for each of Options.Also.
	Losses   record.Table
	Summary  LossSummary
	Warnings []analyze.Warning
	// Evaluated is the number of points that this call evaluated. It is less than the number
	// of rows when a Store had some of the values.
	Evaluated int
}

// Job is the loss on the line through two points, divided into the points of the line.
type Job struct {
	*points
	opts      Options
	alphas    []float64
	zero, one int     // indices of the ends in alphas
	length    float64 // of b - a
}

var _ job.Job[*Result] = (*Job)(nil)

// NewJob returns the job that Between runs, with the same arguments. Progress and Store of
// the options are not used, because the driver has its own. The job borrows a and b.
func NewJob(a, b []float32, loss analyze.Loss, opts Options) (*Job, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	if err := checkEnds(a, b); err != nil {
		return nil, err
	}
	j := &Job{opts: opts.Effective(), length: math.Sqrt(curve.Distance2(a, b))}
	j.alphas, j.zero, j.one = curve.Alphas(j.opts.Alphas)
	names, at := make([]string, len(j.alphas)), make([]record.Coordinates, len(j.alphas))
	for i, alpha := range j.alphas {
		names[i] = "alpha " + strconv.FormatFloat(alpha, 'g', -1, 64)
		at[i] = record.Between(0, 1, alpha, 2)
	}
	j.points = newPoints(loss, opts.Also, record.Span{Points: [][]float32{a, b}}, names, at)
	return j, nil
}

// Between evaluates the loss on the line through a and b. Both points must have length P, be
// finite, and differ from each other. They are borrowed and not changed, because the loss
// receives a copy.
//
// Between returns an error when options or points are wrong, and when the loss or the store
// fails. After a cancellation it returns the error of the context. Finished points are then
// in the store. A NaN loss is not an error.
func Between(ctx context.Context, a, b []float32, loss analyze.Loss, opts Options) (*Result, error) {
	j, err := NewJob(a, b, loss, opts)
	if err != nil {
		return nil, err
	}
	return job.Run(ctx, j, job.Driver{Store: opts.Store, Progress: opts.Progress})
}

// Finish returns the table and the summary. A missing point is an error.
func (j *Job) Finish(ctx context.Context, values job.Values) (*Result, error) {
	columns, err := j.points.Finish(ctx, values)
	if err != nil {
		return nil, err
	}
	distances := make([]float64, len(j.alphas))
	for i, alpha := range j.alphas {
		distances[i] = alpha * j.length
	}
	r := &Result{Evaluated: j.evaluated}
	r.Losses.Columns = []record.Column{{Name: "alpha", Floats: j.alphas}, {Name: "distance", Floats: distances}}
	addLosses(&r.Losses, columns, j.opts.Also)
	r.summarize(j, columns)
	return r, nil
}

// addLosses adds the columns of the loss and of the further measures.
func addLosses(t *record.Table, columns [][]float64, also []Measure) {
	t.Columns = append(t.Columns, record.Column{Name: "loss", Floats: columns[0]})
	for i, m := range also {
		t.Columns = append(t.Columns, record.Column{Name: m.Name, Floats: columns[1+i]})
	}
}
