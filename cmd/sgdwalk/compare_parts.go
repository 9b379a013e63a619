package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"sgdwalk/analyze"
	"sgdwalk/analyze/compare"
	"sgdwalk/analyze/draw"
	"sgdwalk/analyze/pca"
	"sgdwalk/record"
)

// planeRows is how many rows decide a plane unless they are chosen: the cost of a
// fit goes with the square of their number.
const planeRows = 2048

// shown returns one run of every group, the one of the lowest seed, in the order in
// which the groups were given.
func (w *joint) shown() []compare.Run {
	var out []compare.Run
	for _, g := range w.groups {
		best := -1
		for i := range w.runs {
			if w.runs[i].Group == g && (best < 0 || w.runs[i].Seed < w.runs[best].Seed) {
				best = i
			}
		}
		out = append(out, w.runs[best])
	}
	return out
}

// landscape puts one run of every group on one plane, and the loss with them.
func (w *joint) landscape(ctx context.Context) ([]string, error) {
	if !w.common.Layout {
		if w.c.Plane == "ends" {
			return nil, usagef("--plane ends: the runs have different layouts and no plane in common")
		}
		return nil, nil
	}
	shown := w.shown()
	plane, axes, out, err := w.plane(ctx, shown)
	if err != nil {
		return nil, err
	}
	paths, err := compare.Paths(ctx, shown, &plane)
	if err != nil {
		return nil, err
	}
	w.warn = append(w.warn, paths.Warnings...)
	w.summary.Paths = paths.Runs
	for _, p := range paths.Runs {
		w.summary.Shown = append(w.summary.Shown, p.Run)
		out = append(out, fmt.Sprintf("%s is off the plane by %.3g in the median, %s of the extent of its path on it; its end by %.3g", p.Group, p.Residual.Median.Value, extentShare(p.ResidualRatio), p.EndResidual))
	}
	if err := w.out.Table("paths", &paths.Table); err != nil {
		return nil, err
	}
	if !w.common.Loss {
		return out, nil // one plane, but no loss that is all runs'
	}
	nx, ny, err := parseGrid(w.c.Grid)
	if err != nil {
		return nil, usageError{err}
	}
	l, err := compare.Landscape(ctx, shown, plane, paths, shown[0].Loss, compare.LandscapeOptions{NX: nx, NY: ny, Plain: w.c.Plain, Progress: w.progress, Store: w.store})
	if err != nil {
		return nil, err
	}
	w.summary.Landscape, w.summary.PlaneError = &l.Summary, l.Errors
	if err := w.out.Table("grid", &l.Table); err != nil {
		return nil, err
	}
	if err := w.out.Table("compared", &l.Compared); err != nil {
		return nil, err
	}
	return out, w.figure("landscape", w.landscapeFigure(l, paths, axes))
}

// plane finds the plane and names its axes.
func (w *joint) plane(ctx context.Context, shown []compare.Run) (plane analyze.Plane, axes [2]string, out []string, err error) {
	w.summary.Plane = w.c.Plane
	if w.c.Plane == "ends" {
		a, b, err := w.endRuns(shown)
		if err != nil {
			return plane, axes, nil, err
		}
		plane, err := compare.Ends(a, b)
		axes = [2]string{"from the start to the end of " + a.Group, "away from it to the end of " + b.Group}
		return plane, axes, nil, err
	}
	o := pca.Options{Components: 2, Kinds: pca.Kinds(w.c.Kinds), Center: pca.Center(w.c.Center), Progress: w.progress}
	text := w.c.Rows
	if text == "" {
		total := 0
		for i := range shown {
			total += shown[i].Trajectory.Len()
		}
		text = fmt.Sprintf("every:%d", (total+planeRows-1)/planeRows)
	}
	if o.Rows, err = analyze.ParseSegments(text); err != nil {
		return plane, axes, nil, usagef("--rows: %w", err)
	}
	if err := o.Validate(); err != nil {
		return plane, axes, nil, usageError{err}
	}
	r, err := compare.Joint(ctx, shown, o)
	if err != nil {
		return plane, axes, nil, err
	}
	w.warn = append(w.warn, r.Warnings...)
	w.summary.Directions, w.summary.PlaneRows = &r.Summary, o.Rows.String()
	if len(r.Components) < 2 {
		return plane, axes, nil, fmt.Errorf("compare: the runs span %d direction; a plane needs 2", len(r.Components))
	}
	axes[0], axes[1] = draw.JointDirections(&r.Summary)
	out = append(out, fmt.Sprintf("one plane for %d runs of equal weight: %s of their variance", len(shown), percent(sumOf(r.ExplainedVarianceRatio, 2))))
	plane, err = r.Plane(1, 2, nil)
	return plane, axes, out, err
}

