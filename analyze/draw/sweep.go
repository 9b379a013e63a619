package draw

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/analyze/figure"
	"sgdwalk/record"
)

// sweepResults are the columns of a sweep's table that are no settings of a cell; all others
// are.
var sweepResults = []string{
	"cell", "parameters", "seed", "init_seed", "status", "steps", "steps_planned", "rows", "evaluations", "passes",
	"last_batch_loss", "full_loss", "test_loss", "test_accuracy", "bytes", "wall_seconds", "message",
}

// sweepQuantities are drawn, as far as a sweep has them.
var sweepQuantities = []struct {
	column, label string
	scale         figure.Scale
}{
	{"full_loss", "final training loss", figure.Auto},
	{"test_loss", "final held-out loss", figure.Auto},
	{"test_accuracy", "final held-out accuracy", figure.Linear},
}

const sweepTitle = "Final losses and accuracy over the settings"

// mostSettings is the number of lines or rows of a figure of a sweep: more cannot be told apart.
const mostSettings = 24

// Sweep draws the final losses and the accuracy over the grid of settings, from the table of a
// sweep (sweep.csv): over the learning rate or another number that varies, with one line for
// each combination of the other settings, and otherwise one row for each combination. Cells
// that differ in their seeds alone are one point. It is nil when no cell has a final loss.
func Sweep(t *record.Table) []Named {
	s := newGrid(t)
	var quantities []int
	for i, q := range sweepQuantities {
		if slices.ContainsFunc(Values(t, q.column), func(v float64) bool { return v-v == 0 }) {
			quantities = append(quantities, i)
		}
	}
	if quantities == nil {
		return nil
	}
	s.keepBest()
	if s.x == "" {
		return []Named{{"final", s.rows(quantities)}}
	}
	out := []Named{{"final", s.lines(quantities)}}
	if len(s.names) > 3 {
		out = append(out, Named{"final_apart", s.apart(sweepQuantities[quantities[0]].column, quantities[0])})
	}
	return out
}

// grid is the table of a sweep by settings.
type grid struct {
	t      *record.Table
	x      string // the number that the axis has; "" for none
	names  []string
	of     []int // of every cell its name, by index; -1 for one that is left out
	seeds  []string
	notes  []string
	common string // settings that do not vary
}

func newGrid(t *record.Table) *grid {
	s := &grid{t: t, of: make([]int, t.Len()), seeds: make([]string, t.Len())}
	varied := s.varied()
	if i := slices.IndexFunc(varied, s.isAxis); i >= 0 {
		s.x = varied[i]
		varied = slices.Delete(varied, i, i+1)
	}
	init := t.Column("init_seed")
	for i := range s.of {
		s.seeds[i] = "seed " + t.Column("seed").Text(i)
		if init != nil && differs(init, 0, init.Len()) {
			s.seeds[i] += ", start " + init.Text(i)
		}
		var parts []string
		for _, name := range varied {
			if c := t.Column(name); c.Text(i) != "" {
				parts = append(parts, settingText(name, c.Text(i)))
			}
		}
		name := cmp.Or(strings.Join(parts, ", "), t.Column("optimizer").Text(i))
		k := slices.Index(s.names, name)
		if k < 0 {
			k, s.names = len(s.names), append(s.names, name)
		}
		s.of[i] = k
	}
	for _, name := range []string{"model", "data", "optimizer"} {
		if c := t.Column(name); !differs(c, 0, c.Len()) && c.Len() > 0 {
			s.common += map[string]string{"model": " of ", "data": " on ", "optimizer": " with "}[name] + c.Text(0)
		}
	}
	s.noteEnds()
	return s
}

// noteEnds names the settings of cells that did not finish, and so have no final loss.
func (s *grid) noteEnds() {
	const most = 4 // settings that are named
	status := s.t.Column("status")
	cells, settings := make(map[string]int), make(map[string][]string)
	for i, v := range status.Strings {
		if v == "finished" {
			continue
		}
		cells[v]++
		text := s.names[s.of[i]]
		if s.x != "" {
			text = settingText(s.x, s.t.Column(s.x).Text(i))
			if len(s.names) > 1 {
				text = s.names[s.of[i]] + ", " + text
			}
		}
		if !slices.Contains(settings[v], text) {
			settings[v] = append(settings[v], text)
		}
	}
	for _, v := range slices.Sorted(maps.Keys(cells)) {
		named := settings[v]
		if len(named) > most {
			named = append(named[:most:most], fmt.Sprintf("%d more", len(named)-most))
		}
		s.notes = append(s.notes, fmt.Sprintf("Not drawn, %s: %s (%s).", v, strings.Join(named, "; "),
			analyze.Count(cells[v], "run")))
	}
}

