package draw

import (
	"math"
	"slices"

	"sgdwalk/analyze/figure"
	"sgdwalk/record"
)

// seriesPanels are the quantities of the series figure.
var seriesPanels = []struct{ column, label string }{
	{"full_loss", "full training loss"},
	{"batch_loss", "batch loss"},
	{"displacement", "distance from \u03b8_{0}"},
	{"update_cos", "cosine of updates"},
}

// mostPoints of a line: what a figure can show of a noisy quantity.
const mostPoints = 80

// unequal is by what factor the longest line must exceed the shortest for the axis
// to be logarithmic.
const unequal = 8

// Against is what the steps of several runs are drawn against.
type Against string

// What Series can be drawn against.
const (
	Steps  Against = "step"
	Epochs Against = "epoch"
	Passes Against = "passes" // gradient evaluations in passes over the training set: the cost
)

// Series draws the per-step quantities of several runs, the table of
// compare.Series: of every group in the order given the mean over its runs, and a
// band from the lowest to the highest.
func Series(title string, t *record.Table, groups []string, against Against) *figure.Panels {
	s := &series{t, against}
	f := &figure.Panels{Title: title, XLabel: axisLabels[against], XWhole: against != Passes}
	if shortest, longest := s.extents(); longest > unequal*shortest {
		f.XScale, f.XWhole = figure.Log, false
		f.Notes = append(f.Notes, "logarithmic axis, without the start")
	}
	bands := false
	for _, p := range seriesPanels {
		panel := figure.Panel{YLabel: p.label}
		for _, g := range groups {
			c := s.group(g, p.column)
			if f.XScale == figure.Log {
				c = positive(c)
			}
			if len(c.X) > 0 {
				panel.Series = append(panel.Series, c)
			}
			bands = bands || c.Low != nil
		}
		if p.column == "update_cos" {
			panel.References = []float64{0}
		}
		f.Panels = append(f.Panels, panel)
	}
	if bands {
		f.Notes = append(f.Notes, "lines are means over seeds, bands go from the lowest to the highest; batch losses and "+
			"cosines are means over neighbouring steps")
	}
	return f
}

var axisLabels = map[Against]string{
	Steps: "step", Epochs: "epoch", Passes: "gradient evaluations, in passes over the training set",
}

// series is the table of several runs and what it is drawn against.
type series struct {
	t       *record.Table
	against Against
}

// extents returns how far along the axis the shortest and the longest group go.
func (s *series) extents() (shortest, longest float64) {
	x := s.axis()
	far := make(map[string]float64)
	for i, g := range s.t.Column("group").Strings {
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

// group is the mean of a quantity over the seeds of a group, step by step,
// in at most mostPoints bins of neighbouring steps.
func (s *series) group(group, name string) figure.Series {
	t, out := s.t, figure.Series{Name: group}
	of, step, seeds := t.Column("group").Strings, t.Column("step").Ints, t.Column("seed").Strings
	y, x := t.Column(name), s.axis()
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
		out.X, out.Y = append(out.X, b.x/b.n), append(out.Y, sum(all)/float64(len(all)))
		out.Low, out.Top = append(out.Low, low), append(out.Top, high)
	}
	if slices.Equal(out.Low, out.Top) {
		out.Low, out.Top = nil, nil
	}
	return out
}

// axis is what the series are drawn against.
func (s *series) axis() func(i int) float64 {
	t := s.t
	switch s.against {
	case Steps:
		return func(i int) float64 { return float64(t.Column("step").Ints[i]) }
	case Epochs:
		return func(i int) float64 { return float64(t.Column("epoch").Ints[i]) }
	}
	c := t.Column("passes")
	return func(i int) float64 { return c.Floats[i] }
}

func sum(v []float64) (total float64) {
	for _, x := range v {
		total += x
	}
	return total
}
