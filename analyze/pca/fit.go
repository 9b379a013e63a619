package pca

import (
	"context"
	"errors"
	"fmt"
	"math"

	"sgdwalk/analyze/job"
	"sgdwalk/record"
)

// rankTolerance is the share of the summed squares around the reference below
// which an eigenvalue cannot be told from the rounding of the Gram matrix.
func (s *source) rankTolerance() float64 {
	if s.exact() {
		return 1e-12
	}
	return 1e-7
}

// ErrNoVariation is wrapped by the error of a fit whose rows do not differ in the
// coordinates that take part.
var ErrNoVariation = errors.New("there is no direction of variation")

// Fit finds the principal directions of the run's iterates.
//
// With n rows, P parameters and K components it reads the run twice, verifying it
// the first time, and costs n*n*P/2 + 2*n*K*P multiplications; its memory is n*n
// float64 and half as much again, (K+2)*P float32 and a block of at most 24 MiB, and
// two more n*n float64 for every surrogate at work. It holds no copy of the iterates. With
// Options.ScoresOnly it reads the run once, without 2*n*K*P of the multiplications
// and with nothing of length P in memory. It checks ctx between blocks.
//
// The error names the row and the element of an iterate that is not finite, and wraps
// ErrNoVariation if all rows are the same. The trajectory must stay open until Fit
// returns; the result shares no memory with it.
func Fit(ctx context.Context, t record.Trajectory, opts Options) (*Result, error) {
	return FitJoint(ctx, []record.Trajectory{t}, opts)
}

// FitJoint finds directions for the rows of several runs of one model together:
// planes of different runs' own directions cannot be compared, one basis for all
// can. Every row weighs the same, or with Options.EqualRuns every run, and
// Options.Rows chooses in every run. The center must be one that the runs share: their mean, or the iterate that all of
// them start at.
//
// Runs that start at one iterate have a null: the same number of independent random
// walks from there. Runs with different starts and rows with unequal weights have no
// null, and joint fits have no surrogates.
func FitJoint(ctx context.Context, runs []record.Trajectory, opts Options) (*Result, error) {
	j, err := NewJob(runs, opts)
	if err != nil {
		return nil, err
	}
	return job.Run(ctx, j, job.Driver{Store: opts.Store})
}

// Finish finds the directions.
func (j *Job) Finish(ctx context.Context, values job.Values) (*Result, error) {
	s, o, n := j.s, j.o, len(j.s.rows)
	g, err := j.gram(ctx, values)
	if err != nil {
		return nil, err
	}
	s.scaleGram(g)
	around, _ := traceAndSquare(g, n)
	if around == 0 {
		return nil, fmt.Errorf("pca: all %d rows are the same in %d coordinates of %q; %w", n, s.taking(), s.in,
			ErrNoVariation)
	}
	switch {
	case o.Center == Mean && s.scale != nil:
		centerWeighted(g, n, s.scale)
	case o.Center == Mean:
		center(g, n)
	}
	pairs, residual, err := leading(g, n, min(o.Components, n-1), o.Workers)
	if err != nil {
		return nil, err
	}
	pairs = significant(pairs, o.Components, s.rankTolerance()*around)
	if len(pairs) == 0 {
		return nil, fmt.Errorf("pca: the %d rows differ by less than the rounding of their arithmetic; %w", n,
			ErrNoVariation)
	}
	var d *decomposition
	if o.ScoresOnly {
		d, err = fromGram(ctx, s, g, pairs, o.Center == Mean)
	} else {
		d, err = secondPass(ctx, s, pairs, o.Center == Mean)
	}
	if err != nil {
		return nil, err
	}
	d.orient()
	r := &Result{
		Runs: s.run, Rows: s.index, Steps: s.steps, Epochs: s.epochs,
		Reference: d.reference, Components: d.components, Scores: d.scores, Residuals: d.residual,
		Distances: d.distance,
	}
	trace, square := traceAndSquare(g, n)
	r.Participation = trace * trace / square
	r.TotalVariance = d.variance / float64(n-1)
	for _, score := range d.scores {
		var sum float64
		for i, v := range score {
			sum += s.weight(i) * v * v
		}
		r.ExplainedVariance = append(r.ExplainedVariance, sum/float64(n-1))
		r.ExplainedVarianceRatio = append(r.ExplainedVarianceRatio, sum/d.variance)
	}
	if r.nulls, err = nulls(ctx, s, o, g, r, j.surrogates); err != nil {
		return nil, err
	}
	r.unresolved, r.weighted, r.stride = residual, s.scale != nil, s.stride
	r.summarize(s, o, d)
	return r, nil
}

// leading returns at least the k leading eigenpairs of g, largest first, and their
// largest residual in units of the largest eigenvalue.
func leading(g []float64, n, k, workers int) ([]pair, float64, error) {
	if n <= denseRows {
		pairs, err := leadingDense(g, n)
		return pairs, 0, err
	}
	return leadingKrylov(dense(g, n, workers), n, k, krylovTolerance)
}

// significant returns the pairs, of the first k, whose eigenvalues are above the floor.
func significant(pairs []pair, k int, floor float64) []pair {
	for i, p := range pairs {
		if i == k || p.value <= floor || math.IsNaN(p.value) {
			return pairs[:i]
		}
	}
	return pairs
}

// taking returns the number of coordinates that take part.
func (s *source) taking() int {
	n := 0
	for _, t := range s.taken {
		n += t.end - t.first
	}
	return n
}
