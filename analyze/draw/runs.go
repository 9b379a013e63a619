package draw

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"sgdwalk/analyze/compare"
	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/landscape"
	"sgdwalk/analyze/pca"
	"sgdwalk/record"
)

// Compared is what the figures of a comparison are drawn from: the summary and the tables of
// its result.
type Compared struct {
	Title     string // names the runs
	Summary   compare.Summary
	Against   Against           // of the series
	Steps     record.Table      // compare.Series
	Between   record.Table      // losses between the ends; empty without an alignment
	Landscape *landscape.Result // nil without a landscape
	Paths     record.Table      // of all runs; empty without a landscape
}

// Comparison draws all figures of a comparison. Every group has one colour and one mark in
// all of them.
func Comparison(c *Compared) []Named {
	out := []Named{{"series", Series(c)}}
	if f := SeriesApart(c); f != nil {
		out = append(out, Named{"series_apart", f})
	}
	if c.Between.Len() > 0 {
		out = append(out, Named{"between", Pairs(c.Title, &c.Between)})
	}
	if c.Landscape == nil {
		return out
	}
	all := Runs(c)
	out = append(out, Named{"landscape", all})
	if len(all.Groups) > 1 {
		apart := *all
		apart.Apart, apart.Map.Title = true, "Paths over the training loss, one map for each group"
		out = append(out, Named{"landscape_apart", &apart})
	}
	return out
}

// groups returns the groups in the order of their colours and marks.
func (c *Compared) groups() []string {
	if c.Summary.Order != nil {
		return c.Summary.Order
	}
	return c.Summary.Groups // a result of an older version
}

// labels name the two directions of the plane.
func (c *Compared) labels() (x, y string) {
	s := &c.Summary
	switch {
	case len(s.Ends) == 2:
		return "from the start to the end of " + s.Ends[0], "away from it to the end of " + s.Ends[1]
	case s.Directions != nil && len(s.Directions.ExplainedVarianceRatio) > 1:
		return JointDirections(s.Directions)
	}
	return "", ""
}

// Runs draws the paths of all runs on one plane, over the loss. The run of every group that
// the plane and the landscape were made for is drawn strong.
func Runs(c *Compared) *figure.Runs {
	x, y := c.labels()
	paths := &c.Paths
	f := &figure.Runs{Map: *measured(c.Title, x, y, c.Landscape, c.Landscape.Grid.Loss)}
	f.Map.Title, f.Map.Path = "Paths over the training loss on one plane", nil
	run, group, steps := paths.Column("run").Strings, paths.Column("group").Strings, paths.Column("step").Ints
	a, b, residual := Values(paths, "a"), Values(paths, "b"), Values(paths, "residual")
	loss := Values(paths, "full_loss")
	points := make(map[string][]figure.PathPoint)
	members := make(map[string][]string)
	for i, name := range run {
		p := figure.PathPoint{A: a[i], B: b[i], Residual: residual[i], Loss: math.NaN(), Step: int(steps[i])}
		if loss != nil {
			p.Loss = loss[i]
		}
		if points[name] == nil {
			members[group[i]] = append(members[group[i]], name)
		}
		points[name] = append(points[name], p)
	}
	most := 0
	for _, g := range c.groups() {
		names := members[g]
		if names == nil {
			continue
		}
		slices.SortStableFunc(names, func(x, y string) int { // the shown one first
			return cmp.Compare(slices.Index(c.Summary.Shown, y), slices.Index(c.Summary.Shown, x))
		})
		most = max(most, len(names))
		var of figure.RunGroup
		of.Name = g
		for _, name := range names {
			of.Runs = append(of.Runs, figure.LabelledPath{Name: name, Points: points[name]})
		}
		f.Groups = append(f.Groups, of)
	}
	if most > 1 {
		f.Map.Notes = append(f.Map.Notes, "Strong lines: the run of every group with the lowest seed. Thin lines: the other seeds.")
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
