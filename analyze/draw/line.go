package draw

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/line"
	"sgdwalk/record"
)

// Line draws the loss on the straight line between two iterates, with the held-out loss
// where the table has it, and both once more after the alignment of the second end. t is the
// table Losses of line.Between.
func Line(run string, t *record.Table, between line.Ends) *figure.Curves {
	f := &figure.Curves{
		Title: "Loss on the straight line from " + between.String(), Subtitle: run,
		XLabel: fmt.Sprintf("position on the line: 0 is step %d, 1 is step %d", between.From, between.To),
		YLabel: "loss",
	}
	if between.ToRun != "" {
		f.XLabel += " of " + filepath.Base(between.ToRun)
	}
	x := Values(t, "alpha")
	for _, line := range []struct{ column, name string }{
		{"loss", "full training loss"},
		{"aligned_loss", "full training loss, aligned"},
		{"test_loss", "held-out loss"},
		{"aligned_test_loss", "held-out loss, aligned"},
	} {
		if t.Column(line.column) != nil {
			f.Series = append(f.Series,
				figure.Series{Name: line.name, X: x, Y: Values(t, line.column), Points: sparse(x)})
		}
	}
	f.Series = append(f.Series, ends(f.Series[0]))
	if t.Column("aligned_loss") != nil {
		f.Notes = append(f.Notes, "Aligned: the hidden units of the second end are permuted by weight matching.")
	}
	return f
}

// ends marks a loss at the ends of a line, which the line passes at 0 and at 1.
func ends(s figure.Series) figure.Series {
	out := figure.Series{Name: "ends", Apart: true}
	for i, x := range s.X {
		if x == 0 || x == 1 {
			out.X, out.Y = append(out.X, x), append(out.Y, s.Y[i])
		}
	}
	return out
}

// AddPath adds the recorded losses of the path between the ends to a figure of [Line], each at
// the nearest point of the line. t is the table Losses of line.ProjectPath.
func AddPath(f *figure.Curves, t *record.Table) {
	s := figure.Series{Name: "iterates of the path, at the nearest point of the line", Apart: true}
	progress, losses := Values(t, "progress"), Values(t, "full_loss")
	order := make([]int, len(losses))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, k int) int { return cmp.Compare(progress[i], progress[k]) })
	far := 0.0
	for _, i := range order {
		p := progress[i]
		isEnd := math.Abs(p) < 1e-9 || math.Abs(p-1) < 1e-9 // which the figure marks already
		if isEnd || p-p != 0 {                              // the iterate is not finite
			continue
		}
		s.X, s.Y = append(s.X, progress[i]), append(s.Y, losses[i])
		far = max(far, t.Column("residual_ratio").Floats[i])
	}
	if len(s.X) == 0 {
		return
	}
	f.Series = slices.Insert(f.Series, len(f.Series)-1, s) // the ends are on top
	f.Notes = append(f.Notes, fmt.Sprintf("The path is not on the line: these iterates are up to %.2g times the distance of the "+
		"ends away from it.", far))
}

// Curve draws the loss on the curves between two points, one line a curve. t is the
// table Losses of line.Connect.
func Curve(run string, t *record.Table) *figure.Curves {
	f := &figure.Curves{Title: "Training loss on curves between the ends", Subtitle: run, XLabel: "position between the ends, t", YLabel: "full training loss"}
	names, x, y := t.Column("curve").Strings, t.Column("t").Floats, Values(t, "loss")
	for i := 0; i < len(names); {
		s := figure.Series{Name: names[i]}
		for ; i < len(names) && names[i] == s.Name; i++ {
			s.X, s.Y = append(s.X, x[i]), append(s.Y, y[i])
		}
		s.Points = sparse(s.X)
		f.Series = append(f.Series, s)
	}
	if len(f.Series) > 0 {
		f.Series = append(f.Series, ends(f.Series[0]))
	}
	return f
}

// mostPairs is the number of pairs that a figure shows.
const mostPairs = 4

// Pairs draws the loss between the points of several pairs before and after the alignment of
// the second point, one panel for each pair. t is the table of line.Pairs.
func Pairs(run string, t *record.Table) *figure.Panels {
	f := &figure.Panels{Title: "Training loss between two points, before and after alignment", Subtitle: run, XLabel: "position on the straight line between two points"}
	from, to := t.Column("from").Strings, t.Column("to").Strings
	x, before, after := Values(t, "alpha"), Values(t, "loss"), Values(t, "aligned_loss")
	pairs := 0
	for i := 0; i < len(from); {
		first := i
		for i++; i < len(from) && from[i] == from[first] && to[i] == to[first]; i++ {
		}
		if pairs++; pairs > mostPairs {
			continue
		}
		panel := figure.Panel{YLabel: "full training loss"}
		if pairs > 1 || i < len(from) {
			panel.YLabel = fmt.Sprintf("loss, pair %d", pairs)
			f.Notes = append(f.Notes, fmt.Sprintf("pair %d: %s to %s", pairs, from[first], to[first]))
		}
		panel.Series = append(panel.Series, figure.Series{Name: "as trained", X: x[first:i], Y: before[first:i], Points: true})
		if after != nil {
			panel.Series = append(panel.Series, figure.Series{Name: "aligned", X: x[first:i], Y: after[first:i], Points: true})
		}
		f.Panels = append(f.Panels, panel)
	}
	if pairs == 1 {
		f.XLabel = fmt.Sprintf("position on the line: 0 is %s, 1 is %s", from[0], to[0])
	}
	if pairs > mostPairs {
		f.Notes = append(f.Notes, fmt.Sprintf("the first %d of %d pairs", mostPairs, pairs))
	}
	f.Notes = append(f.Notes, "Aligned: the hidden units are permuted by weight matching.")
	return f
}

// sparse reports whether samples are so few that the straight pieces between them
// show: a reader takes a kink for one of the loss unless the samples are marked.
func sparse(x []float64) bool { return len(x) <= 60 }
