package draw

import (
	"fmt"
	"math"

	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/pca"
)

// PCA draws the figures of a fit.
func PCA(title string, r *pca.Result) []Named {
	return []Named{{"pca", Spectrum(title, r)}, {"scores_over_steps", Scores(title, r)}}
}

// Spectrum draws the shares of variance next to the shares of a random walk.
func Spectrum(title string, r *pca.Result) *figure.Spectrum {
	null := r.Summary.RandomWalk.ExplainedVarianceRatio
	return &figure.Spectrum{
		Title: title, Ratios: r.ExplainedVarianceRatio,
		Null: null[:min(len(null), len(r.ExplainedVarianceRatio))],
	}
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

// Trajectory draws the path of a run so far in the plane of its principal directions.
func Trajectory(title string, p *pca.Plane) *figure.Trajectory {
	axis := func(k int) string { return fmt.Sprintf("PC%d: %.1f %% of variance so far", k+1, 100*p.Ratios[k]) }
	f := &figure.Trajectory{Title: title, XLabel: axis(0), YLabel: axis(1)}
	for i, step := range p.Steps {
		f.Path = append(f.Path, figure.PathPoint{
			A: p.Scores[0][i], B: p.Scores[1][i], Residual: p.Residuals[i],
			Step: int(step), Epoch: int(p.Epochs[i]), Loss: math.NaN(),
		})
	}
	f.Notes = []string{fmt.Sprintf("Principal directions of %d iterates, up to step %d. The directions turn as the "+
		"run continues. A random walk shows such shares too: see pca.", len(p.Steps), p.Steps[len(p.Steps)-1])}
	return f
}
