package draw

import (
	"bytes"
	"context"
	"math"
	"slices"
	"testing"

	"sgdwalk/analyze"
	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/landscape"
	"sgdwalk/analyze/line"
	"sgdwalk/analyze/path"
	"sgdwalk/analyze/pca"
	"sgdwalk/analyze/walk"
	"sgdwalk/record"
)

// run is gradient descent on half of x^2 + 10 y^2 from (1, 1), with learning rate
// 0.15: y changes its sign at every step, x never.
func run(t *testing.T) (*record.Memory, analyze.Loss) {
	t.Helper()
	h := record.NewHeader(record.Pack(record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{1, 2}}))
	h.Steps, h.Columns.Grad = 8, true
	m, err := record.NewMemory(h)
	if err != nil {
		t.Fatal(err)
	}
	theta := []float32{1, 1}
	loss := func(v []float32) float64 {
		return float64(v[0])*float64(v[0])/2 + 5*float64(v[1])*float64(v[1])
	}
	for k := range int64(9) {
		s := &record.Step{Step: k, Epoch: 1, Theta: slices.Clone(theta)}
		if k < 8 {
			s.Grad = []float32{theta[0], 10 * theta[1]}
			s.BatchLoss, s.LearningRate = record.Some(loss(theta)), record.Some(0.15)
		}
		if err := m.Append(s); err != nil {
			t.Fatal(err)
		}
		theta[0], theta[1] = theta[0]*0.85, theta[1]*-0.5
	}
	return m, analyze.LossFunc(func(_ context.Context, v []float32) (float64, error) { return loss(v), nil })
}

func valid(t *testing.T, f figure.Figure) {
	t.Helper()
	if err := f.Validate(); err != nil {
		t.Errorf("%T: %v", f, err)
	}
}

