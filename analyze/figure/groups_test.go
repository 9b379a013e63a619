package figure_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"sgdwalk/analyze/figure"
)

// exampleGroups is four optimizers with two seeds each; the ends of the first three are close
// together.
func exampleGroups() *figure.Runs {
	r := &figure.Runs{Map: *exampleLandscape()}
	r.Map.Path = nil
	x, y := r.Map.X, r.Map.Y
	at := func(axis []float64, t float64) float64 { return axis[0] + t*(axis[len(axis)-1]-axis[0]) }
	for i, name := range []string{"sgd", "momentum", "nesterov", "pal"} {
		g := figure.RunGroup{Name: name}
		for seed := range 2 {
			q := figure.LabelledPath{Name: fmt.Sprintf("%s %d", name, seed+1)}
			for k := range 21 {
				t := float64(k) / 20
				u := 0.2 + 0.3*t + 0.004*float64(i)*t + 0.01*float64(seed)*t
				v := 0.3 + 0.2*t
				if name == "pal" {
					u, v = 0.2+0.7*t, 0.3+0.6*t
				}
				q.Points = append(q.Points, figure.PathPoint{
					A: at(x, u), B: at(y, v), Residual: 5 - 4*t + float64(10*seed), Step: k, Loss: math.NaN(),
				})
			}
			g.Runs = append(g.Runs, q)
		}
		r.Groups = append(r.Groups, g)
	}
	return r
}

// TestGroups: every group is named where it ends, with its distance from the plane without
// the start; the close ends are shown larger; the table has the group of every iterate.
func TestGroups(t *testing.T) {
	for _, width := range []float64{figure.SingleColumn, figure.DoubleColumn} {
		r := figure.Styled(exampleGroups(), figure.Style{Width: width}).(*figure.Runs)
		svg := string(render(t, r, figure.SVG))
		for _, g := range r.Groups {
			if n := strings.Count(svg, ">"+g.Name+"<"); n != 1 {
				t.Errorf("width %v: %s is named %d times at its end; want once, in one of the maps", width, g.Name, n)
			}
			// The median of 4.8, 4.6, ..., 1 is 2.9; the start, at 5, takes no part.
			if !strings.Contains(svg, ">"+g.Name+" (off 2.9, end 1)<") {
				t.Errorf("the legend does not give the distances of %s", g.Name)
			}
		}
		if n := strings.Count(svg, ">A<"); n != 2 {
			t.Errorf("width %v: %d letters; want one at the part that is shown larger, and one at its map", width, n)
		}
		if !strings.Contains(svg, "sgd up to 11") {
			t.Errorf("width %v: no note on the seeds that are far off the plane", width)
		}
	}
	r := exampleGroups()
	table := r.Table()
	if err := table.Validate(); err != nil {
		t.Fatal(err)
	}
	n := len(r.Map.X) * len(r.Map.Y)
	if table.Len() != n+4*2*21 || table.Column("group").Strings[n+21] != "sgd" || table.Column("run").Strings[n+21] != "sgd 2" {
		t.Errorf("%d rows; row %d is of %s", table.Len(), n+21, table.Column("group").Strings[n+21])
	}
	apart := exampleGroups()
	apart.Apart = true
	svg := string(render(t, apart, figure.SVG))
	if n := strings.Count(svg, ">off 2.9, end 1<"); n != 4 {
		t.Errorf("%d small maps with a distance; want 4", n)
	}
}

// TestGroupsRefuse: what cannot be drawn is named.
func TestGroupsRefuse(t *testing.T) {
	for want, change := range map[string]func(r *figure.Runs){
		"Runs.Groups is empty":                       func(r *figure.Runs) { r.Groups = nil },
		"Runs.Groups[1].Name is \"sgd\"":             func(r *figure.Runs) { r.Groups[1].Name = "sgd" },
		"Runs.Groups[0].Runs is empty":               func(r *figure.Runs) { r.Groups[0].Runs = nil },
		"Runs.Groups[1].Runs[0].Name is \"sgd 1\"":   func(r *figure.Runs) { r.Groups[1].Runs[0].Name = "sgd 1" },
		"Runs.Map has a path":                        func(r *figure.Runs) { r.Map.Path = r.Groups[0].Runs[0].Points },
		"Landscape.X has 1 values; a grid has at le": func(r *figure.Runs) { r.Map.X = r.Map.X[:1] },
	} {
		r := exampleGroups()
		change(r)
		if err := r.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v; want %q", err, want)
		}
	}
}

