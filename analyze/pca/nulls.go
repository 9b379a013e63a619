package pca

import "context"

// nullResults is what stands beside the shares.
type nullResults struct {
	walk       null
	lissajous  []float64
	surrogates *Surrogates // nil when there are none
}

// nulls computes everything that the shares are to be compared with. g is the
// centred Gram matrix; it is not changed.
func nulls(ctx context.Context, s *source, o *Options, g []float64, r *Result) (nullResults, error) {
	var l nullResults
	times := s.steps
	if o.Substeps {
		// Inner iterates share the step of their outer one: count rows instead.
		times = make([]int64, len(s.rows))
		for i := range times {
			times[i] = int64(i)
		}
	}
	var err error
	if l.walk, err = randomWalk(times, o.Center, len(r.Components)); err != nil {
		return l, err
	}
	l.lissajous = l.walk.correlations(r.Scores)
	l.surrogates, err = surrogates(ctx, o, g, len(s.rows), r.ExplainedVarianceRatio)
	return l, err
}
