package compare

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/analyze/pca"
	"sgdwalk/record"
)

// Options of a Comparison.
type Options struct {
	Ends       [2]string   // runs or groups whose ends span the plane; empty for the plane of PCA
	PCA        pca.Options // of the joint plane; its Rows are not used
	Rows       string      // iterates that decide the joint plane; empty means every K-th, so that there are at most 2048
	Landscape  LandscapeOptions
	Measure    MeasureOptions
	CurveSteps int      // see BarrierOptions
	Skip       []string // of Parts
	Seed       uint64   // of the bootstrap
	Align      *Align   // see BarrierOptions; nil aligns nothing
	OneLoss    bool     // one loss evaluates all runs, whatever their headers say of models and data
	Probe      *Probe   // for Agreement; nil when the losses give no predictions
	Progress   analyze.Progress
	Store      analyze.Store
}

// Parts are the parts of a comparison that can be left out.
var Parts = []string{"landscape", "statistics", "barriers", "agreement"}

// planeRows is how many rows decide a plane unless they are chosen: the cost of a fit grows with the square of
// their number.
const planeRows = 2048

// Comparison compares runs that are open.
type Comparison struct {
	Runs     []Run    // in the order given
	Groups   []string // in the order given
	Summary  Summary
	Warnings []analyze.Warning
	Tables   []Table // in the order of the parts

	Series    *record.Table
	Between   *record.Table    // losses between the ends, before and after the alignment; nil without one
	Paths     *PathsResult     // of one run of every group, which the landscape is around; nil without a plane
	Landscape *LandscapeResult // nil without a landscape
	EndRuns   [2]*Run          // that span the plane; nil for the plane of PCA

	o Options
}

// Table is a table with the name of its file.
type Table struct {
	Name  string
	Table *record.Table
}

// New groups the runs and finds what they have in common. An empty baseline is the group sgd, or the first by name.
// The names and groups of runs are made unique.
func New(runs []Run, baseline string) (*Comparison, error) {
	c := &Comparison{Runs: runs}
	headers := make([]*record.Header, len(runs))
	for i := range runs {
		headers[i] = runs[i].Trajectory.Header()
		name := runs[i].Name
		for n := 2; slices.ContainsFunc(runs[:i], func(r Run) bool { return r.Name == runs[i].Name }); n++ {
			runs[i].Name = fmt.Sprintf("%s (%d)", name, n)
		}
	}
	for i, g := range Groups(headers) {
		// A run that is given twice is a separate group, so that it is compared.
		for n := 2; slices.ContainsFunc(runs[:i],
			func(r Run) bool { return r.Group == g && r.Seed == runs[i].Seed }); n++ {
			base, _, _ := strings.Cut(g, " (")
			g = fmt.Sprintf("%s (%d)", base, n)
		}
		runs[i].Group = g
		if !slices.Contains(c.Groups, g) {
			c.Groups = append(c.Groups, g)
		}
	}
	s := &c.Summary
	var err error
	if s.Common, c.Warnings, err = Check(runs); err != nil {
		return nil, err
	}
	s.Groups, s.Order = slices.Sorted(slices.Values(c.Groups)), c.Groups
	switch s.Baseline = baseline; {
	case baseline == "" && slices.Contains(s.Groups, "sgd"):
		s.Baseline = "sgd"
	case baseline == "":
		s.Baseline = s.Groups[0]
	case !slices.Contains(s.Groups, baseline):
		return nil, record.Optionf("--baseline is %q; the groups are %s", baseline, strings.Join(s.Groups, ", "))
	}
	return c, nil
}

// ByName returns the places of the runs in the order of their names.
func (c *Comparison) ByName() []int {
	order := make([]int, len(c.Runs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(c.Runs[a].Name, c.Runs[b].Name) })
	return order
}