// TestWalk: the three panels have the losses between the iterates, the cosines and
// the distances of the same steps; under plain descent the second cosine is the
// first one and is left out.
func TestWalk(t *testing.T) {
	m, loss := run(t)
	w, err := walk.Run(t.Context(), m, loss, walk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := path.Compute(t.Context(), m, path.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f := Walk("", w, p)
	valid(t, f)
	valid(t, Profile("", w))
	if len(f.Steps) != 8 || len(f.Losses) != 8 || len(f.Losses[0]) != 11 || len(f.Distance) != 9 {
		t.Fatalf("%d steps, %d segments of %d losses, %d distances; want 8, 8 of 11, 9", len(f.Steps), len(f.Losses),
			len(f.Losses[0]), len(f.Distance))
	}
	if f.Cosine2 != nil {
		t.Error("the cosine of updates is drawn although it is that of gradients")
	}
	if got := f.Losses[0][0]; got != 5.5 {
		t.Errorf("the loss at the start is %v, want 5.5", got)
	}
	if got, want := f.Distance[1], math.Hypot(0.15, 1.5); math.Abs(got-want) > 1e-6 {
		t.Errorf("distance after a step %v, want %v", got, want)
	}
}

// TestPath: quantities that were not recorded have no figure and no line.
func TestPath(t *testing.T) {
	m, _ := run(t)
	p, err := path.Compute(t.Context(), m, path.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range Path("", p) {
		valid(t, f.Figure)
		names = append(names, f.Name)
		if f.Name == "loss" {
			if n := len(f.Figure.(*figure.Curves).Series); n != 1 {
				t.Errorf("%d lines of losses; only that of the batches is recorded", n)
			}
		}
	}
	if want := []string{"loss", "cosine", "step_length", "distance"}; !slices.Equal(names, want) {
		t.Errorf("figures %v, want %v", names, want)
	}
}

// TestLandscape: grid and path arrive where they belong, and a plane without a path
// has none.
func TestLandscape(t *testing.T) {
	m, loss := run(t)
	fit, err := pca.Fit(t.Context(), m, pca.Options{Surrogates: -1})
	if err != nil {
		t.Fatal(err)
	}
	valid(t, Spectrum("", fit))
	valid(t, Scores("", fit))
	plane, err := analyze.NewPlane([]float32{0, 0}, []float32{1, 0}, []float32{0, 1})
	if err != nil {
		t.Fatal(err)
	}
	x, y := Directions(&fit.Summary)
	o := landscape.Options{X: analyze.Range{Min: -2, Max: 2, N: 5}, Y: analyze.Range{Min: -1, Max: 1, N: 3}}
	for _, path := range []record.Trajectory{nil, m} {
		o.Path = path
		r, err := landscape.Compute(t.Context(), plane, loss, o)
		if err != nil {
			t.Fatal(err)
		}
		f := Landscape("", x, y, r)
		valid(t, f)
		if got := f.Z[0][4]; got != 7 { // at (2, -1)
			t.Errorf("the loss at (2, -1) is %v, want 7", got)
		}
		if (path == nil) != (len(f.Path) == 0) {
			t.Errorf("path %v: %d points", path != nil, len(f.Path))
		}
	}
	f, err := landscape.Compute(t.Context(), plane, loss, o)
	if err != nil {
		t.Fatal(err)
	}
	if p := Landscape("", x, y, f).Path[1]; math.Abs(p.A-0.85) > 1e-6 || math.Abs(p.B+0.5) > 1e-6 || p.Step != 1 {
		t.Errorf("the second iterate is drawn at %v, want (0.85, -0.5) of step 1", p)
	}
}

// TestLine: a line for every loss that was evaluated.
func TestLine(t *testing.T) {
	_, loss := run(t)
	for _, also := range [][]line.Measure{nil, {{Name: "test_loss", Loss: loss}}} {
		r, err := line.Between(t.Context(), []float32{1, 1}, []float32{0, 0}, loss, line.Options{Also: also})
		if err != nil {
			t.Fatal(err)
		}
		f := Line("", &r.Losses, line.Ends{From: 0, To: 8})
		valid(t, f)
		if len(f.Series) != 2+len(also) {
			t.Errorf("%d lines with %d further measures and the ends", len(f.Series), len(also))
		}
		path := record.Table{Columns: []record.Column{
			{Name: "step", Ints: []int64{4, 2, 3}},
			{Name: "progress", Floats: []float64{0.8, 0.3, math.NaN()}},
			{Name: "residual_ratio", Floats: []float64{0.1, 0.5, 0}},
			{Name: "full_loss", Floats: []float64{0.2, 1.5, 1}},
		}}
		AddPath(f, &path)
		valid(t, f)
		last := f.Series[len(f.Series)-1]
		if !slices.Equal(last.X, []float64{0, 1}) || !slices.Equal(last.Y, []float64{r.Summary.LossStart.Value, r.Summary.LossEnd.Value}) {
			t.Errorf("the ends are %v and %v; they must be on top of all", last.X, last.Y)
		}
		if s := f.Series[len(f.Series)-2]; !slices.Equal(s.X, []float64{0.3, 0.8}) || !slices.Equal(s.Y, []float64{1.5, 0.2}) {
			t.Errorf("the path is %v and %v; it must be in the order of the line, without the iterate that is NaN", s.X, s.Y)
		}
	}
}

// TestValues: absent values are NaN, absent columns nil, whole numbers numbers.
func TestValues(t *testing.T) {
	table := &record.Table{Columns: []record.Column{
		{Name: "a", Floats: []float64{1, 2}, Valid: []bool{true, false}},
		{Name: "b", Floats: []float64{1, 2}, Valid: []bool{false, false}},
		{Name: "c", Ints: []int64{3, 4}},
	}}
	if a := Values(table, "a"); len(a) != 2 || a[0] != 1 || !math.IsNaN(a[1]) {
		t.Errorf("a: %v", a)
	}
	if b := Values(table, "b"); b != nil {
		t.Errorf("b: %v, want nil", b)
	}
	if c := Values(table, "c"); !slices.Equal(c, []float64{3, 4}) {
		t.Errorf("c: %v", c)
	}
	if d := Values(table, "d"); d != nil {
		t.Errorf("d: %v, want nil", d)
	}
}

// Few samples are marked, so that the corners between them are not taken for kinks
// of the loss; lines without any finite loss give an empty frame that says so.
func TestSamples(t *testing.T) {
	for n, marked := range map[int]bool{13: true, 81: false} {
		x := make([]float64, n)
		for i := range x {
			x[i] = float64(i)
		}
		f := Line("t", &record.Table{Columns: []record.Column{
			{Name: "alpha", Floats: x},
			{Name: "loss", Floats: x},
			{Name: "test_loss", Floats: x},
		}}, line.Ends{To: 1})
		for _, s := range f.Series {
			if s.Points != marked && s.Name != "ends" {
				t.Errorf("%d samples of %s: marked is %v", n, s.Name, s.Points)
			}
		}
	}
	none := make([]bool, 3)
	band := record.Table{Columns: []record.Column{
		{Name: "a", Floats: []float64{-1, 0, 1}},
		{Name: "loss_mean", Floats: make([]float64, 3), Valid: none},
		{Name: "loss_min", Floats: make([]float64, 3), Valid: none},
		{Name: "loss_max", Floats: make([]float64, 3), Valid: none},
	}}
	figures := Lines("t", "position", &landscape.Lines{Band: band})
	if len(figures) != 1 || figures[0].Name != "lines" {
		t.Fatalf("%d figures; want one", len(figures))
	}
	var svg bytes.Buffer
	if err := figure.Render(&svg, figures[0].Figure, figure.SVG); err != nil || !bytes.Contains(svg.Bytes(),
		[]byte("No point of the lines")) {
		t.Errorf("the figure does not say that it is empty: %v", err)
	}
}

// TestTitles: a map says what it shows on which plane, and the name of the run is beneath.
func TestTitles(t *testing.T) {
	for _, c := range []struct {
		plane *landscape.PlaneRecipe
		want  string
	}{
		{nil, "Training accuracy on a plane"},
		{&landscape.PlaneRecipe{Kind: landscape.PrincipalPlane, Directions: []string{"pc1", "pc3"}}, "Training accuracy on the plane of PC1 and PC3"},
		{&landscape.PlaneRecipe{Kind: landscape.RandomKind, Origin: "step 20"}, "Training accuracy on a random plane through step 20"},
	} {
		if got := onPlane("training accuracy", c.plane); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
