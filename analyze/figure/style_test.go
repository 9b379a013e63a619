package figure_test

import (
	"bytes"
	"math"
	"testing"

	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/figure/surface"
)

// TestStyled: a figure of every kind takes another style, and is not changed by
// that itself.
func TestStyled(t *testing.T) {
	all := gallery()
	for _, name := range []string{
		"landscape-linear", "surface-coarse", "panels", "walk-double", "curves-band",
		"spectrum", "distances-two",
	} {
		fig := all[name]
		before := svgOf(t, fig)
		dark := figure.Styled(fig, figure.Style{Theme: figure.Dark, Width: figure.SingleColumn, FontSize: 7, DPI: 72})
		after := svgOf(t, dark)
		if !bytes.Contains(after, []byte(`viewBox="0 0 244.8 `)) {
			t.Errorf("%s: the width is not that of the style: %.200s", name, after)
		}
		if !bytes.Contains(after, []byte("#16181d")) {
			t.Errorf("%s: it is not on dark ground", name)
		}
		if !bytes.Equal(svgOf(t, fig), before) {
			t.Errorf("%s: the figure itself was changed", name)
		}
		if !bytes.Equal(svgOf(t, figure.Styled(fig, figure.Style{})), before) {
			t.Errorf("%s: an empty style changes the figure", name)
		}
	}
	wide := exampleLandscape()
	wide.Style.Height = 9
	if got := figure.Styled(wide, figure.Style{Width: 3}).(*figure.Landscape).Style; got.Height != 0 || got.Width != 3 {
		t.Errorf("style %+v: a height for another width was kept", got)
	}
}

func svgOf(t *testing.T, fig figure.Figure) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := figure.Render(&b, fig, figure.SVG); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestScaled: a scale goes where there are losses; what has no logarithm, or must
// be linear, stays.
func TestScaled(t *testing.T) {
	series := func(y ...float64) []figure.Series {
		return []figure.Series{{X: []float64{0, 1, 2}, Y: y}}
	}
	scale := func(f figure.Figure) figure.Scale {
		switch f := f.(type) {
		case *figure.Curves:
			return f.YScale
		case *figure.Panels:
			return f.Panels[0].YScale
		case *figure.Walk:
			return f.Scale
		case *figure.Landscape:
			return f.Scale
		case *surface.Figure:
			return f.Landscape.Scale
		case *figure.Spectrum:
			return f.Scale
		}
		t.Fatalf("%T has no scale", f)
		return ""
	}
	land := exampleLandscape()
	signed := &figure.Landscape{X: land.X, Y: land.Y, Z: land.Z, Map: figure.Diverging}
	for _, c := range []struct {
		name      string
		fig       figure.Figure
		log, line figure.Scale
	}{
		{"losses", &figure.Curves{Series: series(1, 2, 3)}, figure.Log, figure.Linear},
		{"losses with a zero", &figure.Curves{Series: series(0, 2, math.NaN())}, figure.Log, figure.Linear},
		{"nothing positive", &figure.Curves{Series: series(0, 0, math.Inf(1))}, figure.Auto, figure.Linear},
		{"cosines", &figure.Curves{Series: series(1, -0.5, 0.2)}, figure.Auto, figure.Linear},
		{"a change", &figure.Curves{Series: series(1, 2, 3), YScale: figure.Linear}, figure.Linear, figure.Linear},
		{"panels", &figure.Panels{Panels: []figure.Panel{{Series: series(1, 2, 3)}}}, figure.Log, figure.Linear},
		{"panel with a zero line", &figure.Panels{Panels: []figure.Panel{{
			Series:     series(1, 2, 3),
			References: []float64{-1},
		}}}, figure.Auto, figure.Linear},
		{"walk", exampleWalk(20, 0.1), figure.Log, figure.Linear},
		{"landscape", land, figure.Log, figure.Linear},
		{"eigenvalues", signed, figure.Auto, figure.Linear},
		{"surface", &surface.Figure{Landscape: land}, figure.Log, figure.Linear},
		{"spectrum", &figure.Spectrum{Ratios: []float64{0.5, 0.1}}, figure.Log, figure.Linear},
	} {
		if got := scale(figure.Scaled(c.fig, figure.Log)); got != c.log {
			t.Errorf("%s: scale log gives %q, want %q", c.name, got, c.log)
		}
		if got := scale(figure.Scaled(c.fig, figure.Linear)); got != c.line {
			t.Errorf("%s: scale linear gives %q, want %q", c.name, got, c.line)
		}
		if figure.Scaled(c.fig, figure.Auto) != c.fig {
			t.Errorf("%s: scale auto changes something", c.name)
		}
		svgOf(t, figure.Scaled(c.fig, figure.Log))
	}
}

// TestLevelCount: more levels are more, and all of them are round.
func TestLevelCount(t *testing.T) {
	l := exampleLandscape()
	l.LevelCount = 25
	few, many := svgOf(t, exampleLandscape()), svgOf(t, l)
	if bytes.Count(many, []byte("<path")) <= bytes.Count(few, []byte("<path")) {
		t.Error("25 levels draw no more than 11")
	}
	l.LevelCount = 101
	if l.Validate() == nil {
		t.Error("101 levels are accepted")
	}
}

// TestAltOfGaps: the text for readers who do not see names values, not gaps.
func TestAltOfGaps(t *testing.T) {
	c := &figure.Curves{Series: []figure.Series{{
		Name: "a", X: []float64{0, 1, 2, 3},
		Y: []float64{math.NaN(), 2, 1, math.NaN()},
	}, {Name: "b", X: []float64{0}, Y: []float64{math.NaN()}}}}
	if got, want := c.Alt(), "Values over x; a from 2 to 1."; got != want {
		t.Errorf("alt %q, want %q", got, want)
	}
}

// TestTrajectory: paths without a landscape are drawn in full, one iterate too, and
// none is refused.
func TestTrajectory(t *testing.T) {
	for name, path := range map[string][]figure.PathPoint{
		"walk":                  descend(100, 20, 0.1, 0.5, 1),
		"one iterate":           {{A: 3, B: -1}},
		"iterates at one place": {{A: 3, B: -1}, {A: 3, B: -1, Step: 1}},
		"huge and tiny":         {{A: -1e300, B: 1e-300}, {A: 1e300, B: 2e-300, Step: 1}},
		"without a place":       {{A: 1, B: 1}, {A: math.NaN(), B: math.Inf(1), Step: 1}, {A: 2, B: 2, Step: 2}},
	} {
		f := &figure.Trajectory{Path: path}
		if svg := svgOf(t, f); bytes.Contains(svg, []byte("NaN\"")) || bytes.Contains(svg,
			[]byte("outside the grid")) && name == "walk" {
			t.Errorf("%s: %.300s", name, svg)
		}
		table := f.Table()
		if table.Len() != len(path) || table.Column("a").Floats[0] != path[0].A {
			t.Errorf("%s: %d rows of %d iterates", name, table.Len(), len(path))
		}
	}
	if err := new(figure.Trajectory).Validate(); err == nil {
		t.Error("no path is accepted")
	}
}
