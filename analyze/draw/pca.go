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
// walk shows cosines of one, two, ... half periods. Of several runs it has a line
// each.
func Scores(title string, r *pca.Result) *figure.Curves {
	f := &figure.Curves{Title: title, XLabel: "step", XWhole: true, YLabel: "score", YScale: figure.Linear}
	directions := 3
	if r.Summary.Runs > 1 {
		directions = 2
	}
	for k := range min(directions, len(r.Scores)) {
		for from := 0; from < len(r.Runs); {
			to := from
			for to < len(r.Runs) && r.Runs[to] == r.Runs[from] {
				to++
			}
			name := fmt.Sprintf("PC%d", k+1)
			if r.Summary.Runs > 1 {
				name += fmt.Sprintf(", run %d", r.Runs[from]+1)
			}
			f.Series = append(f.Series, figure.Series{Name: name, X: floats(r.Steps[from:to]), Y: r.Scores[k][from:to]})
			from = to
		}
	}
	return f
}
