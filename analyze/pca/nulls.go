package pca

import "context"

// nullResults holds the nulls of the shares.
type nullResults struct {
	walk       null
	lissajous  []float64
	ou         *OrnsteinUhlenbeck // nil without it
	surrogates *Surrogates        // nil without them
}

// nulls computes the nulls that the shares are compared with. g is the centred Gram
// matrix; it is not changed. requested is true if the number of surrogates is not a
// default.
func nulls(ctx context.Context, s *source, o *Options, g []float64, r *Result, requested bool) (nullResults, error) {
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
	if s.runs > 1 {
		if s.sharedStart() && s.scale == nil {
			l.walk, err = randomWalks(times, s.run, o.Center, len(r.Scores))
		}
		// Equal walks have equal eigenvalues, so that no component has its own curve.
		l.lissajous = null{}.correlations(r.Scores)
		return l, err
	}
	if l.walk, err = randomWalk(times, o.Center, len(r.Scores)); err != nil {
		return l, err
	}
	l.lissajous = l.walk.correlations(r.Scores)
	if equallySpaced(times) {
		if l.ou, err = ornsteinUhlenbeck(g, len(times), o.Center, len(r.Scores)); err != nil {
			return l, err
		}
	}
	l.surrogates, err = surrogates(ctx, o, g, len(s.rows), r.ExplainedVarianceRatio, requested)
	return l, err
}
