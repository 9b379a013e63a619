package draw

import (
	"fmt"
	"math"
	"slices"

	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/path"
	"sgdwalk/record"
)

// Path draws the losses, cosines, step lengths and distances of a run, with notes under
// each figure. A quantity that the run did not record has no figure.
func Path(title string, r *path.Result, notes ...string) []Named {
	t := &r.Table
	steps := floats(t.Column("step").Ints)
	var out []Named
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
			out = append(out, Named{name, &figure.Curves{
				Title: title, XLabel: "step", XWhole: true, YLabel: ylabel, Series: kept, Notes: notes,
			}})
		}
	}
	add("loss", "loss",
		figure.Series{Name: "mini-batch", Y: Values(t, "batch_loss")},
		figure.Series{Name: "full training set", Y: Values(t, "full_loss"), Points: true},
		figure.Series{Name: "held out", Y: Values(t, "test_loss"), Points: true})
	add("cosine", "cosine with the one before",
		figure.Series{Name: "mini-batch gradients", Y: Values(t, "grad_cos")},
		figure.Series{Name: "updates", Y: Values(t, "update_cos")})
	add("step_length", "length",
		figure.Series{Name: "update", Y: Values(t, "update_norm")},
		figure.Series{Name: "mini-batch gradient", Y: Values(t, "grad_norm")})
	add("distance", "distance",
		figure.Series{Name: "displacement from \u03b8\u2080", Y: Values(t, "displacement")},
		figure.Series{Name: "path length", Y: Values(t, "path_length")})
	return out
}

// LearningRate draws the learning rate of a run; nil when it is constant or not known.
func LearningRate(title string, r *path.Result, notes ...string) *figure.Curves {
	x, y := present(floats(r.Table.Column("step").Ints), Values(&r.Table, "learning_rate"), true)
	if !slices.ContainsFunc(y, func(v float64) bool { return v != y[0] }) {
		return nil
	}
	return &figure.Curves{
		Title: title, XLabel: "step", XWhole: true, YLabel: "learning rate", Notes: notes,
		Series: []figure.Series{{X: x, Y: y}},
	}
}

// present leaves out the places without a value where the series is sparse, so
// that a line joins the measured values; in other series they stay gaps.
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

// Diffusion draws the mean squared displacement over the lag, one line a
// waiting time; nil when no value is positive.
func Diffusion(title string, t *record.Table) *figure.Curves {
	f := &figure.Curves{
		Title: title, XLabel: "lag in steps", YLabel: "squared displacement", XScale: figure.Log,
		YScale: figure.Log,
	}
	wait, lag := t.Column("wait").Ints, t.Column("lag").Ints
	displacement, steps2 := Values(t, "displacement2"), Values(t, "steps2")
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
