package figure_test

import (
	"bytes"
	"strings"
	"testing"

	"sgdwalk/analyze/figure"
)

// TestRuns: every run has its name and its own distance from the plane in the
// legend, one start for all, and its rows in the table in order.
func TestRuns(t *testing.T) {
	l := exampleRuns()
	svg := string(render(t, l, figure.SVG))
	for _, want := range []string{
		"SGD (off \u2264 0.646)", "Adam (off \u2264 1.95)", ">start<",
		"distance from the plane", "; Adam runs from (",
	} {
		if !strings.Contains(svg, want) {
			t.Errorf("the figure does not say %q", want)
		}
	}
	table := l.Table()
	if err := table.Validate(); err != nil {
		t.Fatal(err)
	}
	run, loss, step := table.Column("run"), table.Column("full_loss"), table.Column("step")
	r := len(l.X) * len(l.Y)
	if run.Text(r-1) != "" || table.Len() != r+4*121 {
		t.Errorf("%d rows; run of the last grid point is %q", table.Len(), run.Text(r-1))
	}
	for _, q := range l.Paths {
		for _, v := range q.Points {
			if run.Strings[r] != q.Name || step.Ints[r] != int64(v.Step) || loss.Floats[r] != v.Loss {
				t.Fatalf("row %d is of run %q, step %d", r, run.Strings[r], step.Ints[r])
			}
			r++
		}
	}
	unknown := exampleLandscape()
	unknownTable := unknown.Table()
	if c := unknownTable.Column("full_loss"); c.Text(c.Len()-1) != "" {
		t.Errorf("a loss that is not known is %q", c.Text(c.Len()-1))
	}
}

// TestRunsApart: runs from different places have a start each.
func TestRunsApart(t *testing.T) {
	starts := func(l *figure.Landscape) int {
		return bytes.Count(render(t, l, figure.SVG), []byte(`fill="#ffffff" d="M`))
	}
	one, apart := exampleRuns(), exampleRuns()
	for i := range apart.Paths {
		apart.Paths[i].Points[0].A += 0.2 * float64(i)
	}
	if a, b := starts(one), starts(apart); b != a+3 {
		t.Errorf("%d white marks with one start, %d with four; want 3 more", a, b)
	}
}

// TestPanelsPens: a name has one pen in all panels and in the legend, also where
// a panel leaves out the names before it.
func TestPanelsPens(t *testing.T) {
	line := func(name string, y float64) figure.Series {
		return figure.Series{Name: name, X: []float64{0, 1}, Y: []float64{y, y + 1}}
	}
	p := &figure.Panels{Panels: []figure.Panel{
		{Series: []figure.Series{line("a", 0), line("b", 1), line("c", 2)}},
		{Series: []figure.Series{line("c", 5)}},
		{Series: []figure.Series{line("b", 5), line("a", 9)}, References: []float64{20}},
	}}
	svg := string(render(t, p, figure.SVG))
	for name, want := range map[string]struct {
		color string
		n     int
	}{"a": {"#005aa0", 3}, "b": {"#d55e00", 3}, "c": {"#009169", 3}} {
		if n := strings.Count(svg, `stroke="`+want.color+`"`); n != want.n {
			t.Errorf("%d strokes in the colour of %s, want %d: legend and panels", n, name, want.n)
		}
		if n := strings.Count(svg, ">"+name+"<"); n != 1 {
			t.Errorf("%d legends of %s", n, name)
		}
	}
	if !strings.Contains(svg, ">20<") {
		t.Error("the reference beyond the values is not on the axis")
	}
	table := p.Table()
	if table.Len() != 12 || table.Column("panel").Strings[6] != "panel 2" {
		t.Errorf("table of %d rows, panel of row 6 %q", table.Len(), table.Column("panel").Strings[6])
	}
}

// TestReversedColors: an accuracy has the colours of its negative as a loss.
func TestReversedColors(t *testing.T) {
	x, y := grid(0, 1, 9), grid(0, 1, 7)
	z := func(sign float64) [][]float64 {
		return sample(x, y, func(a, b float64) float64 { return sign * (a + 3*b) })
	}
	fills := func(l *figure.Landscape) (out []string) {
		for _, s := range strings.Split(string(render(t, l, figure.SVG)), `<path fill="#`)[1:] {
			out = append(out, s[:6])
		}
		return out
	}
	up := fills(&figure.Landscape{X: x, Y: y, Z: z(1), Map: figure.Reversed, Levels: []float64{1, 2, 3}})
	down := fills(&figure.Landscape{X: x, Y: y, Z: z(-1), Levels: []float64{-3, -2, -1}})
	if len(up) < 4 || len(down) < 4 {
		t.Fatalf("%d and %d filled areas", len(up), len(down))
	}
	for k := range 4 {
		if up[k] != down[3-k] {
			t.Errorf("band %d is %s, want %s", k, up[k], down[3-k])
		}
	}
}
