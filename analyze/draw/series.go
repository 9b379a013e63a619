package draw

import (
	"cmp"
	"maps"
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

// lossRatio is by what factor the losses of several groups must differ for their axis to be
// logarithmic: low losses are close together on a linear one.
const lossRatio = 8

// Against is what the steps of several runs are drawn against.
type Against string

// What Series can be drawn against.
const (
	Steps  Against = "step"
	Epochs Against = "epoch"
	Passes Against = "passes" // gradient evaluations in passes over the training set: the cost
)

// Series draws the per-step quantities of several runs, the table of
// compare.Series: of every group the mean over its runs, and a band from the lowest to the
// highest.
func Series(c *Compared) *figure.Panels {
	s := newSeries(c)
	f := &figure.Panels{
		Title: "Losses and directions of the runs", Subtitle: c.Title, XLabel: axisLabels[s.against], XWhole: s.against != Passes && !s.log, XScale: s.scale(),
		XZero: s.log, Groups: c.groups(),
	}
	bands := false
	for _, p := range seriesPanels {
		panel := figure.Panel{YLabel: p.label, LogRatio: lossRatio}
		for _, g := range c.groups() {
			v := s.group(g, p.column)
			v.Seeds = nil
			if len(v.X) > 0 {
				panel.Series = append(panel.Series, v)
			}
			bands = bands || v.Low != nil
		}
		if p.column == "update_cos" {
			panel.References = []float64{0}
		}
		f.Panels = append(f.Panels, panel)
	}
	if bands {
		f.Notes = append(f.Notes, "Lines: means over seeds. Bands: from the lowest to the highest.")
	}
	f.Notes = append(f.Notes, s.notes()...)
	return f
}

// SeriesApart draws the full training loss, or the batch loss where it was not recorded, in a
// small plot for each group, with all of its runs; nil for fewer than two groups.
func SeriesApart(c *Compared) *figure.Multiples {
	s := newSeries(c)
	for _, p := range seriesPanels[:2] {
		f := &figure.Multiples{
			Title: "The " + p.label + " of every group", Subtitle: c.Title, XLabel: axisLabels[s.against],
			YLabel: p.label, XWhole: s.against != Passes && !s.log, XScale: s.scale(), XZero: s.log, LogRatio: lossRatio,
		}
		seeds := false
		for _, g := range c.groups() {
			v := s.group(g, p.column)
			v.Low, v.Top = nil, nil
			if len(v.X) > 0 {
				f.Series = append(f.Series, v)
				seeds = seeds || len(v.Seeds) > 1
			}
		}
		if len(f.Series) < 2 {
			continue
		}
		if seeds {
			f.Notes = append(f.Notes, "Strong lines: means over seeds. Thin lines: the seeds. Grey: the other groups.")
		}
		f.Notes = append(f.Notes, s.notes()...)
		return f
	}
	return nil
}

var axisLabels = map[Against]string{
	Steps: "step", Epochs: "epoch", Passes: "gradient evaluations, in passes over the training set",
}

// series is the table of several runs and what it is drawn against.
type series struct {
	t       *record.Table
	against Against
	log     bool // the axis is logarithmic, with a place for the start
	least   float64
	bins    float64 // of the axis, the number of bins between least and most or in one unit
	smooth  bool    // a bin has several steps
}

func newSeries(c *Compared) *series {
	t := &c.Steps
	s := &series{t: t, against: cmp.Or(c.Against, Passes)}
	shortest, longest := s.extents()
	s.log = longest > unequal*shortest
	x := s.axis()
	s.least = math.Inf(1)
	for i := range t.Len() {
		if v := x(i); v > 0 {
			s.least = min(s.least, v)
		}
	}
	s.bins = mostPoints / longest
	if s.log {
		s.bins = mostPoints / math.Log(longest/s.least)
	}
	return s
}

func (s *series) scale() figure.Scale {
	if s.log {
		return figure.Log
	}
	return figure.Linear
}

// bin returns the number of the bin of a place on the axis. Bins are equally wide on the axis
// that is drawn, so that the first steps have bins of their own on a logarithmic one. The
// start has a bin of its own.
func (s *series) bin(x float64) int64 {
	switch {
	case x <= 0:
		return -1
	case s.log:
		return int64(math.Log(x/s.least)*s.bins + 1e-9)
	}
	return int64(x * s.bins)
}

// notes say what binning did.
func (s *series) notes() []string {
	if !s.smooth {
		return nil
	}
	return []string{"Batch losses and cosines are means over neighbouring steps where these are closer than the figure shows."}
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

// group is the mean of a quantity over the seeds of a group, in bins of neighbouring steps, and
// each seed.
func (s *series) group(group, name string) figure.Series {
	t, out := s.t, figure.Series{Name: group}
	of, step, seeds := t.Column("group").Strings, t.Column("step").Ints, t.Column("seed").Strings
	y, x := t.Column(name), s.axis()
	type sum struct{ y, x, n float64 }
	bins := make(map[int64]map[string]*sum)
	var names []string // of the seeds
	steps := make(map[int64]int64)
	for i := range of {
		if y == nil || of[i] != group || y.Valid != nil && !y.Valid[i] || y.Floats[i]-y.Floats[i] != 0 {
			continue
		}
		k := s.bin(x(i))
		if name == "full_loss" { // which is there once an epoch
			k = step[i]
		}
		if first, ok := steps[k]; ok && first != step[i] {
			s.smooth = true
		}
		steps[k] = step[i]
		if bins[k] == nil {
			bins[k] = make(map[string]*sum)
		}
		if bins[k][seeds[i]] == nil {
			bins[k][seeds[i]] = new(sum)
		}
		if !slices.Contains(names, seeds[i]) {
			names = append(names, seeds[i])
			out.Seeds = append(out.Seeds, figure.Seed{Name: "seed " + seeds[i]})
		}
		v := bins[k][seeds[i]]
		v.y, v.x, v.n = v.y+y.Floats[i], v.x+x(i), v.n+1
	}
	for _, k := range slices.Sorted(maps.Keys(bins)) {
		low, high := math.Inf(1), math.Inf(-1)
		var all sum
		for i, name := range names {
			v := bins[k][name]
			if v == nil {
				out.Seeds[i].Y = append(out.Seeds[i].Y, math.NaN())
				continue
			}
			m := v.y / v.n
			out.Seeds[i].Y = append(out.Seeds[i].Y, m)
			low, high = min(low, m), max(high, m)
			all.y, all.x, all.n = all.y+m, all.x+v.x/v.n, all.n+1
		}
		out.X, out.Y = append(out.X, all.x/all.n), append(out.Y, all.y/all.n)
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
