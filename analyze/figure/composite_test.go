package figure_test

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sgdwalk/analyze/figure"
)

func exampleComposite() *figure.Composite {
	parts := figure.Parts(exampleWalk(20, 0.1))
	return &figure.Composite{Panels: []figure.Figure{
		parts[0].Figure, exampleLandscape(), parts[1].Figure, parts[2].Figure,
	}}
}

// frames returns the boxes around the axes of an SVG file: closed paths of four corners with
// the pen of a frame.
func frames(t *testing.T, f figure.Figure) [][4]float64 {
	t.Helper()
	var b bytes.Buffer
	if err := figure.Render(&b, f, figure.SVG); err != nil {
		t.Fatal(err)
	}
	pattern := regexp.MustCompile(`stroke-width="0\.7" d="M(\S+) (\S+?)L(\S+) (\S+?)L(\S+) (\S+?)L(\S+) (\S+?)Z"/>`)
	var out [][4]float64
	for _, m := range pattern.FindAllStringSubmatch(b.String(), -1) {
		number := func(i int) float64 {
			v, err := strconv.ParseFloat(m[i], 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		xs, ys := []float64{number(1), number(3), number(5)}, []float64{number(2), number(4), number(6)}
		out = append(out, [4]float64{slices.Min(xs), slices.Min(ys), slices.Max(xs), slices.Max(ys)})
	}
	return out
}

// The frames of a row have the same top and bottom, and those of a column the same sides; all
// letters have one size.
func TestCompositeIsAligned(t *testing.T) {
	for _, s := range []figure.Style{{}, {Width: figure.SingleColumn}, {Width: 6, Height: 5, FontSize: 7}} {
		c := exampleComposite()
		c.Columns = 2
		if s.Width == figure.SingleColumn {
			c.Columns = 1
		}
		c.Style = s
		panels := frames(t, c)
		if len(panels) != len(c.Panels) {
			t.Fatalf("%+v: %d frames: %v", s, len(panels), panels)
		}
		same := func(what string, a, b float64) {
			if d := a - b; d > 0.6 || d < -0.6 {
				t.Errorf("%+v: %s: %.2f and %.2f", s, what, a, b)
			}
		}
		for i := range panels {
			for k := range i {
				if i%c.Columns == k%c.Columns {
					same("left sides", panels[i][0], panels[k][0])
					same("right sides", panels[i][2], panels[k][2])
				}
				if i/c.Columns == k/c.Columns {
					same("tops", panels[i][1], panels[k][1])
					same("bottoms", panels[i][3], panels[k][3])
				}
			}
		}
	}
}

func TestComposite(t *testing.T) {
	c := exampleComposite()
	var b bytes.Buffer
	if err := figure.Render(&b, c, figure.SVG); err != nil {
		t.Fatal(err)
	}
	for _, letter := range []string{"a", "b", "c", "d"} {
		if n := strings.Count(b.String(), `xml:space="preserve">`+letter+"</text>"); n != 1 {
			t.Errorf("letter %s is there %d times", letter, n)
		}
	}
	table := c.Table()
	if err := table.Validate(); err != nil {
		t.Fatal(err)
	}
	rows := 0
	for _, f := range c.Panels {
		own := f.Table()
		rows += own.Len()
	}
	if table.Len() != rows || rows == 0 {
		t.Errorf("the table has %d rows; the panels have %d", table.Len(), rows)
	}
	if letters := table.Column("letter").Strings; letters[0] != "a" || letters[rows-1] != "d" {
		t.Errorf("letters from %s to %s", letters[0], letters[rows-1])
	}
	for _, wrong := range []*figure.Composite{
		{},
		{Panels: c.Panels, Columns: 7},
		{Panels: c.Panels, Columns: 4, Style: figure.Style{Width: 3}},
		{Panels: []figure.Figure{&figure.Curves{}}},
		{Panels: slices.Repeat(c.Panels, 7)},
	} {
		if err := wrong.Validate(); !errors.Is(err, figure.ErrInput) {
			t.Errorf("%d panels, %d columns: %v", len(wrong.Panels), wrong.Columns, err)
		}
	}
}

// Columns of one name and different types are both in the table.
func TestCompositeTableOfDifferentTypes(t *testing.T) {
	c := figure.Composite{Panels: []figure.Figure{
		exampleWalk(4, 0.1), exampleLandscape(), &figure.Curves{Series: []figure.Series{{X: []float64{1}, Y: []float64{2}}}},
	}}
	table := c.Table()
	if err := table.Validate(); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, column := range table.Columns {
		seen[column.Name] = true
	}
	for _, f := range c.Panels {
		own := f.Table()
		for _, column := range own.Columns {
			if !seen[column.Name] {
				t.Errorf("column %s is missing", column.Name)
			}
		}
	}
}

func TestParts(t *testing.T) {
	w := exampleWalk(6, 0.1)
	var names []string
	for _, p := range figure.Parts(w) {
		names = append(names, p.Name)
		if err := p.Figure.Validate(); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
	if got := fmt.Sprint(names); got != "[loss height cosine distance]" {
		t.Errorf("parts of a walk: %s", got)
	}
	c := &figure.Panels{Panels: []figure.Panel{{YLabel: "full training loss"}, {YLabel: "distance from \u03b8_{0}"}}}
	parts := figure.Parts(c)
	if len(parts) != 2 || parts[0].Name != "full_training_loss" || parts[1].Name != "distance_from_0" {
		t.Errorf("parts of panels: %+v", parts)
	}
	if figure.Parts(exampleLandscape()) != nil {
		t.Error("a landscape has parts")
	}
}
