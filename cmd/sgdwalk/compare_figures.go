package main

import (
	"context"
	"fmt"
	"math"
	"slices"

	"sgdwalk/analyze/compare"
	"sgdwalk/analyze/figure"
	"sgdwalk/record"
)

// title of the comparison.
func (w *joint) title() string {
	h := w.trace.Header()
	t := fmt.Sprintf("%d runs", len(w.runs))
	if w.common.Model {
		t += " of " + h.Model
	}
	if w.common.Data {
		t += " on " + dataName(h.Data.Spec)
	}
	return t
}

// landscapeFigure draws one run of every group over the loss, in the order in
// which they were given.
func (w *joint) landscapeFigure(l *compare.LandscapeResult, paths *compare.PathsResult, axes [2]string) *figure.Landscape {
	f := &figure.Landscape{Title: w.title(), XLabel: axes[0], YLabel: axes[1], X: l.Grid.A, Y: l.Grid.B, EqualAspect: true}
	nx, ny := l.Grid.Dims()
	for j := range ny {
		f.Z = append(f.Z, l.Grid.Loss[l.Grid.Cell(0, j):l.Grid.Cell(0, j)+nx])
		f.Valid = append(f.Valid, l.Grid.Valid[l.Grid.Cell(0, j):l.Grid.Cell(0, j)+nx])
	}
	run, group := paths.Table.Column("run").Strings, paths.Table.Column("group").Strings
	loss := column(&paths.Table, "full_loss")
	points := make(map[string][]figure.PathPoint)
	for i := range run {
		p := figure.PathPoint{
			A: paths.Table.Column("a").Floats[i], B: paths.Table.Column("b").Floats[i], Residual: paths.Table.Column("residual").Floats[i],
			Step: int(paths.Table.Column("step").Ints[i]), Epoch: 1, Loss: nan,
		}
		if loss != nil {
			p.Loss = loss[i]
		}
		points[group[i]] = append(points[group[i]], p)
	}
	for _, g := range w.groups {
		f.Paths = append(f.Paths, figure.LabelledPath{Name: g, Points: points[g]})
	}
	if len(w.runs) > len(w.groups) {
		f.Notes = append(f.Notes, "one run of every group, that of the lowest seed")
	}
	return f
}

// seriesPanels are the quantities of the series figure.
var seriesPanels = []struct{ column, label string }{
	{"full_loss", "full training loss"}, {"batch_loss", "batch loss"}, {"displacement", "distance from \u03b8_{0}"}, {"update_cos", "cosine of updates"},
}

// mostPoints of a line: what a figure can show of a noisy quantity.
const mostPoints = 80

// unequal is by what factor the longest line must exceed the shortest for the axis
// to be logarithmic.
const unequal = 8

// series writes the per-step quantities and draws them, mean and range over the
// seeds of every group.
func (w *joint) series(ctx context.Context) ([]string, error) {
	t, err := compare.Series(ctx, w.runs)
	if err != nil {
		return nil, err
	}
	if err := w.out.Table("steps", t); err != nil {
		return nil, err
	}
	label := map[string]string{
		"step": "step", "epoch": "epoch", "passes": "gradient evaluations, in passes over the training set",
	}[w.c.Against]
	f := &figure.Panels{Title: w.title(), XLabel: label, XWhole: w.c.Against != "passes"}
	if shortest, longest := w.extents(t); longest > unequal*shortest {
		f.XScale, f.XWhole = figure.Log, false
		f.Notes = append(f.Notes, "logarithmic axis, without the start")
	}
	for _, p := range seriesPanels {
		panel := figure.Panel{YLabel: p.label}
		for _, g := range w.groups {
			s := w.groupSeries(t, g, p.column)
			if f.XScale == figure.Log {
				s = positive(s)
			}
			if len(s.X) > 0 {
				panel.Series = append(panel.Series, s)
			}
		}
		if p.column == "update_cos" {
			panel.References = []figure.Reference{{Value: 0}}
		}
		f.Panels = append(f.Panels, panel)
	}
	if len(w.runs) > len(w.groups) {
		f.Notes = append(f.Notes, "lines are means over seeds, bands go from the lowest to the highest; batch losses and cosines are means over neighbouring steps")
	}
	return nil, w.figure("series", f)
}

// extents returns how far along the axis the shortest and the longest group go.
func (w *joint) extents(t *record.Table) (shortest, longest float64) {
	x := w.axis(t)
	far := make(map[string]float64)
	for i, g := range t.Column("group").Strings {
		far[g] = max(far[g], x(i))
	}
	shortest = math.Inf(1)
	for _, v := range far {
		shortest, longest = min(shortest, v), max(longest, v)
	}
	return shortest, longest
}

// positive leaves out what a logarithmic axis cannot show.
func positive(s figure.Series) figure.Series {
	first := 0
	for first < len(s.X) && s.X[first] <= 0 {
		first++
	}
	s.X, s.Y = s.X[first:], s.Y[first:]
	if s.Low != nil {
		s.Low, s.Top = s.Low[first:], s.Top[first:]
	}
	return s
}

// groupSeries is the mean of a quantity over the seeds of a group, step by step,
// in at most mostPoints bins of neighbouring steps.
func (w *joint) groupSeries(t *record.Table, group, name string) figure.Series {
	s := figure.Series{Name: group}
	of, step, seeds := t.Column("group").Strings, t.Column("step").Ints, t.Column("seed").Strings
	y, x := t.Column(name), w.axis(t)
	last := int64(0)
	for i := range of {
		if of[i] == group {
			last = max(last, step[i])
		}
	}
	width := int64(1)
	if name != "full_loss" { // which is there once an epoch
		width = max(1, (last+mostPoints)/mostPoints)
	}
	type bin struct {
		x, n   float64
		values map[string][2]float64 // per seed, sum and number
	}
	bins := make(map[int64]*bin)
	for i := range of {
		if of[i] != group || y.Valid != nil && !y.Valid[i] || y.Floats[i]-y.Floats[i] != 0 {
			continue
		}
		b := bins[step[i]/width]
		if b == nil {
			b = &bin{values: make(map[string][2]float64)}
			bins[step[i]/width] = b
		}
		v := b.values[seeds[i]]
		b.values[seeds[i]] = [2]float64{v[0] + y.Floats[i], v[1] + 1}
		b.x, b.n = b.x+x(i), b.n+1
	}
	keys := make([]int64, 0, len(bins))
	for k := range bins {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		b := bins[k]
		low, high := math.Inf(1), math.Inf(-1)
		var all []float64
		for _, v := range b.values {
			m := v[0] / v[1]
			all = append(all, m)
			low, high = min(low, m), max(high, m)
		}
		slices.Sort(all) // the sum must not depend on the order of a map
		s.X, s.Y = append(s.X, b.x/b.n), append(s.Y, meanOf(all).Value)
		s.Low, s.Top = append(s.Low, low), append(s.Top, high)
	}
	if slices.Equal(s.Low, s.Top) {
		s.Low, s.Top = nil, nil
	}
	return s
}

// axis is what the series are drawn against.
func (w *joint) axis(t *record.Table) func(i int) float64 {
	switch w.c.Against {
	case "step":
		return func(i int) float64 { return float64(t.Column("step").Ints[i]) }
	case "epoch":
		return func(i int) float64 { return float64(t.Column("epoch").Ints[i]) }
	}
	c := t.Column("passes")
	return func(i int) float64 { return c.Floats[i] }
}
