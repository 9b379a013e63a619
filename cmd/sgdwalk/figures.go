package main

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/path"
	"sgdwalk/analyze/pca"
	"sgdwalk/analyze/walk"
	"sgdwalk/record"
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
				s.Apart = s.Points && len(s.X) < 3
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

// diffusionFigure draws the mean squared displacement over the lag, one line a
// waiting time; nil when there is nothing to draw on logarithmic axes.
func diffusionFigure(title string, t *record.Table) *figure.Curves {
	f := &figure.Curves{Title: title, XLabel: "lag in steps", YLabel: "squared displacement", XScale: figure.Log, YScale: figure.Log}
	wait, lag := t.Column("wait").Ints, t.Column("lag").Ints
	displacement, steps2 := column(t, "displacement2"), column(t, "steps2")
	independent := figure.Series{Name: "independent steps from 0"}
	for i := 0; i < len(wait); {
		s := figure.Series{Name: fmt.Sprintf("from step %d", wait[i])}
		first := wait[i]
		for ; i < len(wait) && wait[i] == first; i++ {
			if displacement[i] > 0 {
				s.X, s.Y = append(s.X, float64(lag[i])), append(s.Y, displacement[i])
			}
			if first == wait[0] && steps2 != nil && steps2[i] > 0 {
				independent.X, independent.Y = append(independent.X, float64(lag[i])), append(independent.Y, steps2[i])
			}
		}
		if len(s.X) > 1 {
			f.Series = append(f.Series, s)
		}
	}
	if len(f.Series) == 0 {
		return nil
	}
	if len(independent.X) > 1 {
		f.Series = append(f.Series, independent)
	}
	return f
}

func floats(v []int64) []float64 {
	out := make([]float64, len(v))
	for i, n := range v {
		out[i] = float64(n)
	}
	return out
}

// profileFigure draws the loss along the step, relative to where it starts, over
// all segments: the median and the middle half.
func profileFigure(title string, r *walk.Result) *figure.Curves {
	n := r.Summary.Alphas
	alphas, losses := r.Losses.Column("alpha").Floats[:n], r.Losses.Column("loss").Floats
	zero := slices.Index(alphas, 0)
	s := figure.Series{Name: "median, with the middle half of the segments", X: alphas, Points: true}
	for i := range alphas {
		var change []float64
		for k := 0; k < len(losses); k += n {
			if d := losses[k+i] - losses[k+zero]; d-d == 0 {
				change = append(change, d)
			}
		}
		slices.Sort(change)
		q := func(p float64) float64 {
			if len(change) == 0 {
				return nan
			}
			return stat.Quantile(p, stat.LinInterp, change, nil)
		}
		s.Y, s.Low, s.Top = append(s.Y, q(0.5)), append(s.Low, q(0.25)), append(s.Top, q(0.75))
	}
	return &figure.Curves{
		Title: title, XLabel: "position on the step, \u03b1", YLabel: "full training loss, change from \u03b1 = 0",
		YScale: figure.Linear, Series: []figure.Series{s},
		Notes: []string{fmt.Sprintf("%d segments, steps %d to %d.", r.Summary.Segments, r.Summary.FirstStep, r.Summary.LastStep)},
	}
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
