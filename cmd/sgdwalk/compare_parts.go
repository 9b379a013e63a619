package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/analyze/compare"
	"sgdwalk/analyze/draw"
	"sgdwalk/analyze/pca"
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
func (w *joint) landscape(ctx context.Context) error {
	if !w.common.Layout {
		if w.c.Plane == "ends" {
			return usagef("--plane ends: the runs have different layouts and no plane in common")
		}
		return nil
	}
	shown := w.shown()
	plane, axes, err := w.plane(ctx, shown)
	if err != nil {
		return err
	}
	paths, err := compare.Paths(ctx, shown, &plane)
	if err != nil {
		return err
	}
	w.warn = append(w.warn, paths.Warnings...)
	w.summary.Paths = paths.Runs
	for _, p := range paths.Runs {
		w.summary.Shown = append(w.summary.Shown, p.Run)
	}
	if err := w.out.Table("paths", &paths.Table); err != nil {
		return err
	}
	if !w.common.Loss {
		return nil // one plane, but no loss that is all runs'
	}
	nx, ny, err := parseGrid(w.c.Grid)
	if err != nil {
		return usageError{err}
	}
	l, err := compare.Landscape(ctx, shown, plane, paths, shown[0].Loss, compare.LandscapeOptions{NX: nx, NY: ny, Plain: w.c.Plain, Progress: w.progress, Store: w.store})
	if err != nil {
		return err
	}
	w.summary.Landscape, w.summary.PlaneError = &l.Summary, l.Errors
	if err := w.out.Table("grid", &l.Table); err != nil {
		return err
	}
	if err := w.out.Table("compared", &l.Compared); err != nil {
		return err
	}
	return w.figure("landscape", w.landscapeFigure(l, paths, axes))
}

// plane finds the plane and names its axes.
func (w *joint) plane(ctx context.Context, shown []compare.Run) (plane analyze.Plane, axes [2]string, err error) {
	w.summary.Plane = w.c.Plane
	if w.c.Plane == "ends" {
		a, b, err := w.endRuns(shown)
		if err != nil {
			return plane, axes, err
		}
		plane, err := compare.Ends(a, b)
		axes = [2]string{"from the start to the end of " + a.Group, "away from it to the end of " + b.Group}
		return plane, axes, err
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
		return plane, axes, usagef("--rows: %w", err)
	}
	if err := o.Validate(); err != nil {
		return plane, axes, usageError{err}
	}
	r, err := compare.Joint(ctx, shown, o)
	if err != nil {
		return plane, axes, err
	}
	w.warn = append(w.warn, r.Warnings...)
	w.summary.Directions, w.summary.PlaneRows = &r.Summary, o.Rows.String()
	if len(r.Components) < 2 {
		return plane, axes, fmt.Errorf("compare: the runs span %d direction; a plane needs 2", len(r.Components))
	}
	axes[0], axes[1] = draw.JointDirections(&r.Summary)
	plane, err = r.Plane(1, 2, nil)
	return plane, axes, err
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
func (w *joint) statistics(ctx context.Context) error {
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
			return err
		}
		stats = append(stats, *s)
		w.progress.Add(1)
	}
	w.collect(stats)
	paired, err := compare.Paired(stats, w.baseline, w.c.Seed)
	if err != nil {
		return err
	}
	w.summary.Statistics, w.summary.Effects = stats, paired.Effects
	w.warn = append(w.warn, paired.Warnings...)
	runs := compare.StatisticsTable(stats)
	if err := w.out.Table("runs", &runs); err != nil {
		return err
	}
	if err := w.out.Table("groups", &paired.Table); err != nil {
		return err
	}
	return nil
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

// barriers evaluates the loss between the ends.
func (w *joint) barriers(ctx context.Context) error {
	if !w.common.Loss || len(w.groups) < 2 {
		return nil
	}
	steps := w.c.Curve
	if steps == 0 {
		steps = -1
	}
	b, err := compare.Barriers(ctx, w.runs, w.runs[0].Loss, compare.BarrierOptions{Baseline: w.baseline, CurveSteps: steps, OneLoss: w.objective != nil, Progress: w.progress, Store: w.store})
	if err != nil {
		return err
	}
	w.warn = append(w.warn, b.Warnings...)
	if err := w.out.Table("barriers", &b.Table); err != nil {
		return err
	}
	w.summary.Barriers = &b.Table
	return nil
}

// agreement compares predictions on held-out examples.
func (w *joint) agreement(ctx context.Context) error {
	if !w.common.Data || len(w.runs) < 2 {
		return nil
	}
	if w.objective != nil {
		w.warn = append(w.warn, analyze.Warning{Code: "no_agreement", Text: "an objective gives losses and no predictions: how far the ends agree on examples is not known"})
		return nil
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
		return err
	}
	if err := w.out.Table("agreement", t); err != nil {
		return err
	}
	w.summary.Agreement, w.summary.Probe = t, len(probe.Labels)
	return nil
}
