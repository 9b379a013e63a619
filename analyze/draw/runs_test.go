package draw

import (
	"math"
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

// TestRuns: one path for each run, in the order of the groups, at the coordinates
// of the table; two runs of one group are told apart by their names.
func TestRuns(t *testing.T) {
	runs := []compare.Run{
		straight(t, "a1", "a", 1, 4, 0), straight(t, "a2", "a", 2, 4, 4),
		straight(t, "b1", "b", 1, 0, 2),
	}
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
	x, y := JointDirections(&joint.Summary)
	f := Runs("title", x, y, []string{"b", "a"}, l, paths)
	valid(t, f)
	var names []string
	for _, p := range f.Paths {
		names = append(names, p.Name)
		last := p.Points[len(p.Points)-1]
		end := map[string][2]float64{"a1": {4, 0}, "a2": {4, 4}, "b": {0, 2}}[p.Name]
		// The plane is the whole space, so that distances on it are those in it.
		if got, want := math.Hypot(last.A-p.Points[0].A, last.B-p.Points[0].B), math.Hypot(end[0],
			end[1]); math.Abs(got-want) > 1e-6 || last.Residual > 1e-6 || last.Step != 4 {
			t.Errorf("the path of %s goes %v far on the plane and ends at %+v; want %v", p.Name, got, last, want)
		}
	}
	if len(names) != 3 || names[0] != "b" || names[1] != "a1" || names[2] != "a2" {
		t.Errorf("paths %q; want the groups in the order given, b, then the two runs of a", names)
	}
	if len(f.Z) != 4 || len(f.Z[0]) != 5 || f.FreeAxes {
		t.Errorf("a grid of %d rows; want 4 of 5 with equal units on both axes", len(f.Z))
	}
}

// TestSeries: the mean of the seeds, their range as a band, against the axis that
// was asked for.
func TestSeries(t *testing.T) {
	runs := []compare.Run{
		straight(t, "a1", "a", 1, 4, 0), straight(t, "a3", "a", 3, 4, 0),
		straight(t, "b1", "b", 1, 0, 2),
	}
	table, err := compare.Series(t.Context(), runs)
	if err != nil {
		t.Fatal(err)
	}
	f := Series("title", table, []string{"a", "b"}, Steps)
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
}
