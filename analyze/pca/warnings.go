package pca

import (
	"fmt"

	"sgdwalk/analyze"
)

const (
	// nullMargin is how much more of the variance than a random walk the first two
	// components must hold before their share says anything.
	nullMargin = 0.05
	// lissajousLimit is the correlation from which on a score counts as the cosine of a
	// random walk.
	lissajousLimit = 0.95
	// leftOutLimit is the share of variance in coordinates left out from which on a
	// warning is given.
	leftOutLimit = 0.1
	// surrogateLevel is the p-value above which a warning says that the share does not
	// differ from surrogates. 20 walks can give as little as 1/21.
	surrogateLevel = 0.05
	// unresolvedLimit is the residual from which on an eigenpair counts as unresolved.
	unresolvedLimit = 1e-6
)

func (r *Result) warn(o *Options) {
	add := func(code, format string, args ...any) {
		r.Warnings = append(r.Warnings, analyze.Warning{Code: code, Text: fmt.Sprintf(format, args...)})
	}
	k := len(r.Scores)
	if r.stride > 1 {
		add("rows_thinned", "one fit takes at most %d rows: only the iterates of every %d steps take part (--rows "+
			"chooses others)", MaxRows, r.stride)
	}
	if k < o.Components {
		add("rank_deficient", "%d components were requested; the %d rows vary in %s only", o.Components, len(r.Rows),
			analyze.Count(k, "direction"))
	}
	switch {
	case len(r.nulls.walk.ratios) > 0:
	case r.weighted:
		add("no_null", "the %d runs have different numbers of rows and the same weight: the shares cannot be "+
			"compared with random walks", r.Summary.Runs)
	default:
		add("no_null", "the %d runs start at different iterates: the shares contain their distances from each other "+
			"and cannot be compared with random walks", r.Summary.Runs)
	}
	if k >= 2 && len(r.nulls.walk.ratios) >= 2 {
		two := r.ExplainedVarianceRatio[0] + r.ExplainedVarianceRatio[1]
		null := r.nulls.walk.ratios[0] + r.nulls.walk.ratios[1]
		if two <= null+nullMargin {
			walks := fmt.Sprintf("a random walk of %d rows explains", len(r.Rows))
			if r.Summary.Runs > 1 {
				walks = fmt.Sprintf("%d random walks from one point explain", r.Summary.Runs)
			}
			add("no_more_than_random_walk", "two directions explain %.1f %% of the variance; %s %.1f %%: this is not "+
				"evidence of a low-dimensional path", 100*two, walks, 100*null)
		}
		if c := r.nulls.lissajous; r.Summary.Runs == 1 && len(r.Rows) > 4 && c[0] >= lissajousLimit &&
			c[1] >= lissajousLimit {
			add("lissajous", "the first two scores correlate %.3f and %.3f with those of a random walk: the curve in "+
				"their plane is the Lissajous curve that any random walk draws", c[0], c[1])
		}
	}
	if s := r.nulls.surrogates; s != nil && s.SignFlips[0].AtLeast > surrogateLevel {
		add("no_more_than_sign_flips", "%s", shareOfSignFlips(r.ExplainedVarianceRatio[0], s))
	}
	if r.unresolved > unresolvedLimit {
		add("components_unresolved", "the leading eigenvalues are so close together that the components are not "+
			"determined (residual %.2g of the largest): the variance has no preferred directions", r.unresolved)
	}
	if s := r.Summary; s.LeftOutVarianceRatio > leftOutLimit {
		add("left_out_variance", "%.1f %% of the squared distance from the center is in coordinates that were left "+
			"out (%d of %d parameters)",
			100*s.LeftOutVarianceRatio, s.Parameters-s.ParametersIncluded, s.Parameters)
	}
}

// shareOfSignFlips returns the warning that the share of the first direction does not
// distinguish the walk from walks without a direction. It does not mean that the walk
// has no direction: a straight walk that slows down has such a share too, and only the
// distance that it covers (path: persistence) decides.
func shareOfSignFlips(share float64, s *Surrogates) string {
	return fmt.Sprintf("the first direction explains %.1f %% of the variance; walks of the run's own updates with "+
		"random signs explain %.1f %% to %.1f %% (5 and 95 %% quantiles of %d): this share is not evidence of a "+
		"direction; compare the distance that the walk covers (sgdwalk path)",
		100*share, 100*s.SignFlips[0].Low, 100*s.SignFlips[0].High, s.Walks)
}
