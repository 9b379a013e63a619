package draw

import (
	"fmt"
	"math"
	"slices"

	"sgdwalk/analyze/compare"
	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/pca"
)

// Runs draws several runs over one loss, on one plane. Groups are drawn in the
// order given, groups that it does not name not at all; a run is labelled by its
// group, or where that has several on the plane by its own name. The labels name
// the two directions; see [JointDirections].
func Runs(title, xlabel, ylabel string, groups []string, l *compare.LandscapeResult,
	paths *compare.PathsResult,
) *figure.Landscape {
	f := measured("", xlabel, ylabel, l.Result, l.Grid.Loss)
	f.Title = title
	t := &paths.Table
	run, group := t.Column("run").Strings, t.Column("group").Strings
	a, b, residual := Values(t, "a"), Values(t, "b"), Values(t, "residual")
	steps := t.Column("step").Ints
	loss := Values(t, "full_loss")
	points := make(map[string][]figure.PathPoint)
	for i, name := range run {
		// Without epochs the paths have no marks: the marks of many runs would hide
		// them.
		p := figure.PathPoint{A: a[i], B: b[i], Residual: residual[i], Loss: math.NaN(), Step: int(steps[i]), Epoch: 1}
		if loss != nil {
			p.Loss = loss[i]
		}
		points[name] = append(points[name], p)
	}
	for _, g := range groups {
		var of []string
		for i, name := range run {
			if group[i] == g && !slices.Contains(of, name) {
				of = append(of, name)
			}
		}
		for _, name := range of {
			label := g
			if len(of) > 1 {
				label = name
			}
			f.Paths = append(f.Paths, figure.LabelledPath{Name: label, Points: points[name]})
		}
	}
	return f
}

// JointDirections labels the first two principal directions of several runs with
// their shares of the variance, next to the shares of random walks.
func JointDirections(s *pca.Summary) (x, y string) {
	label := func(i int) string {
		t := fmt.Sprintf("joint PC%d: %s of the variance of all runs", i+1, percent(s.ExplainedVarianceRatio[i]))
		if null := s.RandomWalk.ExplainedVarianceRatio; i < len(null) {
			t += fmt.Sprintf(" (random walks %s)", percent(null[i]))
		}
		return t
	}
	return label(0), label(1)
}
