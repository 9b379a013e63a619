package line

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/curve"
	"sgdwalk/analyze/job"
	"sgdwalk/record"
)

// Result is the loss on a straight line. The caller owns the table and the summary.
type Result struct {
	// Losses has one row per point, in the order of alpha: alpha, distance (from a, negative
	// for negative alpha), loss, and a column for each of Options.Also. With Options.Aligned
	// it also has aligned_distance, aligned_loss, and so on, of the line to the permuted copy.
	Losses   record.Table
	Summary  LossSummary
	Aligned  *LossSummary // of the line to Options.Aligned; nil without it
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
	zero, one int        // indices of the ends in alphas
	length    [2]float64 // of b - a, and of Aligned - a
	lines     int        // 1, or 2 when the line to Aligned has points of its own
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
	j := &Job{opts: opts.Effective(), lines: 1}
	j.length[0] = math.Sqrt(curve.Distance2(a, b))
	j.alphas, j.zero, j.one = curve.Alphas(j.opts.Alphas)
	span := record.Span{Points: [][]float32{a, b}}
	if aligned := opts.Aligned; aligned != nil {
		if len(aligned) != len(b) {
			return nil, fmt.Errorf("line: the aligned point has %d elements; the others have %d", len(aligned), len(b))
		}
		j.length[1] = math.Sqrt(curve.Distance2(a, aligned))
		if !slices.Equal(aligned, b) {
			span.Points, j.lines = append(span.Points, aligned), 2
		}
	}
	var names []string
	var at []record.Coordinates
	add := func(name string, alpha float64, to int, state []float32) {
		c := record.Between(0, to, alpha, len(span.Points))
		c.State = curve.State(opts.States.A, state, alpha)
		names, at = append(names, name+strconv.FormatFloat(alpha, 'g', -1, 64)), append(at, c)
	}
	for _, alpha := range j.alphas {
		add("alpha ", alpha, 1, opts.States.B)
	}
	for _, alpha := range j.alphas {
		if j.lines > 1 && alpha != 0 { // both lines begin at a
			add("aligned alpha ", alpha, 2, opts.States.Aligned)
		}
	}
	j.points = newPoints(loss, opts.Also, span, names, at)
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
	all, err := j.points.Finish(ctx, values)
	if err != nil {
		return nil, err
	}
	n := len(j.alphas)
	r := &Result{Evaluated: j.evaluated}
	columns, aligned := make([][]float64, len(all)), make([][]float64, len(all))
	for i, c := range all {
		columns[i], aligned[i] = c[:n], c[:n]
		if j.lines > 1 {
			aligned[i] = slices.Insert(slices.Clone(c[n:]), j.zero, c[j.zero])
		}
	}
	r.Losses.Columns = []record.Column{{Name: "alpha", Floats: j.alphas}}
	j.addLine(&r.Losses, "", j.length[0], columns)
	r.Summary = j.summarize(j.length[0], columns)
	if j.opts.Aligned != nil {
		j.addLine(&r.Losses, alignedPrefix, j.length[1], aligned)
		s := j.summarize(j.length[1], aligned)
		r.Aligned = &s
	}
	r.warn(&j.opts)
	return r, nil
}

// addLine adds the columns of a line, whose names begin with the prefix.
func (j *Job) addLine(t *record.Table, prefix string, length float64, columns [][]float64) {
	distances := make([]float64, len(j.alphas))
	for i, alpha := range j.alphas {
		distances[i] = alpha * length
	}
	first := len(t.Columns)
	t.Columns = append(t.Columns, record.Column{Name: "distance", Floats: distances})
	addLosses(t, columns, j.opts.Also)
	for i := range t.Columns[first:] {
		t.Columns[first+i].Name = prefix + t.Columns[first+i].Name
	}
}

// addLosses adds the columns of the loss and of the further measures.
func addLosses(t *record.Table, columns [][]float64, also []Measure) {
	t.Columns = append(t.Columns, record.Column{Name: "loss", Floats: columns[0]})
	for i, m := range also {
		t.Columns = append(t.Columns, record.Column{Name: m.Name, Floats: columns[1+i]})
	}
}
