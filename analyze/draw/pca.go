package draw

import (
	"fmt"

	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/pca"
)

// Spectrum draws the shares of variance beside those of a random walk.
func Spectrum(title string, r *pca.Result) *figure.Spectrum {
	null := r.Summary.RandomWalk.ExplainedVarianceRatio
	return &figure.Spectrum{Title: title, Ratios: r.ExplainedVarianceRatio, Null: null[:min(len(null), len(r.ExplainedVarianceRatio))]}
}

// Scores draws the scores of the leading directions over the steps: a random
// walk shows cosines of one, two, ... half periods.
func Scores(title string, r *pca.Result) *figure.Curves {
	f := &figure.Curves{Title: title, XLabel: "step", XWhole: true, YLabel: "score", YScale: figure.Linear}
	for k := range min(3, len(r.Scores)) {
		f.Series = append(f.Series, figure.Series{Name: fmt.Sprintf("PC%d", k+1), X: floats(r.Steps), Y: r.Scores[k]})
	}
	return f
}