// settingText writes a setting for a legend.
func settingText(name, value string) string {
	switch name {
	case "optimizer", "model", "data", "learning_rate_schedule":
		return value
	}
	return settingLabel(name) + " " + value
}

func settingLabel(name string) string { return strings.ReplaceAll(name, "_", " ") }

// differs reports whether a column has two values.
func differs(c *record.Column, from, to int) bool {
	for i := from; i < to; i++ {
		if c.Text(i) != c.Text(from) {
			return true
		}
	}
	return false
}

// varied returns the settings that distinguish the cells. A setting that follows from the
// others, such as the learning rate of a sweep with one for each optimizer, is left out.
func (s *grid) varied() []string {
	names := []string{"optimizer", "model", "data", "learning_rate", "learning_rate_schedule", "batch", "epochs"}
	for i := range s.t.Columns {
		if name := s.t.Columns[i].Name; !slices.Contains(names, name) && !slices.Contains(sweepResults, name) {
			names = append(names, name)
		}
	}
	var out []string
	known := make([]string, s.t.Len()) // the values of the settings so far
	for _, name := range names {
		c := s.t.Column(name)
		if c == nil {
			continue
		}
		first := make(map[string]string)
		adds := false
		for i, k := range known {
			v, ok := first[k]
			if !ok {
				first[k] = c.Text(i)
			}
			adds = adds || ok && v != c.Text(i)
		}
		if !adds {
			continue
		}
		out = append(out, name)
		for i := range known {
			known[i] += "\x00" + c.Text(i)
		}
	}
	return out
}

// isAxis reports whether a setting is a number that every cell has.
func (s *grid) isAxis(name string) bool {
	x := Values(s.t, name)
	return len(x) > 0 && !slices.ContainsFunc(x, func(v float64) bool { return v-v != 0 })
}

// keepBest leaves the combinations with the lowest mean training loss when there are too many.
func (s *grid) keepBest() {
	if len(s.names) <= mostSettings {
		return
	}
	best := make([]float64, len(s.names))
	counts := make([]float64, len(s.names))
	for i, v := range Values(s.t, sweepQuantities[0].column) {
		if v-v == 0 {
			best[s.of[i]], counts[s.of[i]] = best[s.of[i]]+v, counts[s.of[i]]+1
		}
	}
	order := make([]int, len(s.names))
	for i := range order {
		order[i] = i
		if best[i] /= counts[i]; math.IsNaN(best[i]) {
			best[i] = math.Inf(1)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(best[a], best[b]) })
	kept := slices.Sorted(slices.Values(order[:mostSettings]))
	s.notes = append(s.notes, fmt.Sprintf("%s with the lowest training losses are drawn; sweep.csv has %d more.",
		analyze.Count(mostSettings, "combination"), len(s.names)-mostSettings))
	var names []string
	for _, k := range kept {
		names = append(names, s.names[k])
	}
	for i, k := range s.of {
		s.of[i] = slices.Index(kept, k)
	}
	s.names = names
}

// subtitle names the runs.
func (s *grid) subtitle() string {
	return analyze.Count(s.t.Len(), "run") + s.common
}

