package line

import (
	"context"
	"math"
	"slices"
	"strconv"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/curve"
	"sgdwalk/analyze/job"
	"sgdwalk/record"
)

// Result is the loss on a straight line. The tables and the summary are the
// caller's.
type Result struct {
	// Losses has one row per point, in the order of alpha: alpha, distance (from a,
	// negative before it), loss, and a column for each of Options.Also.
	Losses   record.Table
	Summary  LossSummary
	Warnings []analyze.Warning
	// Evaluated is how many points were evaluated this time: fewer than there are
	// rows when a Store had some.
	Evaluated int
}

// Job is the loss on the line through two points, divided into the points of the line.
type Job struct {
	*points
	opts   Options
	alphas []float64
	length float64 // of b - a
}

var _ job.Job[*Result] = (*Job)(nil)

// NewJob returns the job that Between runs, with the same arguments. Progress and Store
// of the options are not used: they are the driver's.
func NewJob(a, b []float32, loss analyze.Loss, opts Options) (*Job, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	if err := checkEnds(a, b); err != nil {
		return nil, err
	}
	j := &Job{opts: opts.Effective(), length: math.Sqrt(curve.Distance2(a, b))}
	j.alphas = include(include(j.opts.Alphas.Values(), 0), 1)
	names := make([]string, len(j.alphas))
	for i, alpha := range j.alphas {
		names[i] = "alpha " + strconv.FormatFloat(alpha, 'g', -1, 64)
	}
	j.points = newPoints(loss, opts.Also, len(a), names, func(i int, dst []float32) {
		curve.Between(dst, a, b, j.alphas[i])
	})
	return j, nil
}

// Between evaluates the loss on the line through a and b. Both have length P, are
// finite, different, borrowed and not changed: the loss is given a copy.
//
// It returns an error when options or points are wrong, when the loss or the store
// fails, and the context's error when it was cancelled; finished points are then in the
// store. A NaN loss is not an error.
func Between(ctx context.Context, a, b []float32, loss analyze.Loss, opts Options) (*Result, error) {
	j, err := NewJob(a, b, loss, opts)
	if err != nil {
		return nil, err
	}
	return job.Run(ctx, j, job.Driver{Store: opts.Store, Progress: opts.Progress})
}

// Finish makes the table and the summary.
func (j *Job) Finish(ctx context.Context, values job.Values) (*Result, error) {
	columns, err := j.points.Finish(ctx, values)
	if err != nil {
		return nil, err
	}
	distances := make([]float64, len(j.alphas))
	for i, alpha := range j.alphas {
		distances[i] = alpha * j.length
	}
	r := &Result{Evaluated: j.made}
	r.Losses = record.Table{Columns: []record.Column{
		{Name: "alpha", Floats: j.alphas}, {Name: "distance", Floats: distances}, {Name: "loss", Floats: columns[0]},
	}}
	for i, m := range j.opts.Also {
		r.Losses.Columns = append(r.Losses.Columns, record.Column{Name: m.Name, Floats: columns[1+i]})
	}
	r.summarize(j.alphas, columns, j.length, &j.opts)
	return r, nil
}

// include puts v among the ascending alphas; one that misses v by rounding only is
// moved onto it.
func include(alphas []float64, v float64) []float64 {
	const rounding = 1e-9 // of the smallest distance between points
	gap := math.Inf(1)
	for i := 1; i < len(alphas); i++ {
		gap = min(gap, alphas[i]-alphas[i-1])
	}
	for i, a := range alphas {
		if math.Abs(a-v) <= rounding*gap {
			alphas[i] = v
			return alphas
		}
	}
	i, _ := slices.BinarySearch(alphas, v)
	return slices.Insert(alphas, i, v)
}
