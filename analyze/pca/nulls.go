package pca

import "context"

// nullResults is what stands beside the shares.
type nullResults struct {
	walk       null
	lissajous  []float64
	ou         *OrnsteinUhlenbeck // nil when there is none
	surrogates *Surrogates        // nil when there are none
}

// nulls computes everything that the shares are to be compared with. g is the
// centred Gram matrix; it is not changed. asked says that the number of surrogates
// is no default.
func nulls(ctx context.Context, s *source, o *Options, g []float64, r *Result, asked bool) (nullResults, error) {
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
		// Equal walks have equal eigenvalues and no curve of their own.
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
	l.surrogates, err = surrogates(ctx, o, g, len(s.rows), r.ExplainedVarianceRatio, asked)
	return l, err
}
