package figure_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/figure/surface"
)

func render(t *testing.T, fig figure.Figure, format figure.Format) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := figure.Render(&b, fig, format); err != nil {
		t.Fatalf("%s: %v", format, err)
	}
	return b.Bytes()
}

// wellFormed checks that a file is what its format says.
func wellFormed(t *testing.T, data []byte, format figure.Format) {
	t.Helper()
	switch format {
	case figure.SVG:
		d := xml.NewDecoder(bytes.NewReader(data))
		for {
			_, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, bad := range []string{"NaN", "Inf\"", "Inf ", "e+"} {
			// A coordinate without a value would hide the mark; +Inf is a legend.
			if i := bytes.Index(data, []byte(bad)); i >= 0 && !bytes.Contains(data[max(0, i-200):i], []byte("<desc>")) {
				t.Errorf("SVG has %q in it: ...%s", bad, data[max(0, i-60):min(len(data), i+20)])
			}
		}
	case figure.PNG:
		if _, err := png.Decode(bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
	case figure.PDF:
		if !bytes.HasPrefix(data, []byte("%PDF-1.4")) || !bytes.HasSuffix(data, []byte("%%EOF\n")) {
			t.Error("not a PDF from beginning to end")
		}
		if bytes.Contains(data, []byte("Date")) {
			t.Error("the PDF has a date in it, so that it differs from run to run")
		}
	}
}

// TestStableBytes draws every figure of the gallery twice, each from its own data.
func TestStableBytes(t *testing.T) {
	first, second := gallery(), gallery()
	for name, formats := range map[string][]figure.Format{
		"landscape-gaps": {figure.SVG, figure.PDF},
		"runs-single":    {figure.SVG, figure.PDF, figure.PNG},
		"diverging":      {figure.SVG},
		"panels":         {figure.SVG, figure.PDF},
		"surface-coarse": {figure.SVG, figure.PDF, figure.PNG},
		"walk-single":    {figure.SVG, figure.PDF, figure.PNG},
		"curves-band":    {figure.SVG, figure.PDF},
		"distances-two":  {figure.SVG, figure.PDF, figure.PNG},
		"spectrum":       {figure.SVG, figure.PDF},
	} {
		t.Run(name, func(t *testing.T) {
			for _, format := range formats {
				a, b := render(t, first[name], format), render(t, second[name], format)
				if !bytes.Equal(a, b) {
					t.Errorf("two %s files of one figure differ", format)
				}
				wellFormed(t, a, format)
			}
		})
	}
}

func TestPNGSize(t *testing.T) {
	fig := exampleLandscape()
	fig.Style = figure.Style{Width: 3, Height: 2, DPI: 100}
	data := render(t, fig, figure.PNG)
	config, err := png.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if config.Width != 300 || config.Height != 200 {
		t.Errorf("3 x 2 inches at 100 dpi are %d x %d pixels, want 300 x 200", config.Width, config.Height)
	}
	// 100 dots per inch are 3937 per metre.
	if i := bytes.Index(data, []byte("pHYs")); i < 0 || !bytes.Equal(data[i+4:i+13],
		[]byte{0, 0, 15, 97, 0, 0, 15, 97, 1}) {
		t.Error("the PNG does not say that it has 3937 pixels a metre")
	}
}

// TestDegenerate draws what is hardly a figure: it must be a picture, not a panic.
func TestDegenerate(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	x, y := grid(0, 1, 4), grid(0, 2, 3)
	constant := func(v float64) [][]float64 { return sample(x, y, func(_, _ float64) float64 { return v }) }
	plane := sample(x, y, func(a, b float64) float64 { return a + 10*b })
	never := [][]bool{make([]bool, 4), make([]bool, 4), make([]bool, 4)}
	outside := []figure.PathPoint{
		{A: -5, B: -5},
		{A: 5, B: 5, Step: 1},
		{A: nan, B: 1, Step: 2},
		{A: 9, B: inf, Step: 3, Epoch: 1},
	}
	spike := sample(x, y, func(a, b float64) float64 { return 1 + a })
	spike[1][1] = 1e300
	figures := map[string]figure.Figure{
		"equal":         &figure.Landscape{X: x, Y: y, Z: constant(2.3)},
		"zero":          &figure.Landscape{X: x, Y: y, Z: constant(0)},
		"all NaN":       &figure.Landscape{X: x, Y: y, Z: constant(nan)},
		"all +Inf":      &figure.Landscape{X: x, Y: y, Z: constant(inf)},
		"all -Inf":      &figure.Landscape{X: x, Y: y, Z: constant(-inf)},
		"none valid":    &figure.Landscape{X: x, Y: y, Z: plane, Valid: never},
		"negative, log": &figure.Landscape{X: x, Y: y, Z: constant(-1), Scale: figure.Log},
		"spike":         &figure.Landscape{X: x, Y: y, Z: spike},
		"huge": &figure.Landscape{
			X: x, Y: y,
			Z: sample(x, y, func(a, b float64) float64 { return (a - b) * 1e308 }),
		},
		"tiny": &figure.Landscape{
			X: x, Y: y,
			Z: sample(x, y, func(a, b float64) float64 { return (a + b) * 1e-300 }),
		},
		"levels outside":    &figure.Landscape{X: x, Y: y, Z: plane, Levels: []float64{-100, 500}},
		"two by two":        &figure.Landscape{X: x[:2], Y: y[:2], Z: [][]float64{{0, 1}, {2, 3}}},
		"path of one point": &figure.Landscape{X: x, Y: y, Z: plane, Path: outside[:1]},
		"path outside":      &figure.Landscape{X: x, Y: y, Z: plane, Path: outside},
		"standing path":     &figure.Landscape{X: x, Y: y, Z: plane, Path: make([]figure.PathPoint, 50)},
		"bare grid":         &figure.Landscape{X: x, Y: y, Z: plane},
		"walk of one":       &figure.Walk{Steps: []int{0}, Alphas: []float64{0, 1}, Losses: [][]float64{{1, 0.5}}},
		"walk of NaN": &figure.Walk{
			Steps: []int{3}, Alphas: []float64{0, 1}, Losses: [][]float64{{nan, inf}},
			Floor: []float64{nan}, Cosine: []float64{nan}, Distance: []float64{nan}, Barriers: []bool{true},
		},
		"walk without alphas": &figure.Walk{
			Steps: []int{3, 9}, Losses: [][]float64{{}, {}}, Barriers: []bool{true, true}, Floor: []float64{0, 0},
		},
		"diverging, no sign": &figure.Landscape{X: x, Y: y, Z: plane, Map: figure.Diverging},
		"diverging, zero":    &figure.Landscape{X: x, Y: y, Z: constant(0), Map: figure.Diverging},
		"diverging, NaN":     &figure.Landscape{X: x, Y: y, Z: constant(nan), Map: figure.Diverging},
		"reversed, equal":    &figure.Landscape{X: x, Y: y, Z: constant(99), Map: figure.Reversed},
		"runs": &figure.Landscape{
			X: x, Y: y, Z: plane,
			Paths: []figure.LabelledPath{{Name: "a"}, {Name: "b", Points: outside}, {Name: "c", Points: outside[:1]}},
		},
		"panels without values": &figure.Panels{Panels: []figure.Panel{
			{},
			{Series: []figure.Series{{}}, References: []float64{3}},
			{Series: []figure.Series{{X: []float64{1, 2}, Y: []float64{nan, -1}, Points: true}}, YScale: figure.Log},
		}},
		"surface, equal": &surface.Figure{Landscape: &figure.Landscape{X: x, Y: y, Z: constant(2.3), Path: outside}},
		"surface, NaN":   &surface.Figure{Landscape: &figure.Landscape{X: x, Y: y, Z: constant(nan), Path: outside}},
		"surface, +Inf":  &surface.Figure{Landscape: &figure.Landscape{X: x, Y: y, Z: constant(inf)}},
		"surface, huge": &surface.Figure{Landscape: &figure.Landscape{
			X: x, Y: y,
			Z: sample(x, y, func(a, b float64) float64 { return (a - b) * 1e308 }),
		}},
		"surface, spike": &surface.Figure{Landscape: &figure.Landscape{X: x, Y: y, Z: spike}},
		"surface, two by two": &surface.Figure{Landscape: &figure.Landscape{
			X: x[:2], Y: y[:2],
			Z: [][]float64{{0, 1}, {2, 3}},
		}, Azimuth: 90, Elevation: 85},
		"surface, seen end-on": &surface.Figure{
			Landscape: &figure.Landscape{X: x, Y: y, Z: plane}, Azimuth: 360,
			Elevation: 5,
		},
		"surface, infinite loss": &surface.Figure{Landscape: &figure.Landscape{
			X: x, Y: y, Z: plane,
			Path: []figure.PathPoint{{Loss: inf}, {A: 0.5, B: 1, Loss: 3}, {A: 1, B: 1, Loss: -1e300}},
		}},
		"empty curve": &figure.Curves{Series: []figure.Series{{}}},
		"one value": &figure.Curves{
			Series: []figure.Series{{X: []float64{1}, Y: []float64{7}, Points: true}},
			YScale: figure.Log,
		},
		"curve of NaN, log": &figure.Curves{Series: []figure.Series{{
			X: []float64{1, 2, 3}, Y: []float64{nan, -1, inf}, Low: []float64{nan, 0, -inf},
			Top: []float64{nan, 1, inf},
		}}, YScale: figure.Log, XScale: figure.Log},
		"distances, NaN": &figure.Distances{
			Steps: []int64{1, 2}, Values: [][]float64{{nan, nan}, {nan, nan}}, Marks: []figure.Mark{{Kind: figure.MarkEvent}},
		},
		"distances, zero":       &figure.Distances{Steps: []int64{1, 2}, Values: [][]float64{{0, 0}, {0, 0}}, Scale: figure.Log},
		"distances, checkpoint": &figure.Distances{Steps: []int64{math.MaxInt64}, Values: [][]float64{{0}}},
		"distances, huge": &figure.Distances{
			Steps:  []int64{0, 1, math.MaxInt64},
			Values: [][]float64{{0, 1e308, 5e-324}, {1e308, 0, 1}, {5e-324, 1, 0}},
		},
		"distances, equal": &figure.Distances{
			Steps: []int64{1, 2, 3}, Values: [][]float64{{0, 1, 1}, {1, 0, 1}, {1, 1, 0}}, Scale: figure.Log,
			Marks: []figure.Mark{{Step: -1, Kind: figure.MarkError}, {Step: 9, Kind: figure.MarkWarning}},
		},
		"spectrum of one": &figure.Spectrum{Ratios: []float64{1}},
		"spectrum of NaN": &figure.Spectrum{Ratios: []float64{nan, 0, -1e-17}, Null: []float64{0.5}, Scale: figure.Log},
	}
	for name, fig := range figures {
		t.Run(name, func(t *testing.T) {
			for _, format := range []figure.Format{figure.SVG, figure.PDF} {
				wellFormed(t, render(t, fig, format), format)
			}
			table := fig.Table()
			if err := table.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestWrongInput checks that every refusal is one line which names the field.
func TestWrongInput(t *testing.T) {
	land := func(change func(*figure.Landscape)) figure.Figure {
		l := exampleLandscape()
		change(l)
		return l
	}
	walk := func(change func(*figure.Walk)) figure.Figure {
		w := exampleWalk(5, 0.1)
		change(w)
		return w
	}
	for _, c := range []struct {
		want string
		fig  figure.Figure
	}{
		{"Style.Width is 1;", land(func(l *figure.Landscape) { l.Style.Width = 1 })},
		{"Style.Width is NaN;", land(func(l *figure.Landscape) { l.Style.Width = math.NaN() })},
		{"Style.Height is -3;", land(func(l *figure.Landscape) { l.Style.Height = -3 })},
		{"Style.DPI is 5000;", land(func(l *figure.Landscape) { l.Style.DPI = 5000 })},
		{"million pixels", land(func(l *figure.Landscape) {
			l.Style = figure.Style{
				Width: 20, Height: 30,
				DPI: 1200,
			}
		})},
		{"Style.Theme is \"sepia\";", land(func(l *figure.Landscape) { l.Style.Theme = "sepia" })},
		{"Distances.Steps is empty;", &figure.Distances{}},
		{"Distances.Steps[1] is 3;", &figure.Distances{Steps: []int64{3, 3}}},
		{"Distances.Steps[0] is -1;", &figure.Distances{Steps: []int64{-1}}},
		{"Distances.Values has 0 rows; Steps has 1", &figure.Distances{Steps: []int64{3}}},
		{"Distances.Values[0] has 2 values;", &figure.Distances{Steps: []int64{3}, Values: [][]float64{{0, 0}}}},
		{"Distances.Values[0][0] is -1;", &figure.Distances{Steps: []int64{3}, Values: [][]float64{{-1}}}},
		{"Distances.Values[1][0] is 2 and", &figure.Distances{Steps: []int64{3, 4}, Values: [][]float64{{0, 1}, {2, 0}}}},
		{"Distances.Marks[0].Kind is \"\";", &figure.Distances{
			Steps: []int64{3}, Values: [][]float64{{0}}, Marks: make([]figure.Mark, 1),
		}},
		{"Landscape.X has 1 values;", land(func(l *figure.Landscape) { l.X = l.X[:1] })},
		{"Landscape.X[3] is", land(func(l *figure.Landscape) { l.X[3] = l.X[2] })},
		{"Landscape.Y[0] is NaN;", land(func(l *figure.Landscape) { l.Y[0] = math.NaN() })},
		{"Landscape.Z has 44 rows; Y has 45", land(func(l *figure.Landscape) { l.Z = l.Z[1:] })},
		{"Landscape.Z[2] has 3 values; X has 51", land(func(l *figure.Landscape) { l.Z[2] = l.Z[2][:3] })},
		{"Landscape.Levels[1] is 1;", land(func(l *figure.Landscape) { l.Levels = []float64{2, 1} })},
		{
			"Landscape.Levels[0] is -1;",
			land(func(l *figure.Landscape) { l.Levels, l.Scale = []float64{-1, 1}, figure.Log }),
		},
		{"Landscape.Scale is \"sqrt\";", land(func(l *figure.Landscape) { l.Scale = "sqrt" })},
		{"Landscape.Map is \"rainbow\";", land(func(l *figure.Landscape) { l.Map = "rainbow" })},
		{
			"Landscape.Scale is \"log\" with Map \"diverging\";",
			land(func(l *figure.Landscape) { l.Map, l.Scale = figure.Diverging, figure.Log }),
		},
		{
			"Landscape.Path and Paths have 301 and 1;",
			land(func(l *figure.Landscape) { l.Paths = []figure.LabelledPath{{Name: "a"}} }),
		},
		{"Landscape.Paths[0].Name is empty;", land(func(l *figure.Landscape) {
			l.Path, l.Paths = nil,
				[]figure.LabelledPath{{}}
		})},
		{"Landscape.Paths[1].Name is \"a\" as of Paths[0];", land(func(l *figure.Landscape) {
			l.Path, l.Paths = nil, []figure.LabelledPath{{Name: "a"}, {Name: "a"}}
		})},
		{"Panels.Panels is empty;", &figure.Panels{}},
		{
			"Panels.Panels[1].Series[0].Y has 0 values; X has 1",
			&figure.Panels{Panels: []figure.Panel{{}, {Series: []figure.Series{{X: []float64{1}}}}}},
		},
		{
			"Panels.Panels[0].Series[1].Name is \"\" again;",
			&figure.Panels{Panels: []figure.Panel{{Series: []figure.Series{{}, {}}}}},
		},
		{
			"Panels.Panels[0].References[0] is NaN;",
			&figure.Panels{Panels: []figure.Panel{{References: []float64{math.NaN()}}}},
		},
		{"Surface.Landscape is nil;", &surface.Figure{}},
		{"Surface.Azimuth is 400;", &surface.Figure{Landscape: exampleLandscape(), Azimuth: 400}},
		{"Surface.Elevation is 90;", &surface.Figure{Landscape: exampleLandscape(), Elevation: 90}},
		{"Landscape.X has 0 values;", &surface.Figure{Landscape: &figure.Landscape{}}},
		{"Walk.Steps is empty;", walk(func(w *figure.Walk) { w.Steps = nil })},
		{"Walk.Steps[2] is 1 after 1;", walk(func(w *figure.Walk) { w.Steps[2] = 1 })},
		{"Walk.Alphas[10] is 1.5;", walk(func(w *figure.Walk) { w.Alphas[10] = 1.5 })},
		{"Walk.Losses[4] has 10 values; Alphas has 11", walk(func(w *figure.Walk) { w.Losses[4] = w.Losses[4][:10] })},
		{"Walk.Cosine has 3 values;", walk(func(w *figure.Walk) { w.Cosine = w.Cosine[:3] })},
		{"Curves.Series is empty;", &figure.Curves{}},
		{
			"Curves.Series[0].Top has 0 values; X has 1",
			&figure.Curves{Series: []figure.Series{{X: []float64{1}, Y: []float64{1}, Low: []float64{1}}}},
		},
		{"Spectrum.Ratios is empty;", &figure.Spectrum{}},
		{"Spectrum.Intervals[0] has 1 means, 0 lower", &figure.Spectrum{
			Ratios: []float64{1}, Intervals: []figure.NullInterval{{Mean: []float64{1}, High: []float64{1}}},
		}},
		{"Walk.NullLow has 5 values and NullHigh 0;", walk(func(w *figure.Walk) { w.NullHigh = nil })},
		{"Curves.YFrom and YTo are 1 and -1;", &figure.Curves{
			Series: []figure.Series{{X: []float64{0}, Y: []float64{0}}}, YFrom: 1, YTo: -1,
		}},
	} {
		err := figure.Render(io.Discard, c.fig, figure.PNG)
		if !errors.Is(err, figure.ErrInput) || !strings.Contains(err.Error(), c.want) ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("error %q; want one line with %q", err, c.want)
		}
	}
	if err := figure.Render(io.Discard, exampleWalk(3, 0.1), "gif"); !errors.Is(err, figure.ErrInput) {
		t.Errorf("format gif: %v", err)
	}
}

// TestSave checks what appears, and that a failure leaves nothing behind.
func TestSave(t *testing.T) {
	dir := t.TempDir()
	paths, err := figure.Save(exampleWalk(6, 0.1), filepath.Join(dir, "walk"), figure.SVG, figure.PDF)
	if err != nil {
		t.Fatal(err)
	}
	names := func() (out []string) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			out = append(out, e.Name())
		}
		return out
	}
	if got := strings.Join(names(), " "); got != "walk.csv walk.pdf walk.svg" {
		t.Errorf("the directory has %q", got)
	}
	if len(paths) != 3 || filepath.Base(paths[2]) != "walk.csv" {
		t.Errorf("paths %q", paths)
	}
	if _, err := figure.Save(&figure.Curves{}, filepath.Join(dir, "none")); err == nil || len(names()) != 3 {
		t.Errorf("error %v and files %q after a figure that cannot be drawn", err, names())
	}
	if _, err := figure.Save(exampleWalk(6, 0.1), filepath.Join(dir, "absent", "walk"), figure.SVG); err == nil {
		t.Error("no error for a directory that does not exist")
	}
}

// TestLandscapeTable checks that the CSV has the grid untransposed.
func TestLandscapeTable(t *testing.T) {
	x, y := grid(0, 3, 4), grid(10, 30, 3)
	l := &figure.Landscape{
		X: x, Y: y, Z: sample(x, y, func(a, b float64) float64 { return a + b }),
		Path: []figure.PathPoint{{A: 1, B: 11, Step: 7, Epoch: 2, Residual: 0.5}},
	}
	table := l.Table()
	if table.Len() != 13 {
		t.Fatalf("%d rows, want 12 of the grid and 1 of the path", table.Len())
	}
	a, b, loss := table.Column("a").Floats, table.Column("b").Floats, table.Column("full_loss")
	for r := range 12 {
		if loss.Floats[r] != a[r]+b[r] {
			t.Errorf("row %d: loss %v at (%v, %v)", r, loss.Floats[r], a[r], b[r])
		}
	}
	if step := table.Column("step"); step.Text(12) != "7" || step.Text(0) != "" || loss.Text(12) != "" {
		t.Error("the columns of the grid and of the path are not apart")
	}
}

// TestWalkShowsAll draws few segments one by one, and many with a strip of their losses.
func TestWalkShowsAll(t *testing.T) {
	for _, c := range []struct {
		n     int
		strip bool
	}{{60, false}, {300, true}} {
		w := exampleWalk(c.n, 0.1)
		if table := w.Table(); table.Len() != c.n*11+1 {
			t.Errorf("%+v: %d rows in the table", c, table.Len())
		}
		svg := render(t, w, figure.SVG)
		if has := bytes.Contains(svg, []byte("loss on the step, from its lowest")); has != c.strip {
			t.Errorf("%+v: the figure has a strip: %v", c, has)
		}
		if has := bytes.Contains(svg, []byte(">iterate<")); has == c.strip {
			t.Errorf("%+v: the figure marks iterates: %v", c, has)
		}
		if !bytes.Contains(svg, []byte("middle of a null")) {
			t.Errorf("%+v: the figure does not name its null", c)
		}
	}
}

// TestNotes checks that what is not drawn is said.
func TestNotes(t *testing.T) {
	svg := string(render(t, gallery()["landscape-gaps"], figure.SVG))
	for _, want := range []string{
		"grid points have no value.", "grid points are infinite.",
		"of 301 iterates are outside the grid.", ">+Inf<", ">no value<",
	} {
		if !strings.Contains(svg, want) {
			t.Errorf("the figure does not say %q", want)
		}
	}
	if svg := string(render(t, gallery()["surface-holes"], figure.SVG)); !strings.Contains(svg,
		"grid points have no value.") || !strings.Contains(svg, "grid points are infinite.") {
		t.Error("the surface does not say that it has holes")
	}
	tiles := &figure.Landscape{
		X: grid(0, 1, 4), Y: grid(0, 1, 3), Z: sample(grid(0, 1, 4), grid(0, 1, 3), math.Hypot),
		Mosaic: true,
	}
	tiles.Valid = [][]bool{{true, false, true, false}, {false, true, false, true}, {true, true, true, true}}
	if svg := string(render(t, tiles, figure.SVG)); !strings.Contains(svg,
		"4 of 12 grid points have no value.") || !strings.Contains(svg, ">no value<") {
		t.Error("tiles that are missing are not told of")
	}
	wide := grid(0, 1, 260)
	large := &surface.Figure{Landscape: &figure.Landscape{
		X: wide, Y: grid(0, 1, 130),
		Z: sample(wide, grid(0, 1, 130), math.Hypot),
	}}
	if svg := string(render(t, large, figure.SVG)); !strings.Contains(svg,
		"Of 260 by 130 grid points one row and one column in 2 is drawn.") {
		t.Error("the surface does not say that it is thinned")
	}
	x, y := grid(0, 1, 20), grid(0, 1, 20)
	z := sample(x, y, func(a, b float64) float64 { return 0.1 + a + b })
	z[19][19] = 1e30
	svg = string(render(t, &figure.Landscape{X: x, Y: y, Z: z}, figure.SVG))
	if !strings.Contains(svg, "1 of 400 grid points above") {
		t.Error("a clipped value is not told of")
	}
}

// TestWideLandscape: at equal units on both axes a plane ten times as wide as high
// takes little paper, and one that is high not more than a square.
func TestWideLandscape(t *testing.T) {
	l := exampleLandscape()
	size := func() image.Config {
		t.Helper()
		var png bytes.Buffer
		if err := figure.Render(&png, l, figure.PNG); err != nil {
			t.Fatal(err)
		}
		c, _, err := image.DecodeConfig(&png)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	high, low := l.Y[0], l.Y[len(l.Y)-1]
	for _, stretch := range []float64{10, 0.1} {
		for i := range l.X {
			l.X[i] = float64(i) / float64(len(l.X)-1) * math.Abs(low-high) * stretch
		}
		l.Path, l.Paths = nil, nil
		c := size()
		if ratio := float64(c.Height) / float64(c.Width); stretch > 1 && ratio > 0.45 || stretch < 1 && ratio > 0.96 {
			t.Errorf("a plane %v times as wide as high is drawn %d wide and %d high", stretch, c.Width, c.Height)
		}
	}
}

// TestClosePath: a path that is only a dot on the map is drawn in an inset, and a larger one
// on the map.
func TestClosePath(t *testing.T) {
	l := exampleLandscape()
	if svg := string(render(t, l, figure.SVG)); strings.Contains(svg, "times larger") {
		t.Error("a path that can be seen has an inset")
	}
	middle := l.Path[len(l.Path)/2]
	for i := range l.Path {
		l.Path[i].A = middle.A + 1e-4*float64(i)
		l.Path[i].B = middle.B + 1e-5*float64(i)
	}
	if svg := string(render(t, l, figure.SVG)); !strings.Contains(svg, "times larger") {
		t.Error("a path that is a dot has no inset")
	}
}

// TestPathLoss: iterates with a loss are marked, in the colours of the map; without any loss
// there is nothing to draw.
func TestPathLoss(t *testing.T) {
	l := exampleLandscape()
	for i := range l.Path {
		l.Path[i].Loss = math.NaN()
	}
	l.PathLoss = true
	if err := l.Validate(); err == nil || !strings.Contains(err.Error(), "PathLoss") {
		t.Errorf("a path without losses: %v", err)
	}
	bare := *l
	bare.PathLoss = false
	before := strings.Count(string(render(t, &bare, figure.SVG)), "<path")
	for i := range l.Path {
		l.Path[i].Loss = 1
	}
	svg := string(render(t, l, figure.SVG))
	if after := strings.Count(svg, "<path"); after < before+6 || !strings.Contains(svg, "loss of the iterate itself") {
		t.Errorf("%d shapes without losses and %d with them", before, after)
	}
}