// series returns a quantity of one combination over the axis: the mean, the range and the seeds.
func (s *grid) series(k int, name string) figure.Series {
	out := figure.Series{Name: s.names[k], Points: true}
	x, y := Values(s.t, s.x), Values(s.t, name)
	var cells []int
	for i, of := range s.of {
		if of == k && y[i]-y[i] == 0 && x[i]-x[i] == 0 {
			cells = append(cells, i)
		}
	}
	slices.SortStableFunc(cells, func(a, b int) int { return cmp.Compare(x[a], x[b]) })
	for from := 0; from < len(cells); {
		to, total := from, 0.0
		low, high := math.Inf(1), math.Inf(-1)
		at := len(out.X)
		for ; to < len(cells) && x[cells[to]] == x[cells[from]]; to++ {
			v := y[cells[to]]
			total, low, high = total+v, min(low, v), max(high, v)
			out.Seeds = withSeed(out.Seeds, s.seeds[cells[to]], at, v)
		}
		out.X, out.Y = append(out.X, x[cells[from]]), append(out.Y, total/float64(to-from))
		out.Low, out.Top = append(out.Low, low), append(out.Top, high)
		from = to
	}
	for i := range out.Seeds {
		out.Seeds[i].Y = padded(out.Seeds[i].Y, len(out.X))
	}
	if slices.Equal(out.Low, out.Top) {
		out.Low, out.Top, out.Seeds = nil, nil, nil
	}
	return out
}

// withSeed adds the value of a seed at place at of the axis.
func withSeed(seeds []figure.Seed, name string, at int, v float64) []figure.Seed {
	k := slices.IndexFunc(seeds, func(q figure.Seed) bool { return q.Name == name })
	if k < 0 {
		k, seeds = len(seeds), append(seeds, figure.Seed{Name: name})
	}
	seeds[k].Y = append(padded(seeds[k].Y, at), v)
	return seeds
}

// padded returns values with NaN up to a length.
func padded(v []float64, n int) []float64 {
	for len(v) < n {
		v = append(v, math.NaN())
	}
	return v
}

// scale is logarithmic for an axis of positive numbers over a factor of three: learning rates
// are chosen in steps of a factor.
func (s *grid) scale() figure.Scale {
	x := Values(s.t, s.x)
	if low, high := slices.Min(x), slices.Max(x); low > 0 && high >= 3*low {
		return figure.Log
	}
	return figure.Linear
}

// seedsNote says what the marks are.
func (s *grid) seedsNote(text string) []string {
	if !differs(s.t.Column("seed"), 0, s.t.Len()) {
		return s.notes
	}
	return append([]string{text}, s.notes...)
}

// lines draws the quantities over the axis.
func (s *grid) lines(quantities []int) *figure.Panels {
	f := &figure.Panels{
		Title: sweepTitle, Subtitle: s.subtitle(), XLabel: settingLabel(s.x), XScale: s.scale(), Groups: s.names,
		Notes: s.seedsNote("Lines and filled marks: means over seeds. Small open marks: the seeds. Bands: from the lowest to " +
			"the highest."),
	}
	for _, i := range quantities {
		q := sweepQuantities[i]
		panel := figure.Panel{YLabel: q.label, YScale: q.scale, LogRatio: lossRatio}
		for k := range s.names {
			if v := s.series(k, q.column); len(v.X) > 0 {
				panel.Series = append(panel.Series, v)
			}
		}
		f.Panels = append(f.Panels, panel)
	}
	return f
}

// apart draws one quantity with a small plot for each combination.
func (s *grid) apart(name string, quantity int) *figure.Multiples {
	q := sweepQuantities[quantity]
	f := &figure.Multiples{
		Title: "The " + q.label + " of every setting", Subtitle: s.subtitle(), XLabel: settingLabel(s.x), XScale: s.scale(), YLabel: q.label, YScale: q.scale,
		LogRatio: lossRatio,
		Notes:    s.seedsNote("Strong lines: means over seeds. Small open marks: the seeds. Grey: the other settings."),
	}
	for k := range s.names {
		f.Series = append(f.Series, s.series(k, name))
	}
	return f
}

// rows draws the quantities of every combination.
func (s *grid) rows(quantities []int) *figure.Dots {
	f := &figure.Dots{
		Title: sweepTitle, Subtitle: s.subtitle(), Groups: s.names,
		Notes: s.seedsNote("Filled marks: means over seeds. Open circles: the seeds. Lines: from the lowest to the highest."),
	}
	for _, i := range quantities {
		q := sweepQuantities[i]
		c := figure.DotColumn{Label: q.label, Scale: q.scale, Values: make([][]float64, len(s.names))}
		for k, v := range Values(s.t, q.column) {
			if s.of[k] >= 0 {
				c.Values[s.of[k]] = append(c.Values[s.of[k]], v)
			}
		}
		f.Columns = append(f.Columns, c)
	}
	return f
}
