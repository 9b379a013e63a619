package line

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/curve"
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

// Between evaluates the loss on the line through a and b. Both have length P, are
// finite, different, borrowed and not changed: the loss is given a copy.
//
// It returns an error when options or points are wrong, when the loss or the
// store fails, and the context's error when it was cancelled; finished points are
// then in the store. With an analyze.Part that leaves points to other workers there
// is no result. A NaN loss is no error.
func Between(ctx context.Context, a, b []float32, loss analyze.Loss, opts Options) (*Result, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	if err := checkEnds(a, b); err != nil {
		return nil, err
	}
	opts = opts.Effective()
	alphas := include(include(opts.Alphas.Values(), 0), 1)
	opts.Progress.Begin("line", len(alphas))
	e := &evaluator{loss: loss, also: opts.Also, progress: opts.Progress, store: opts.Store, point: make([]float32, len(a))}
	length := math.Sqrt(curve.Distance2(a, b))
	distances := make([]float64, len(alphas))
	columns := make([][]float64, 1+len(opts.Also))
	unit := func(alpha float64) string { return "alpha " + strconv.FormatFloat(alpha, 'g', -1, 64) }
	for i, alpha := range alphas {
		if i%aheadPoints == 0 {
			if err := e.ahead(ctx, alphas[i:min(i+aheadPoints, len(alphas))], unit, func(alpha float64, dst []float32) { curve.Between(dst, a, b, alpha) }); err != nil {
				return nil, err
			}
		}
		distances[i] = alpha * length
		v, err := e.at(ctx, unit(alpha), func(dst []float32) { curve.Between(dst, a, b, alpha) })
		if err != nil {
			return nil, err
		}
		for j, x := range v {
			columns[j] = append(columns[j], x)
		}
	}
	if e.elsewhere > 0 {
		return nil, fmt.Errorf("line: %d of %d points: %w", e.elsewhere, len(alphas), analyze.ErrElsewhere)
	}
	r := &Result{Evaluated: e.made}
	r.Losses = record.Table{Columns: []record.Column{
		{Name: "alpha", Floats: alphas}, {Name: "distance", Floats: distances}, {Name: "loss", Floats: columns[0]},
	}}
	for i, m := range opts.Also {
		r.Losses.Columns = append(r.Losses.Columns, record.Column{Name: m.Name, Floats: columns[1+i]})
	}
	r.summarize(alphas, columns, length, &opts)
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