// endRuns returns the runs whose ends span the plane.
func (w *joint) endRuns(shown []compare.Run) (a, b *compare.Run, err error) {
	names := []string{w.baseline, ""}
	for _, g := range w.summary.Groups {
		if g != w.baseline {
			names[1] = g
			break
		}
	}
	if w.c.Ends != "" {
		names = strings.Split(w.c.Ends, ",")
	}
	if len(names) != 2 || names[1] == "" {
		return nil, nil, usagef("--ends is %q; it must be two runs or groups with a comma between them, of %s", w.c.Ends, strings.Join(w.summary.Groups, ", "))
	}
	find := func(name string) *compare.Run {
		for _, runs := range [][]compare.Run{shown, w.runs} {
			for i := range runs {
				if runs[i].Group == name || runs[i].Name == name {
					return &runs[i]
				}
			}
		}
		return nil
	}
	a, b = find(names[0]), find(names[1])
	if a == nil || b == nil {
		return nil, nil, usagef("--ends is %q; there are the groups %s", w.c.Ends, strings.Join(w.summary.Groups, ", "))
	}
	return a, b, nil
}

// statistics measures every run and pairs them over seeds.
func (w *joint) statistics(ctx context.Context) ([]string, error) {
	o := compare.MeasureOptions{Segments: w.c.Segments, CurvatureRows: w.c.Hessians, Products: w.c.Products, Store: w.store}
	if o.Segments == 0 {
		o.Segments = -1
	}
	if o.CurvatureRows == 0 {
		o.CurvatureRows = -1
	}
	w.progress.Begin("runs", len(w.runs))
	var stats []compare.RunStatistics
	for _, i := range w.byName() {
		s, err := compare.Measure(ctx, &w.runs[i], o)
		if err != nil {
			return nil, err
		}
		stats = append(stats, *s)
		w.progress.Add(1)
	}
	w.collect(stats)
	paired, err := compare.Paired(stats, w.baseline, w.c.Seed)
	if err != nil {
		return nil, err
	}
	w.summary.Statistics, w.summary.Effects = stats, paired.Effects
	w.warn = append(w.warn, paired.Warnings...)
	runs := compare.StatisticsTable(stats)
	if err := w.out.Table("runs", &runs); err != nil {
		return nil, err
	}
	if err := w.out.Table("groups", &paired.Table); err != nil {
		return nil, err
	}
	return groupLines(paired), nil
}

// collect says once, for all runs together, what must be known of several.
func (w *joint) collect(stats []compare.RunStatistics) {
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
			text += fmt.Sprintf("; and so for %d runs of %s", n, strings.Join(groups[code], ", "))
		}
		w.warn = append(w.warn, analyze.Warning{Code: code, Text: text})
	}
}

// lineStatistics are those of the table that compare prints.
var lineStatistics = []string{"passes", "full_loss", "test_accuracy", "floor_position", "height", "barrier_ratio", "update_cos", "displacement", "displacement_exponent", "eta_lambda_max", "update_dominant_share"}

// groupLines is the table of groups for a reader: the mean over seeds, and whether
// the paired difference from the baseline is clear of zero.
func groupLines(p *compare.PairedResult) []string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 8, 2, ' ', 0)
	var statistics []string
	for _, name := range lineStatistics {
		if slices.ContainsFunc(p.Effects, func(e compare.Effect) bool { return e.Statistic == name && e.Values > 0 }) {
			statistics = append(statistics, name)
		}
	}
	fmt.Fprintf(w, "group\tseeds\t%s\n", strings.Join(statistics, "\t"))
	for i := 0; i < len(p.Effects); {
		group, seeds := p.Effects[i].Group, 0
		cells := make([]string, len(statistics))
		for ; i < len(p.Effects) && p.Effects[i].Group == group; i++ {
			e := &p.Effects[i]
			seeds = max(seeds, e.Values)
			if k := slices.Index(statistics, e.Statistic); k >= 0 && e.Mean.Valid {
				cells[k] = fmt.Sprintf("%.3g%s", e.Mean.Value, clear0(e))
			}
		}
		fmt.Fprintf(w, "%s\t%d\t%s\n", group, seeds, strings.Join(cells, "\t"))
	}
	_ = w.Flush() // into a strings.Builder, which does not fail
	lines := strings.Split(strings.TrimRight(text.String(), "\n"), "\n")
	return append(lines, fmt.Sprintf("means over seeds; + and - where the 95 %% bootstrap interval of the difference from %s, paired by seed, leaves out 0", p.Baseline))
}