// TestGroupsRobust: empty paths, paths without a place and ends outside the map draw.
func TestGroupsRobust(t *testing.T) {
	r := exampleGroups()
	r.Groups[0].Runs[0].Points = nil
	r.Groups[1].Runs[1].Points = nil
	for i := range r.Groups[2].Runs[0].Points {
		r.Groups[2].Runs[0].Points[i].A = math.NaN()
	}
	r.Groups[3].Runs[0].Points[20].B = 1e9
	for _, apart := range []bool{false, true} {
		r.Apart = apart
		render(t, r, figure.SVG)
		if alt := r.Alt(); !strings.Contains(alt, "pal ends at") {
			t.Errorf("alt text %q", alt)
		}
	}
}

// TestMultiples: one plot for each series, with every seed.
func TestMultiples(t *testing.T) {
	m := &figure.Multiples{YLabel: "loss", XScale: figure.Log, XZero: true}
	for i := range 5 {
		s := figure.Series{Name: fmt.Sprintf("group %d", i), X: []float64{0, 1, 10, 100}, Y: []float64{4, 3, 2, 1}}
		s.Seeds = []figure.Seed{{"seed 1", []float64{4, 2, 1, 0.5}}, {"seed 2", []float64{4, 4, math.NaN(), 1.5}}}
		m.Series = append(m.Series, s)
	}
	svg := string(render(t, m, figure.SVG))
	for _, s := range m.Series {
		if strings.Count(svg, ">"+s.Name+"<") != 1 {
			t.Errorf("no plot of %s", s.Name)
		}
	}
	table := m.Table()
	if n := table.Len(); n != 5*(4+4+3) {
		t.Errorf("the table has %d rows; want the means and the seeds that have a value", n)
	}
	if got := table.Column("series").Strings[4]; got != "group 0, seed 1" {
		t.Errorf("the fifth row is of %q", got)
	}
	m.Series[1].Name = "group 0"
	if err := m.Validate(); err == nil {
		t.Error("two series of one name are taken")
	}
	m.Series[1].Name, m.Series[1].Seeds[0].Y = "group 1", []float64{1}
	if err := m.Validate(); err == nil || !strings.Contains(err.Error(), "Series[1].Seeds[0].Y has 1 values; X has 4") {
		t.Errorf("error %v", err)
	}
}

// TestDots: one row for each group, at one and at two columns' width.
func TestDots(t *testing.T) {
	d := &figure.Dots{
		Groups: []string{"sgd", "adam", "none"},
		Columns: []figure.DotColumn{
			{Label: "loss", Values: [][]float64{{0.1, 0.2, 0.3}, {2, 3, math.NaN()}, {math.NaN()}}},
			{Label: "accuracy", Values: [][]float64{{0.9}, {0.5, 0.6}, nil}, Scale: figure.Linear},
		},
	}
	for _, width := range []float64{figure.SingleColumn, figure.DoubleColumn} {
		svg := string(render(t, figure.Styled(d, figure.Style{Width: width}), figure.SVG))
		want := 1
		if width == figure.SingleColumn {
			want = 2
		}
		if n := strings.Count(svg, ">adam<"); n != want {
			t.Errorf("width %v: adam is named %d times, want %d", width, n, want)
		}
		if n := strings.Count(svg, ">no value<"); n != 2 {
			t.Errorf("width %v: %d groups without a value, want 1 in each column", width, n)
		}
	}
	if table := d.Table(); table.Len() != 8 {
		t.Errorf("%d values in the table, want 8", table.Len())
	}
	if alt := d.Alt(); !strings.Contains(alt, "loss, sgd 0.2, adam 2.5") {
		t.Errorf("alt text %q", alt)
	}
	d.Columns[1].Values = d.Columns[1].Values[:2]
	if err := d.Validate(); err == nil || !strings.Contains(err.Error(), "Dots.Columns[1].Values has 2 groups") {
		t.Errorf("error %v", err)
	}
}
