package draw

import (
	"fmt"
	"math"

	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/pca"
)

// PCA draws the figures of a fit.
func PCA(run string, r *pca.Result) []Named {
	return []Named{{"pca", Spectrum(run, r)}, {"scores_over_steps", Scores(run, r)}}
}

// Spectrum draws the shares of variance next to the shares of a random walk, and next to the
// intervals of the surrogate walks where the result has them.
func Spectrum(run string, r *pca.Result) *figure.Spectrum {
	null := r.Summary.RandomWalk.ExplainedVarianceRatio
	n := len(r.ExplainedVarianceRatio)
	f := &figure.Spectrum{
		Title: "Explained variance of the principal directions", Subtitle: run, Ratios: r.ExplainedVarianceRatio,
		Null: null[:min(len(null), n)],
	}
	s := r.Summary.Surrogates
	if s == nil {
		return f
	}
	for _, kind := range []struct {
		name  string
		bands []pca.Band
	}{{"signs at random", s.SignFlips}, {"order at random", s.Permutations}} {
		q := figure.NullInterval{Name: kind.name}
		for _, b := range kind.bands[:min(len(kind.bands), n)] {
			q.Mean, q.Low, q.High = append(q.Mean, b.Mean), append(q.Low, b.Low), append(q.High, b.High)
		}
		f.Intervals = append(f.Intervals, q)
	}
	f.Notes = append(f.Notes, fmt.Sprintf("Intervals are of %d walks each that take the updates of the run with random signs, or in "+
		"random order.", s.Walks))
	return f
}

// Scores draws the scores of the leading directions over the steps: a random
// walk shows cosines of one, two, ... half periods. Of several runs it has a line
// each.
func Scores(run string, r *pca.Result) *figure.Curves {
	f := &figure.Curves{Title: "Scores of the principal directions", Subtitle: run, XLabel: "step", XWhole: true, XSteps: true, YLabel: "score", YScale: figure.Linear}
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
func Trajectory(run string, p *pca.Plane) *figure.Trajectory {
	axis := func(k int) string { return fmt.Sprintf("PC%d: %.1f %% of variance so far", k+1, 100*p.Ratios[k]) }
	f := &figure.Trajectory{Title: "Path in the plane of its principal directions", Subtitle: run, XLabel: axis(0), YLabel: axis(1)}
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
