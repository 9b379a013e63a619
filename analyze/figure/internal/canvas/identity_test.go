package canvas

import (
	"fmt"
	"math"
	"testing"
)

// TestIdentity: no pair of a colour and a mark repeats among many series, and neither does a
// colour or a mark among the first twelve, on either paper.
func TestIdentity(t *testing.T) {
	for _, dark := range []bool{false, true} {
		theme := ThemeOf(dark)
		pairs, colors, marks := map[string]int{}, map[string]int{}, map[string]int{}
		for i := range 144 {
			d := theme.Identity(i)
			var c Path
			d.Mark(&c, Point{}, 1)
			color, mark := fmt.Sprint(d.Color), fmt.Sprint(c)
			if k, seen := pairs[color+mark]; seen {
				t.Fatalf("dark %v: series %d looks like series %d", dark, i, k)
			}
			pairs[color+mark] = i
			if i < 12 {
				colors[color]++
				marks[mark]++
			}
		}
		if len(colors) != 12 || len(marks) != 12 {
			t.Errorf("dark %v: the first 12 series have %d colours and %d marks", dark, len(colors), len(marks))
		}
	}
}

// TestCallouts: texts of crowded places cover neither each other nor a place, and stay in the
// box; where nothing fits, the texts are counted.
func TestCallouts(t *testing.T) {
	p := &Page{Device: NewSVG(300, 200, Gray(255), "", ""), W: 300, H: 200, Font: 8, Theme: ThemeOf(false)}
	var list []Callout
	for i := range 9 {
		list = append(list, Callout{At: Point{150 + float64(i%3), 100 + float64(i/3)}, Text: fmt.Sprintf("optimizer %d", i)})
	}
	box := Rect{10, 10, 290, 190}
	c := layCallouts(p, list, box, nil)
	for i, b := range c.boxes {
		if b == nil {
			t.Fatalf("text %d has no place", i)
		}
		if b.X0 < box.X0 || b.X1 > box.X1 || b.Y0 < box.Y0 || b.Y1 > box.Y1 {
			t.Errorf("text %d is at %v, outside of %v", i, *b, box)
		}
		for k, o := range c.boxes[:i] {
			if b.X0 < o.X1 && o.X0 < b.X1 && b.Y0 < o.Y1 && o.Y0 < b.Y1 {
				t.Errorf("texts %d and %d cover each other", i, k)
			}
		}
		for k, q := range list {
			if b.Contains(q.At) {
				t.Errorf("text %d covers place %d", i, k)
			}
		}
	}
	if left := p.Callouts(list, Rect{140, 95, 160, 105}, nil); left != len(list) {
		t.Errorf("%d texts left out of a box that is too small for all of %d", left, len(list))
	}
}

// TestCalloutAvoids: a text goes where it covers no points.
func TestCalloutAvoids(t *testing.T) {
	p := &Page{Device: NewSVG(300, 200, Gray(255), "", ""), W: 300, H: 200, Font: 8, Theme: ThemeOf(false)}
	var line []Point
	for x := 100.0; x < 250; x++ {
		line = append(line, Point{x, 100}, Point{x, 104})
	}
	c := layCallouts(p, []Callout{{At: Point{100, 100}, Text: "name"}}, Rect{0, 0, 300, 200}, line)
	for _, q := range line {
		if c.boxes[0].Contains(q) {
			t.Fatalf("the text at %v covers %v", *c.boxes[0], q)
		}
	}
}

// TestZeroAxis: zero has a place at the left of a logarithmic axis, before all other values, and
// a tick.
func TestZeroAxis(t *testing.T) {
	a := Axis{Lo: 0.1, Hi: 1000, Log: true, Zero: true}
	if zero, lo, hi := a.Pos(0), a.Pos(0.1), a.Pos(1000); !(zero > 0 && zero < lo && lo < 0.1 && hi == 1) {
		t.Errorf("zero at %v, the range from %v to %v", zero, lo, hi)
	}
	if d := a.Pos(1) - a.Pos(0.1) - (a.Pos(1000) - a.Pos(100)); math.Abs(d) > 1e-12 {
		t.Errorf("decades differ by %v", d)
	}
	major, _, _ := a.Ticks(300, 34)
	if major[0].Value != 0 || major[0].Label != "0" {
		t.Errorf("the first tick is %+v", major[0])
	}
}

// TestGrid: frames are equally large, apart from each other and in the box.
func TestGrid(t *testing.T) {
	p := &Page{Device: NewSVG(300, 300, Gray(255), "", ""), W: 300, H: 300, Font: 8, Theme: ThemeOf(false)}
	box := Rect{5, 5, 295, 295}
	axis := Axis{Lo: 0, Hi: 10, Label: "x"}
	for _, aspect := range []float64{0, 0.5, 1.5} {
		g := p.GridOf(box, 7, 3, axis, axis, aspect, 12)
		for i, f := range g.Frames {
			b := f.Box
			if b.X0 < box.X0 || b.X1 > box.X1 || b.Y0 < box.Y0 || b.Y1 > box.Y1 || b.W() < 30 || b.H() < 20 {
				t.Errorf("aspect %v: frame %d is %v", aspect, i, b)
			}
			if aspect > 0 && math.Abs(b.H()/b.W()-aspect) > 1e-9 {
				t.Errorf("frame %d has aspect %v, want %v", i, b.H()/b.W(), aspect)
			}
			for k, o := range g.Frames[:i] {
				if b.X0 < o.Box.X1 && o.Box.X0 < b.X1 && b.Y0 < o.Box.Y1 && o.Box.Y0 < b.Y1 {
					t.Errorf("frames %d and %d cover each other", i, k)
				}
			}
		}
	}
}
