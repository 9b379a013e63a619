package figure_test

import (
	"bytes"
	"io"
	"math"
	"testing"

	"pgregory.net/rapid"

	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/figure/animate"
	"sgdwalk/analyze/figure/surface"
	"sgdwalk/analyze/figure/vtk"
)

// TestAnyLandscape draws landscapes with any values, gaps, paths, maps and views,
// flat, in space, moving and for ParaView: each is a picture or an error, and no
// coordinate in it is without a value.
func TestAnyLandscape(t *testing.T) {
	value := rapid.OneOf(
		rapid.Float64Range(-10, 10), rapid.Float64Range(1e-9, 1e9), rapid.Float64(),
		rapid.SampledFrom([]float64{0, math.NaN(), math.Inf(1), math.Inf(-1), 5e-324, math.MaxFloat64}),
	)
	place := rapid.OneOf(rapid.Float64Range(-0.5, 1.5),
		rapid.SampledFrom([]float64{0, 1, 0.5, math.NaN(), math.Inf(1)}))
	path := rapid.Custom(func(t *rapid.T) []figure.PathPoint {
		n := rapid.IntRange(0, 5).Draw(t, "iterates")
		out := make([]figure.PathPoint, n)
		for i := range out {
			out[i] = figure.PathPoint{
				A: place.Draw(t, "a"), B: place.Draw(t, "b"), Residual: value.Draw(t, "residual"),
				Loss: value.Draw(t, "loss"), Step: i, Epoch: i / 2,
			}
		}
		return out
	})
	rapid.Check(t, func(t *rapid.T) {
		nx, ny := rapid.IntRange(2, 5).Draw(t, "nx"), rapid.IntRange(2, 5).Draw(t, "ny")
		x, y := grid(0, 1, nx), grid(0, 1, ny)
		l := &figure.Landscape{
			X: x, Y: y, Z: sample(x, y, func(_, _ float64) float64 { return value.Draw(t, "z") }),
			Map: rapid.SampledFrom([]figure.Map{"", figure.Sequential, figure.Reversed, figure.Diverging}).Draw(t,
				"map"),
			Scale:    rapid.SampledFrom([]figure.Scale{figure.Auto, figure.Linear, figure.Log}).Draw(t, "scale"),
			FreeAxes: rapid.Bool().Draw(t, "free"),
			Style:    figure.Style{Width: 2.2, DPI: 50},
		}
		if rapid.Bool().Draw(t, "several") {
			l.Paths = []figure.LabelledPath{
				{Name: "a", Points: path.Draw(t, "path a")},
				{Name: "b", Points: path.Draw(t, "path b")},
			}
		} else {
			l.Path = path.Draw(t, "path")
		}
		s := &surface.Figure{
			Landscape: l, Azimuth: rapid.Float64Range(-360, 360).Draw(t, "azimuth"),
			Elevation: rapid.Float64Range(5, 85).Draw(t, "elevation"),
		}
		for _, fig := range []figure.Figure{l, s} {
			var b bytes.Buffer
			if err := figure.Render(&b, fig, figure.SVG); err != nil {
				if l.Map == figure.Diverging && l.Scale == figure.Log {
					continue
				}
				t.Fatal(err)
			}
			svg := b.Bytes()
			svg = svg[bytes.Index(svg, []byte("</desc>")):]
			for _, bad := range []string{"NaN", "Inf\"", "Inf ", "InfL", "InfZ"} {
				if i := bytes.Index(svg, []byte(bad)); i >= 0 {
					t.Fatalf("SVG has %q in it: ...%s", bad, svg[max(0, i-80):min(len(svg), i+20)])
				}
			}
		}
		_, _ = vtk.WriteGrid(io.Discard, l), vtk.WritePaths(io.Discard, l)
		if rapid.IntRange(0, 9).Draw(t, "animate") == 0 {
			_ = (&animate.Animation{Landscape: l}).WriteGIF(io.Discard)
		}
	})
}