// clear0 marks a difference whose interval leaves out zero.
func clear0(e *compare.Effect) string {
	low, high := e.DifferenceInterval.Low, e.DifferenceInterval.High
	switch {
	case low.Valid && low.Value > 0:
		return "+"
	case high.Valid && high.Value < 0:
		return "-"
	}
	return ""
}

// barriers evaluates the loss between the ends.
func (w *joint) barriers(ctx context.Context) ([]string, error) {
	if !w.common.Loss || len(w.groups) < 2 {
		return nil, nil
	}
	steps := w.c.Curve
	if steps == 0 {
		steps = -1
	}
	b, err := compare.Barriers(ctx, w.runs, w.runs[0].Loss, compare.BarrierOptions{Baseline: w.baseline, CurveSteps: steps, OneLoss: w.objective != nil, Progress: w.progress, Store: w.store})
	if err != nil {
		return nil, err
	}
	w.warn = append(w.warn, b.Warnings...)
	if err := w.out.Table("barriers", &b.Table); err != nil {
		return nil, err
	}
	var out []string
	groupA, groupB := b.Table.Column("group_a").Strings, b.Table.Column("group_b").Strings
	for _, g := range w.summary.Groups {
		var height, curve, distance []float64
		for i := range groupA {
			if groupA[i] != w.baseline || groupB[i] != g {
				continue
			}
			distance = append(distance, b.Table.Column("distance").Floats[i])
			height = appendValid(height, b.Table.Column("barrier_over_ends"), i)
			curve = appendValid(curve, b.Table.Column("curve_barrier_over_ends"), i)
		}
		if len(distance) > 0 {
			out = append(out, fmt.Sprintf("between the ends of %s and %s (mean of %d): distance %.3g, barrier over the higher end %s on the straight line, %s on a trained curve",
				w.baseline, g, len(distance), meanOf(distance).Value, optionalText(meanOf(height)), optionalText(meanOf(curve))))
		}
	}
	return out, nil
}

// agreement compares predictions on held-out examples.
func (w *joint) agreement(ctx context.Context) ([]string, error) {
	if !w.common.Data || len(w.runs) < 2 {
		return nil, nil
	}
	if w.objective != nil {
		w.warn = append(w.warn, analyze.Warning{Code: "no_agreement", Text: "an objective gives losses and no predictions: how far the ends agree on examples is not known"})
		return nil, nil
	}
	probe := compare.Probe{Own: make(map[string]compare.Predictor)}
	for i := range w.runs {
		e := w.predictor(i)
		probe.Labels, probe.Classes = e.Labels(), w.traces[i].Header().Data.Classes
		probe.Own[w.runs[i].Name] = func(ctx context.Context, theta []float32, classes []int32) error {
			_, err := e.Predict(ctx, theta, classes)
			return err
		}
	}
	t, err := compare.Agreement(ctx, w.runs, probe)
	if err != nil {
		return nil, err
	}
	if err := w.out.Table("agreement", t); err != nil {
		return nil, err
	}
	var out []string
	for _, kind := range []string{"groups", "seeds"} {
		var agree, independent []float64
		for i, k := range t.Column("pair").Strings {
			if k == kind {
				agree = append(agree, t.Column("agreement").Floats[i])
				independent = append(independent, t.Column("independent").Floats[i])
			}
		}
		what := map[string]string{"groups": "two groups of one seed", "seeds": "two seeds of one group"}[kind]
		if len(agree) > 0 {
			out = append(out, fmt.Sprintf("%s give %s of %d probe examples the same class (independent mistakes: %s)", what, percent(meanOf(agree).Value), len(probe.Labels), percent(meanOf(independent).Value)))
		}
	}
	return out, nil
}

func meanOf(v []float64) record.Optional { return analyze.Describe(&record.Column{Floats: v}).Mean }

func appendValid(v []float64, c *record.Column, i int) []float64 {
	if c.Valid != nil && !c.Valid[i] {
		return v
	}
	return append(v, c.Floats[i])
}

func extentShare(o record.Optional) string {
	if !o.Valid {
		return "no share"
	}
	return percent(o.Value)
}