// Compute compares the runs, whose losses are open. Every part that is not skipped fills in its fields.
func (c *Comparison) Compute(ctx context.Context, o Options) error {
	c.o = o
	if o.OneLoss && !c.Summary.Common.Loss {
		c.Summary.Common.Loss = true
		c.Warnings = slices.DeleteFunc(c.Warnings, func(n analyze.Warning) bool {
			return n.Code == "different_models" || n.Code == "different_data"
		})
		c.warn("objective_for_all", "the runs say that they have different models or data; "+
			"the loss is that of the objective for all of them")
	}
	var err error
	if c.Series, err = Series(ctx, c.Runs); err != nil {
		return err
	}
	c.table("steps", c.Series)
	for i, compute := range []func(context.Context) error{c.landscape, c.statistics, c.barriers, c.agreement} {
		if slices.Contains(o.Skip, Parts[i]) {
			continue
		}
		if err := compute(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Title returns a title for figures of the comparison.
func (c *Comparison) Title() string {
	h := c.Runs[c.ByName()[0]].Trajectory.Header()
	t := fmt.Sprintf("%d runs", len(c.Runs))
	if c.Summary.Common.Model {
		t += " of " + h.Model
	}
	if name, _, _ := strings.Cut(h.Data.Spec, ":"); c.Summary.Common.Data && name != "" {
		t += " on " + name
	}
	return t
}

func (c *Comparison) warn(code, text string) {
	c.Warnings = append(c.Warnings, analyze.Warning{Code: code, Text: text})
}

func (c *Comparison) table(name string, t *record.Table) { c.Tables = append(c.Tables, Table{name, t}) }

// shown returns one run of every group, the run of the lowest seed, in the order in which the groups were given.
func (c *Comparison) shown() []Run {
	var out []Run
	for _, g := range c.Groups {
		best := -1
		for i := range c.Runs {
			if c.Runs[i].Group == g && (best < 0 || c.Runs[i].Seed < c.Runs[best].Seed) {
				best = i
			}
		}
		out = append(out, c.Runs[best])
	}
	return out
}

// landscape puts one run of every group on one plane, and evaluates the loss there.
func (c *Comparison) landscape(ctx context.Context) error {
	s := &c.Summary
	if !s.Common.Layout {
		if c.o.Ends != [2]string{} {
			return record.Optionf("--plane ends: the runs have different layouts and no plane in common")
		}
		return nil
	}
	shown := c.shown()
	plane, err := c.plane(ctx, shown)
	if err != nil {
		return err
	}
	if c.Paths, err = Paths(ctx, shown, &plane); err != nil {
		return err
	}
	c.Warnings = append(c.Warnings, c.Paths.Warnings...)
	s.Paths = c.Paths.Runs
	for _, p := range c.Paths.Runs { // in the order of the names
		s.Shown = append(s.Shown, p.Run)
	}
	table, err := c.allPaths(ctx, &plane)
	if err != nil {
		return err
	}
	c.table("paths", table)
	if !s.Common.Loss {
		return nil // the runs have one plane and different losses
	}
	o := c.o.Landscape
	o.Progress, o.Store = c.o.Progress, c.o.Store
	l, err := Landscape(ctx, shown, plane, c.Paths, shown[0].Loss, o)
	if err != nil {
		return err
	}
	c.Landscape, s.Landscape, s.PlaneError = l, &l.Summary, l.Errors
	c.table("grid", &l.Table)
	c.table("compared", &l.Compared)
	return nil
}

// allPaths returns the table of the paths that are shown, and after them those of the other seeds.
func (c *Comparison) allPaths(ctx context.Context, plane *analyze.Plane) (*record.Table, error) {
	others := slices.DeleteFunc(slices.Clone(c.Runs), func(r Run) bool { return slices.Contains(c.Summary.Shown, r.Name) })
	if len(others) == 0 {
		return &c.Paths.Table, nil
	}
	more, err := Paths(ctx, others, plane)
	if err != nil {
		return nil, err
	}
	t := new(record.Table)
	for i, x := range c.Paths.Table.Columns {
		y := &more.Table.Columns[i]
		if x.Valid != nil || y.Valid != nil {
			x.Valid = slices.Concat(validity(&x), validity(y))
		}
		x.Ints, x.Floats, x.Strings = slices.Concat(x.Ints, y.Ints), slices.Concat(x.Floats, y.Floats),
			slices.Concat(x.Strings, y.Strings)
		t.Columns = append(t.Columns, x)
	}
	return t, nil
}

// validity is Column.Valid with a value for every row.
func validity(c *record.Column) []bool {
	if c.Valid != nil {
		return c.Valid
	}
	return slices.Repeat([]bool{true}, c.Len())
}

// plane finds the plane.
func (c *Comparison) plane(ctx context.Context, shown []Run) (plane analyze.Plane, err error) {
	s := &c.Summary
	if c.o.Ends != [2]string{} {
		s.Plane = "ends"
		for i, name := range c.o.Ends {
			if c.EndRuns[i] = c.find(shown, name); c.EndRuns[i] == nil {
				return plane, record.Optionf("--ends has %q; it must be a run or one of the groups %s",
					name, strings.Join(s.Groups, ", "))
			}
		}
		s.Ends = []string{c.EndRuns[0].Group, c.EndRuns[1].Group}
		return Ends(c.EndRuns[0], c.EndRuns[1])
	}
	s.Plane = "pca"
	o := c.o.PCA
	o.Components, o.Progress = 2, c.o.Progress
	rows := c.o.Rows
	if rows == "" {
		total := 0
		for i := range shown {
			total += shown[i].Trajectory.Len()
		}
		rows = fmt.Sprintf("every:%d", (total+planeRows-1)/planeRows)
	}
	if o.Rows, err = analyze.ParseSegments(rows); err != nil {
		return plane, record.Optionf("--rows: %w", err)
	}
	if err := o.Validate(); err != nil {
		return plane, &record.OptionError{Err: err}
	}
	r, err := Joint(ctx, shown, o)
	if err != nil {
		return plane, err
	}
	c.Warnings = append(c.Warnings, r.Warnings...)
	s.Directions, s.PlaneRows = &r.Summary, o.Rows.String()
	if len(r.Components) < 2 {
		return plane, fmt.Errorf("compare: the runs span %d direction; a plane needs 2", len(r.Components))
	}
	return r.Plane(1, 2, nil)
}

// DefaultEnds returns the baseline and the first other group; the second is empty when there is one group.
func (c *Comparison) DefaultEnds() [2]string {
	ends := [2]string{c.Summary.Baseline}
	for _, g := range c.Summary.Groups {
		if g != c.Summary.Baseline {
			ends[1] = g
			break
		}
	}
	return ends
}

// find returns the run of a name, or the shown run of a group.
func (c *Comparison) find(shown []Run, name string) *Run {
	for _, runs := range [][]Run{shown, c.Runs} {
		for i := range runs {
			if runs[i].Group == name || runs[i].Name == name {
				return &runs[i]
			}
		}
	}
	return nil
}

// statistics measures every run and pairs the runs over seeds.
func (c *Comparison) statistics(ctx context.Context) error {
	o := c.o.Measure
	o.Store = c.o.Store
	c.o.Progress.Begin("runs", len(c.Runs))
	var stats []RunStatistics
	for _, i := range c.ByName() {
		s, err := Measure(ctx, &c.Runs[i], o)
		if err != nil {
			return err
		}
		stats = append(stats, *s)
		c.o.Progress.Add(1)
	}
	c.warnOnce(stats)
	paired, err := Paired(stats, c.Summary.Baseline, c.o.Seed)
	if err != nil {
		return err
	}
	c.Summary.Statistics, c.Summary.Effects = stats, paired.Effects
	c.Warnings = append(c.Warnings, paired.Warnings...)
	runs := StatisticsTable(stats)
	c.table("runs", &runs)
	c.table("groups", &paired.Table)
	return nil
}

// warnOnce joins the warnings of several runs that have one code.
func (c *Comparison) warnOnce(stats []RunStatistics) {
	var codes []string
	first, count, groups := map[string]string{}, map[string]int{}, map[string][]string{}
	for i := range stats {
		for _, v := range stats[i].Warnings {
			if count[v.Code]++; count[v.Code] == 1 {
				codes, first[v.Code] = append(codes, v.Code), v.Text
			}
			if g := stats[i].Group; !slices.Contains(groups[v.Code], g) {
				groups[v.Code] = append(groups[v.Code], g)
			}
		}
	}
	for _, code := range codes {
		text := first[code]
		if n := count[code]; n > 1 {
			text += fmt.Sprintf("; the same holds for %d runs of %s", n, strings.Join(groups[code], ", "))
		}
		c.warn(code, text)
	}
}

// barriers evaluates the loss between the ends.
func (c *Comparison) barriers(ctx context.Context) error {
	if !c.Summary.Common.Loss || len(c.Groups) < 2 && c.o.Align == nil {
		return nil
	}
	b, err := Barriers(ctx, c.Runs, c.Runs[0].Loss, BarrierOptions{
		Baseline: c.Summary.Baseline, CurveSteps: c.o.CurveSteps, OneLoss: c.o.OneLoss, Align: c.o.Align,
		Progress: c.o.Progress, Store: c.o.Store,
	})
	if err != nil {
		return err
	}
	c.Warnings = append(c.Warnings, b.Warnings...)
	c.table("barriers", &b.Table)
	c.Summary.Barriers = &b.Table
	if len(b.Alignments) > 0 {
		c.table("between_losses", &b.Lines)
		c.table("alignment", &b.Tensors)
		c.table("permutations", &b.Places)
		c.Between, c.Summary.Alignments, c.Summary.AlignmentNull = &b.Lines, b.Alignments, b.Null
	}
	return nil
}

// agreement compares predictions on held-out examples.
func (c *Comparison) agreement(ctx context.Context) error {
	if !c.Summary.Common.Data || len(c.Runs) < 2 {
		return nil
	}
	if c.o.Probe == nil {
		c.warn("no_agreement", "an objective gives losses and no predictions: how far the ends agree on examples is not known")
		return nil
	}
	t, err := Agreement(ctx, c.Runs, *c.o.Probe)
	if err != nil {
		return err
	}
	c.table("agreement", t)
	c.Summary.Agreement, c.Summary.Probe = t, len(c.o.Probe.Labels)
	return nil
}
