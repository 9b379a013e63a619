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
func Path(run string, r *path.Result, notes ...string) []Named {
	t := &r.Table
	steps := floats(t.Column("step").Ints)
	var out []Named
	add := func(name, title, ylabel string, series ...figure.Series) {
		kept := series[:0]
		for _, s := range series {
			switch {
			case s.Y == nil:
			case len(kept) > 0 && same(kept[0].Y, s.Y): // as of plain SGD
				kept[0].Name += " and " + s.Name
			default:
				s.X, s.Y = present(steps, s.Y, s.Points)
				s.Apart = s.Points && len(s.X) < 3
				kept = append(kept, s)
			}
		}
		if len(kept) > 0 {
			f := &figure.Curves{
				Title: title, Subtitle: run, XLabel: "step", XWhole: true, XSteps: true, YLabel: ylabel, Series: kept, Notes: notes,
			}
			if name == "cosine" {
				f.YFrom, f.YTo, f.References = -cosineLimit, cosineLimit, []float64{0}
			}
			out = append(out, Named{name, f})
		}
	}
	add("loss", "Loss of the iterates", "loss",
		figure.Series{Name: "mini-batch", Y: Values(t, "batch_loss")},
		figure.Series{Name: "full training set", Y: Values(t, "full_loss"), Points: true},
		figure.Series{Name: "held out", Y: Values(t, "test_loss"), Points: true})
	add("cosine", "Directions of consecutive steps", "cosine with the one before",
		figure.Series{Name: "mini-batch gradients", Y: Values(t, "grad_cos")},
		figure.Series{Name: "updates", Y: Values(t, "update_cos")})
	add("step_length", "Lengths of updates and gradients", "length",
		figure.Series{Name: "update", Y: Values(t, "update_norm")},
		figure.Series{Name: "mini-batch gradient", Y: Values(t, "grad_norm")})
	add("distance", "Distance from the start and path length", "distance",
		figure.Series{Name: "displacement from \u03b8\u2080", Y: Values(t, "displacement")},
		figure.Series{Name: "path length", Y: Values(t, "path_length")})
	return out
}

// cosineLimit is a little more than 1, so that a line at a limit of the cosine is in the frame.
const cosineLimit = 1.08

// LearningRate draws the learning rate of a run; nil when it is constant or not known.
func LearningRate(run string, r *path.Result, notes ...string) *figure.Curves {
	x, y := present(floats(r.Table.Column("step").Ints), Values(&r.Table, "learning_rate"), true)
	if !slices.ContainsFunc(y, func(v float64) bool { return v != y[0] }) {
		return nil
	}
	return &figure.Curves{
		Title: "Learning rate", Subtitle: run, XLabel: "step", XWhole: true, XSteps: true, YLabel: "learning rate", Notes: notes,
		Series: []figure.Series{stairs(figure.Series{X: x, Y: y})},
	}
}

// stairs makes a line that keeps each value until the next one, for a quantity that changes at
// once.
func stairs(s figure.Series) figure.Series {
	if s.Y == nil {
		return s
	}
	out := s
	out.X, out.Y = nil, nil
	for i, x := range s.X {
		if i > 0 && s.Y[i] != s.Y[i-1] {
			out.X, out.Y = append(out.X, x), append(out.Y, s.Y[i-1])
		}
		out.X, out.Y = append(out.X, x), append(out.Y, s.Y[i])
	}
	return out
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

// Diffusion draws the displacement over the lag, the root of the mean squared displacement,
// with one line for each waiting time; nil when no value is positive. Two guides through the
// first value show a random walk and a straight line.
func Diffusion(run string, t *record.Table) *figure.Curves {
	f := &figure.Curves{
		Title: "Displacement over the lag", Subtitle: run, XLabel: "lag in steps", XScale: figure.Log,
		YLabel: "displacement, root mean square", YScale: figure.Log,
	}
	wait, lag := t.Column("wait").Ints, t.Column("lag").Ints
	displacement, steps2 := Values(t, "displacement2"), Values(t, "steps2")
	independent := figure.Series{Name: "independent steps from 0"}
	for i := 0; i < len(wait); {
		s := figure.Series{Name: fmt.Sprintf("from step %d", wait[i])}
		first := wait[i]
		for ; i < len(wait) && wait[i] == first; i++ {
			if displacement[i] > 0 {
				s.X, s.Y = append(s.X, float64(lag[i])), append(s.Y, math.Sqrt(displacement[i]))
			}
			if first == wait[0] && steps2 != nil && steps2[i] > 0 {
				independent.X, independent.Y = append(independent.X, float64(lag[i])), append(independent.Y, math.Sqrt(steps2[i]))
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
	own := &f.Series[0]
	from, to := own.X[0], own.X[len(own.X)-1]
	for _, g := range []struct {
		name  string
		power float64
	}{{"slope 1/2: random walk", 0.5}, {"slope 1: straight line", 1}} {
		f.Guides = append(f.Guides, figure.Series{
			Name: g.name, X: []float64{from, to}, Y: []float64{own.Y[0], own.Y[0] * math.Pow(to/from, g.power)},
		})
	}
	return f
}
