package draw

import (
	"math"
	"slices"
	"strings"
	"testing"

	"sgdwalk/analyze/compare"
	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/pca"
	"sgdwalk/record"
)

// straight is a run of two parameters that goes from the origin to the end in
// four steps.
func straight(t *testing.T, name, group string, seed uint64, endX, endY float32) compare.Run {
	t.Helper()
	h := record.NewHeader(record.Layout{{Name: "w", Kind: record.Weight, Shape: []int{1, 2}}})
	m, err := record.NewMemory(h)
	if err != nil {
		t.Fatal(err)
	}
	for k := range 5 {
		s := &record.Step{
			Step: int64(k), Epoch: 1, Evaluations: int64(k),
			Theta: []float32{endX * float32(k) / 4, endY * float32(k) / 4},
		}
		if k < 4 {
			s.BatchLoss = record.Some(float64(k) + float64(seed))
		}
		if err := m.Append(s); err != nil {
			t.Fatal(err)
		}
	}
	return compare.Run{Name: name, Group: group, Seed: seed, Trajectory: m}
}

// compared is what a comparison of runs has, without a landscape.
func compared(t *testing.T, order []string, runs []compare.Run) *Compared {
	t.Helper()
	steps, err := compare.Series(t.Context(), runs)
	if err != nil {
		t.Fatal(err)
	}
	return &Compared{Summary: compare.Summary{Order: order}, Against: Steps, Steps: *steps}
}

// TestComparison: the figures have every run, grouped in the order given with the shown run
// first, at the coordinates of the tables.
func TestComparison(t *testing.T) {
	runs := []compare.Run{
		straight(t, "a1", "a", 1, 4, 0), straight(t, "a2", "a", 2, 4, 4),
		straight(t, "b1", "b", 1, 0, 2),
	}
	c := compared(t, []string{"b", "a"}, runs)
	joint, err := compare.Joint(t.Context(), runs, pca.Options{Center: pca.Init})
	if err != nil {
		t.Fatal(err)
	}
	plane, err := joint.Plane(1, 2, nil)
	if err != nil {
		t.Fatal(err)
	}
	paths, err := compare.Paths(t.Context(), runs, &plane)
	if err != nil {
		t.Fatal(err)
	}
	_, loss := run(t)
	l, err := compare.Landscape(t.Context(), runs, plane, paths, loss, compare.LandscapeOptions{NX: 5, NY: 4})
	if err != nil {
		t.Fatal(err)
	}
	c.Paths, c.Landscape = paths.Table, l.Result
	c.Summary.Directions, c.Summary.Shown = &joint.Summary, []string{"a2", "b1"}
	figures := make(map[string]figure.Figure)
	for _, f := range Comparison(c) {
		valid(t, f.Figure)
		figures[f.Name] = f.Figure
	}
	for _, name := range []string{"series", "series_apart", "landscape", "landscape_apart"} {
		if figures[name] == nil {
			t.Errorf("no figure %s", name)
		}
	}
	f := figures["landscape"].(*figure.Runs)
	var names []string
	for _, g := range f.Groups {
		for _, p := range g.Runs {
			names = append(names, g.Name+" "+p.Name)
			last := p.Points[len(p.Points)-1]
			end := map[string][2]float64{"a1": {4, 0}, "a2": {4, 4}, "b1": {0, 2}}[p.Name]
			// The plane is the whole space, so that distances on it are those in it.
			if got, want := math.Hypot(last.A-p.Points[0].A, last.B-p.Points[0].B), math.Hypot(end[0],
				end[1]); math.Abs(got-want) > 1e-6 || last.Residual > 1e-6 || last.Step != 4 {
				t.Errorf("the path of %s goes %v far on the plane and ends at %+v; want %v", p.Name, got, last, want)
			}
		}
	}
	if want := []string{"b b1", "a a2", "a a1"}; !slices.Equal(names, want) {
		t.Errorf("paths %q; want %q: the groups in the order given, the shown run first", names, want)
	}
	if len(f.Map.Z) != 4 || len(f.Map.Z[0]) != 5 || f.Map.Z[3][4] != l.Grid.Loss[19] || f.Map.X[4] != l.Grid.A[4] {
		t.Errorf("a grid of %d rows, X %v; want 4 of 5 over %v", len(f.Map.Z), f.Map.X, l.Grid.A)
	}
}

// TestSeries: the mean of the seeds, their range as a band, each seed apart, against the axis
// that was requested.
func TestSeries(t *testing.T) {
	c := compared(t, []string{"a", "b"}, []compare.Run{
		straight(t, "a1", "a", 1, 4, 0), straight(t, "a3", "a", 3, 4, 0),
		straight(t, "b1", "b", 1, 0, 2),
	})
	f := Series(c)
	valid(t, f)
	var panel *figure.Panel
	for i := range f.Panels {
		if f.Panels[i].YLabel == "batch loss" {
			panel = &f.Panels[i]
		}
	}
	if panel == nil || len(panel.Series) != 2 {
		t.Fatalf("the panels are %+v; want one of batch losses with both groups", f.Panels)
	}
	a, b := panel.Series[0], panel.Series[1]
	for k := range 4 {
		v := float64(k)
		if a.X[k] != v || a.Y[k] != v+2 || a.Low[k] != v+1 || a.Top[k] != v+3 {
			t.Errorf("step %d of a: %v, %v from %v to %v; want %v from %v to %v",
				k, a.X[k], a.Y[k], a.Low[k], a.Top[k], v+2,
				v+1, v+3)
		}
	}
	if b.Low != nil || b.Top != nil {
		t.Error("one run has a band")
	}
	if len(f.Notes) != 1 {
		t.Errorf("notes %q; want the one on seeds", f.Notes)
	}
	apart := SeriesApart(c)
	valid(t, apart)
	if s := apart.Series[0]; len(s.Seeds) != 2 || s.Seeds[1].Name != "seed 3" || s.Seeds[1].Y[2] != 5 {
		t.Errorf("seeds %+v; want those of the runs a1 and a3", s.Seeds)
	}
}

// TestSeriesBins: on a logarithmic axis no step of the first bins is averaged with another one,
// the start has a place, and late steps are averaged.
func TestSeriesBins(t *testing.T) {
	long := straight(t, "b1", "b", 1, 0, 2)
	m := long.Trajectory.(*record.Memory)
	for k := 5; k < 600; k++ {
		s := &record.Step{Step: int64(k), Epoch: 1, Evaluations: int64(k), Theta: []float32{1, 2}}
		s.BatchLoss = record.Some(float64(k) + 1)
		if err := m.Append(s); err != nil {
			t.Fatal(err)
		}
	}
	c := compared(t, []string{"a", "b"}, []compare.Run{straight(t, "a1", "a", 1, 4, 0), long})
	f := Series(c)
	valid(t, f)
	if f.XScale != figure.Log || !f.XZero {
		t.Fatalf("the axis is %q, zero %v; want logarithmic with a place for the start", f.XScale, f.XZero)
	}
	b := f.Panels[1].Series[1]
	for k := range 4 {
		if b.X[k] != float64(k) || b.Y[k] != float64(k)+1 {
			t.Errorf("value %d is %v at %v; want the one of step %d", k, b.Y[k], b.X[k], k)
		}
	}
	if n := len(b.X); n > mostPoints+2 || n < mostPoints/2 {
		t.Errorf("%d values; want about %d", n, mostPoints)
	}
	if len(f.Notes) != 1 || !strings.Contains(f.Notes[0], "neighbouring steps") {
		t.Errorf("notes %q; want one on the means over steps", f.Notes)
	}
}
