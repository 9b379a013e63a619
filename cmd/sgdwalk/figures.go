package main

import (
	"math"

	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/path"
	"sgdwalk/analyze/pca"
)

// named is a figure with its file name.
type named struct {
	name   string
	figure figure.Figure
}

// pathFigures draws what a run recorded; a quantity that it did not record has no
// figure.
func pathFigures(title string, r *path.Result) []named {
	t := &r.Table
	steps := floats(t.Column("step").Ints)
	var out []named
	add := func(name, ylabel string, series ...figure.Series) {
		kept := series[:0]
		for _, s := range series {
			if s.Y != nil && (len(kept) == 0 || !same(kept[0].Y, s.Y)) {
				s.X, s.Y = present(steps, s.Y, s.Points)
				kept = append(kept, s)
			}
		}
		if len(kept) > 0 {
			out = append(out, named{name, &figure.Curves{Title: title, XLabel: "step", XWhole: true, YLabel: ylabel, Series: kept}})
		}
	}
	add("loss", "loss",
		figure.Series{Name: "mini-batch", Y: column(t, "batch_loss")},
		figure.Series{Name: "full training set", Y: column(t, "full_loss"), Points: true},
		figure.Series{Name: "held out", Y: column(t, "test_loss"), Points: true})
	add("cosine", "cosine with the one before",
		figure.Series{Name: "mini-batch gradients", Y: column(t, "grad_cos")},
		figure.Series{Name: "updates", Y: column(t, "update_cos")})
	add("step_length", "length",
		figure.Series{Name: "update", Y: column(t, "update_norm")},
		figure.Series{Name: "mini-batch gradient", Y: column(t, "grad_norm")})
	add("distance", "distance",
		figure.Series{Name: "displacement from \u03b8\u2080", Y: column(t, "displacement")},
		figure.Series{Name: "path length", Y: column(t, "path_length")})
	return out
}

// present leaves out the places without a value where the series is sparse, so
// that a line joins those that were measured; elsewhere they stay gaps.
func present(x, y []float64, sparse bool) (px, py []float64) {
	if !sparse {
		return x, y
	}
	for i, v := range y {
		if !math.IsNaN(v) {
			px, py = append(px, x[i]), append(py, v)
		}
	}
	return px, py
}

func floats(v []int64) []float64 {
	out := make([]float64, len(v))
	for i, n := range v {
		out[i] = float64(n)
	}
	return out
}

// spectrumFigure draws the shares of variance beside those of a random walk.
func spectrumFigure(title string, r *pca.Result) *figure.Spectrum {
	null := r.Summary.RandomWalk.ExplainedVarianceRatio
	return &figure.Spectrum{Title: title, Ratios: r.ExplainedVarianceRatio, Null: null[:min(len(null), len(r.ExplainedVarianceRatio))]}
}

// scoresFigure draws the scores of the leading directions over the steps: a
// random walk shows cosines of one, two, ... half periods.
func scoresFigure(title string, r *pca.Result) *figure.Curves {
	f := &figure.Curves{Title: title, XLabel: "step", XWhole: true, YLabel: "score", YScale: figure.Linear}
	for k := range min(3, len(r.Scores)) {
		f.Series = append(f.Series, figure.Series{Name: pcName(k), X: floats(r.Steps), Y: r.Scores[k]})
	}
	return f
}

func pcName(k int) string { return "PC" + string(rune('1'+k)) }
