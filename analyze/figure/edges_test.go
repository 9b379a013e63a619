package figure_test

import (
	"fmt"
	"image/color"
	"math"
	"testing"

	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/figure/internal/canvas"
	"sgdwalk/analyze/figure/surface"
)

// surveyor is a device that draws nothing and notes the text that leaves the page
// or covers other text.
type surveyor struct {
	w, h     float64
	boxes    []canvas.Rect
	texts    []string
	problems []string
}

func (s *surveyor) Fill(canvas.Path, color.NRGBA)  {}
func (s *surveyor) Tile(canvas.Path, color.NRGBA)  {}
func (s *surveyor) Stroke(canvas.Path, canvas.Pen) {}
func (s *surveyor) Bytes() ([]byte, error)         { return nil, nil }

func (s *surveyor) Text(t canvas.Run) {
	box := canvas.Box(math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1))
	for _, c := range []canvas.Point{
		canvas.Pt(0, -canvas.Descent*t.Size), canvas.Pt(t.Width, -canvas.Descent*t.Size),
		canvas.Pt(0, canvas.CapHeight*t.Size), canvas.Pt(t.Width, canvas.CapHeight*t.Size),
	} {
		q := t.At.Add(c.Rotate(t.Angle))
		box = canvas.Box(math.Min(box.X0, q.X), math.Min(box.Y0, q.Y), math.Max(box.X1, q.X), math.Max(box.Y1, q.Y))
	}
	if box.X0 < -0.01 || box.Y0 < -0.01 || box.X1 > s.w+0.01 || box.Y1 > s.h+0.01 {
		s.problems = append(s.problems, fmt.Sprintf("%q leaves the page: %.1f", t.Text, box))
	}
	if t.Halo > 0 || math.Abs(math.Sin(2*t.Angle)) > 1e-6 {
		return // a number on a contour or an epoch may stand close to others
	}
	inner := canvas.Box(box.X0+0.5, box.Y0+canvas.Descent*t.Size, box.X1-0.5, box.Y1-0.5)
	for i, o := range s.boxes {
		if inner.X0 < o.X1 && o.X0 < inner.X1 && inner.Y0 < o.Y1 && o.Y0 < inner.Y1 {
			s.problems = append(s.problems, fmt.Sprintf("%q covers %q", t.Text, s.texts[i]))
		}
	}
	s.boxes, s.texts = append(s.boxes, inner), append(s.texts, t.Text)
}

// survey draws a figure for a surveyor.
func survey(fig figure.Figure) []string {
	style, ratio := fig.Defaults()
	style = style.WithDefaults(ratio)
	s := &surveyor{w: style.Width * 72, h: style.Height * 72}
	fig.Draw(&canvas.Page{
		Device: s, W: s.w, H: s.h, Font: style.FontSize,
		Theme: canvas.ThemeOf(style.Theme == figure.Dark),
	})
	return s.problems
}

// TestNothingCut: at every width, with long and short labels and in every kind of
// figure, all text stays on the page and no text covers another.
func TestNothingCut(t *testing.T) {
	x := evenly(0, 100, 101)
	wave, small, large, ratios := make([]float64, 101), make([]float64, 101), make([]float64, 101), make([]float64, 12)
	for i := range wave {
		wave[i] = math.Sin(x[i] / 5)
		small[i], large[i] = 1e-7*(2+wave[i]), -3e12*wave[i]
	}
	for i := range ratios {
		ratios[i] = math.Exp(-float64(i))
	}
	const short, long = "loss", "full training loss on the held-out examples, change from \u03b1 = 0"
	walk := &figure.Walk{
		Cosine: wave[:101], Distance: small, Title: long, CosineLabel: "cosine of gradients",
		Notes: []string{long},
	}
	for i := range 100 {
		walk.Steps, walk.Losses = append(walk.Steps, i), append(walk.Losses, []float64{large[i], large[i+1]})
	}
	walk.Alphas = []float64{0, 1}
	both := *walk
	both.Cosine2, both.CosineLabel = small, ""
	path := []figure.PathPoint{
		{A: 10, B: 0.2},
		{A: 50, B: 0.5, Step: 10, Epoch: 1, Residual: 3},
		{A: 60, B: 0.3, Step: 20, Epoch: 2},
	}
	figures := map[string]figure.Figure{"walk": walk, "walk with two cosines": &both}
	for name, label := range map[string]string{"short": short, "long": long} {
		for values, y := range map[string][]float64{"waves": wave, "small": small, "large": large} {
			series := []figure.Series{
				{Name: name, X: x, Y: y},
				{Name: "the same with a long name", X: x, Y: y, Low: y, Top: y},
			}
			figures["curves "+name+" "+values] = &figure.Curves{
				Series: series, Title: label, XLabel: label, YLabel: label,
				Notes: []string{label},
			}
			figures["panels "+name+" "+values] = &figure.Panels{
				Panels: []figure.Panel{
					{Series: series, YLabel: label},
					{Series: series, YLabel: short, References: []float64{y[3]}},
					{YLabel: label},
				},
				Title: label, XLabel: label,
			}
		}
		figures["spectrum "+name] = &figure.Spectrum{Ratios: ratios, Null: ratios, Title: label}
		l := &figure.Landscape{
			X: evenly(0, 100, 21), Y: evenly(-0.003, 1, 17), Path: path, Title: label, XLabel: label,
			YLabel: label, ZLabel: label, Notes: []string{label},
		}
		for _, b := range l.Y {
			row := make([]float64, len(l.X))
			for i, a := range l.X {
				row[i] = 1e-3 + a*a/1e4 + b*b
			}
			l.Z = append(l.Z, row)
		}
		figures["landscape "+name] = l
		for _, high := range []float64{2, 18, 40, 500} {
			other := *l
			other.Y, other.ZLabel = evenly(0, high, 17), short
			figures[fmt.Sprintf("landscape of 100 by %v %s", high, name)] = &other
		}
		figures["surface "+name] = &surface.Figure{Landscape: l}
		figures["trajectory "+name] = &figure.Trajectory{Path: path, Title: label, XLabel: label, YLabel: label}
	}
	for name, fig := range figures {
		for _, s := range []figure.Style{
			{Width: figure.SingleColumn},
			{},
			{Width: 4.9},
			{Width: 14, FontSize: 12},
			{Width: figure.SingleColumn, FontSize: 9},
		} {
			for _, p := range survey(figure.Styled(fig, s)) {
				t.Errorf("%s, %v: %s", name, s, p)
			}
		}
	}
}
