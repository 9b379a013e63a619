package animate_test

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/figure/animate"
)

// straight is a path along the diagonal over a small landscape.
func straight(n int) *animate.Animation {
	axis := []float64{0, 0.2, 0.4, 0.6, 0.8, 1}
	l := &figure.Landscape{X: axis, Y: axis, Style: figure.Style{Width: 2.4, DPI: 60}}
	for _, b := range axis {
		var row []float64
		for _, a := range axis {
			row = append(row, 1+a*a+b)
		}
		l.Z = append(l.Z, row)
	}
	for i := range n {
		s := float64(i) / float64(n-1)
		l.Path = append(l.Path, figure.PathPoint{A: 0.1 + 0.8*s, B: 0.1 + 0.45*s, Step: 3 * i, Epoch: i / 5})
	}
	return &animate.Animation{Landscape: l}
}

func film(t *testing.T, a *animate.Animation) (*gif.GIF, []*image.RGBA) {
	t.Helper()
	var b bytes.Buffer
	if err := a.WriteGIF(&b); err != nil {
		t.Fatal(err)
	}
	g, err := gif.DecodeAll(&b)
	if err != nil {
		t.Fatal(err)
	}
	var out []*image.RGBA
	now := image.NewRGBA(image.Rect(0, 0, g.Config.Width, g.Config.Height))
	for _, f := range g.Image {
		draw.Draw(now, f.Bounds(), f, f.Bounds().Min, draw.Over)
		frame := image.NewRGBA(now.Rect)
		copy(frame.Pix, now.Pix)
		out = append(out, frame)
	}
	return g, out
}

// marker returns the middle of the pixels of the colour of the moving mark.
func marker(img *image.RGBA) (x, y float64, n int) {
	for j := 40; j < img.Rect.Dy(); j++ { // under the legend
		for i := range img.Rect.Dx() {
			c := img.RGBAAt(i, j)
			if math.Abs(float64(c.R)-225)+math.Abs(float64(c.G)-60)+math.Abs(float64(c.B)-20) < 40 {
				x, y, n = x+float64(i), y+float64(j), n+1
			}
		}
	}
	return x / float64(n), y / float64(n), n
}

// TestAnimation: one frame per step, the mark walks along the diagonal by equal
// steps, all frames have one palette, and the last one stays.
func TestAnimation(t *testing.T) {
	a := straight(12)
	g, frames := film(t, a)
	if len(frames) != 12 || g.LoopCount != 0 {
		t.Fatalf("%d frames, loop count %d; want 12 for 12 steps, for ever", len(frames), g.LoopCount)
	}
	global, _ := g.Config.ColorModel.(color.Palette)
	var lastX, lastY, step float64
	for i, f := range frames {
		if len(global) == 0 || len(g.Image[i].Palette) != len(global) {
			t.Fatalf("frame %d has a palette of its own", i)
		}
		for k := range global {
			if g.Image[i].Palette[k] != global[k] && k > 0 { // the reader marks index 0 transparent per frame
				t.Fatalf("frame %d has another colour %d", i, k)
			}
		}
		if want := map[bool]int{true: 200, false: 67}[i == 11]; g.Delay[i] != want {
			t.Errorf("frame %d lasts %d, want %d", i, g.Delay[i], want)
		}
		x, y, n := marker(f)
		if n < 4 {
			t.Fatalf("frame %d has no mark", i)
		}
		if i == 1 {
			step = x - lastX
		}
		if i > 0 && (math.Abs(x-lastX-step) > 1.6 || y >= lastY || step < 3) {
			t.Errorf("the mark goes from (%.1f, %.1f) to (%.1f, %.1f)", lastX, lastY, x, y)
		}
		lastX, lastY = x, y
		if b := g.Image[i].Bounds(); i > 0 && b == f.Rect {
			t.Errorf("frame %d is drawn all over", i)
		}
	}
}

// TestAnimationFrames: of many steps as many as are asked for are shown, the last
// one with them.
func TestAnimationFrames(t *testing.T) {
	a := straight(100)
	a.Frames = 9
	g, frames := film(t, a)
	if len(frames) != 9 || g.Delay[0] != 89 {
		t.Errorf("%d frames of %d hundredths, want 9 of 89", len(frames), g.Delay[0])
	}
	_, all := film(t, straight(100))
	if len(all) != 100 {
		t.Errorf("%d frames for 100 steps", len(all))
	}
	if !bytes.Equal(frames[8].Pix, all[99].Pix) {
		x, y, _ := marker(frames[8])
		u, v, _ := marker(all[99])
		if math.Hypot(x-u, y-v) > 0.5 { // the palettes may differ
			t.Errorf("the last frames show (%v, %v) and (%v, %v)", x, y, u, v)
		}
	}
}

// TestAnimationStable: the same animation has the same bytes, also with several
// paths, a dark page and a path that leaves the grid.
func TestAnimationStable(t *testing.T) {
	make3 := func() *animate.Animation {
		a := straight(8)
		l := a.Landscape
		path := l.Path
		l.Path, l.Style.Theme = nil, figure.Dark
		l.Paths = []figure.LabelledPath{{Name: "a", Points: path}, {Name: "b", Points: path[:3]}, {Name: "none"}}
		l.Paths[1].Points = append([]figure.PathPoint{{A: -3, B: math.NaN(), Step: -1}}, path[:3]...)
		return a
	}
	var first, second bytes.Buffer
	if err := errors.Join(make3().WriteGIF(&first), make3().WriteGIF(&second)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("two files of one animation differ")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "walk.gif")
	if err := make3().SaveGIF(path); err != nil {
		t.Fatal(err)
	}
	if saved, err := os.ReadFile(path); err != nil || !bytes.Equal(saved, first.Bytes()) {
		t.Errorf("the file differs from the stream, or %v", err)
	}
	if alt := make3().Alt(); !strings.HasPrefix(alt, "Animation of the walk from step -1 to 21 in 9 frames.") {
		t.Error(alt)
	}
}

func TestAnimationWrongInput(t *testing.T) {
	with := func(change func(*animate.Animation)) *animate.Animation {
		a := straight(4)
		change(a)
		return a
	}
	for _, c := range []struct {
		want string
		a    *animate.Animation
	}{
		{"Animation.Landscape is nil;", &animate.Animation{}},
		{"Animation.Frames is 1;", with(func(a *animate.Animation) { a.Frames = 1 })},
		{"Animation.Frames is -5;", with(func(a *animate.Animation) { a.Frames = -5 })},
		{
			"more than 4 million pixels;",
			with(func(a *animate.Animation) { a.Landscape.Style = figure.Style{DPI: 1200} }),
		},
		{"has no path;", with(func(a *animate.Animation) { a.Landscape.Path = nil })},
		{
			"iterate 2 of the path is of step 1 after 3;",
			with(func(a *animate.Animation) { a.Landscape.Path[2].Step = 1 }),
		},
		{"Landscape.Z has 5 rows;", with(func(a *animate.Animation) { a.Landscape.Z = a.Landscape.Z[1:] })},
		{"Style.Theme is \"x\";", with(func(a *animate.Animation) { a.Landscape.Style.Theme = "x" })},
	} {
		var b bytes.Buffer
		err := c.a.WriteGIF(&b)
		if !errors.Is(err, figure.ErrInput) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(),
			"\n") || b.Len() > 0 {
			t.Errorf("error %q; want one line with %q and nothing written", err, c.want)
		}
	}
}
