package pca

import (
	"fmt"

	"sgdwalk/analyze"
)

const (
	// nullMargin is how much more of the variance than a random walk the first two
	// components must hold before their share says anything.
	nullMargin = 0.05
	// lissajousLimit is the correlation from which on a score is called the cosine
	// of a random walk.
	lissajousLimit = 0.95
	// leftOutLimit is the share of variance in coordinates left out from which on
	// a reader must know.
	leftOutLimit = 0.1
	// surrogateLevel is the p-value above which the run's share is called that of a
	// surrogate. 20 walks can give less: 1/21.
	surrogateLevel = 0.05
	// unresolvedLimit is the residual of an eigenpair from which on it is not called
	// one.
	unresolvedLimit = 1e-6
)

func (r *Result) warn(o *Options) {
	add := func(code, format string, args ...any) {
		r.Warnings = append(r.Warnings, analyze.Warning{Code: code, Text: fmt.Sprintf(format, args...)})
	}
	k := len(r.Scores)
	if r.stride > 1 {
		add("rows_thinned", "one fit takes at most %d rows: only the iterates of every %d steps take part (--rows chooses others)", MaxRows, r.stride)
	}
	if k < o.Components {
		add("rank_deficient", "%d components were asked for; the %d rows vary in %s only", o.Components, len(r.Rows), analyze.Count(k, "direction"))
	}
	switch {
	case len(r.nulls.walk.ratios) > 0:
	case r.weighted:
		add("no_null", "the %d runs have different numbers of rows and the same weight: no random walk can be put beside the shares", r.Summary.Runs)
	default:
		add("no_null", "the %d runs start at different iterates: their distances from each other are in the shares, and no random walk can be put beside them", r.Summary.Runs)
	}
	if k >= 2 && len(r.nulls.walk.ratios) >= 2 {
		two := r.ExplainedVarianceRatio[0] + r.ExplainedVarianceRatio[1]
		null := r.nulls.walk.ratios[0] + r.nulls.walk.ratios[1]
		if two <= null+nullMargin {
			walks := fmt.Sprintf("a random walk of %d rows explains", len(r.Rows))
			if r.Summary.Runs > 1 {
				walks = fmt.Sprintf("%d random walks from one point explain", r.Summary.Runs)
			}
			add("no_more_than_random_walk", "two directions explain %.1f %% of the variance; %s %.1f %%: the share is no evidence of a low-dimensional path", 100*two, walks, 100*null)
		}
		if c := r.nulls.lissajous; r.Summary.Runs == 1 && len(r.Rows) > 4 && c[0] >= lissajousLimit && c[1] >= lissajousLimit {
			add("lissajous", "the first two scores correlate %.3f and %.3f with those of a random walk: the curve in their plane is the Lissajous curve that any random walk draws", c[0], c[1])
		}
	}
	if s := r.nulls.surrogates; s != nil && s.SignFlips[0].AtLeast > surrogateLevel {
		add("no_more_than_sign_flips", "%s", shareOfSignFlips(r.ExplainedVarianceRatio[0], s))
	}
	if r.unresolved > unresolvedLimit {
		add("components_unresolved", "the leading eigenvalues are so close together that the components are not determined (residual %.2g of the largest): the variance has no preferred directions", r.unresolved)
	}
	if s := r.Summary; s.LeftOutVarianceRatio > leftOutLimit {
		add("left_out_variance", "%.1f %% of the squared distance from the center is in coordinates that were left out (%d of %d parameters)",
			100*s.LeftOutVarianceRatio, s.Parameters-s.ParametersIncluded, s.Parameters)
	}
}

// shareOfSignFlips says that the share of the first direction does not tell the walk
// from walks without a direction. It says nothing of where the walk goes: a walk
// that is straight and slows down has a share like that too, and only the distance
// that it covers (path: persistence) tells.
func shareOfSignFlips(share float64, s *Surrogates) string {
	return fmt.Sprintf("the first direction explains %.1f %% of the variance; walks of the run's own updates with random signs explain %.1f %% to %.1f %% (5 and 95 %% quantiles of %d): this share is no evidence that the walk has a direction; the distance that it covers may be (sgdwalk path)",
		100*share, 100*s.SignFlips[0].Low, 100*s.SignFlips[0].High, s.Walks)
}
