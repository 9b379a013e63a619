package canvas

import "image/color"

// Device is what a format has to offer: filled and stroked paths and text. All
// else is made of these. Joins are round; ends are cut at the last point.
type Device interface {
	Fill(p Path, c color.NRGBA)
	Stroke(p Path, s Pen)
	// tile fills a path and strokes it in the same colour, so that no hairline
	// shows between it and its neighbours.
	Tile(p Path, c color.NRGBA)
	Text(t Run)
	// bytes ends the drawing and returns the file.
	Bytes() ([]byte, error)
}

// Pen is how a path is stroked. Colours are NRGBA: with premultiplied RGBA a
// translucent line is drawn with the wrong colour.
type Pen struct {
	Width float64 // points
	Color color.NRGBA
	Dash  []float64 // points on, points off, ...; nil is solid
}

// tileEdge is the width of the stroke around a tile, in points.
const tileEdge = 0.35

// Run is a piece of text of one size and weight on one baseline.
type Run struct {
	Text  string
	At    Point   // left end of the baseline
	Angle float64 // radians, counterclockwise
	Size  float64 // points
	bold  bool
	Width float64 // as measured
	color color.NRGBA
	// halo is the width of a border drawn around the glyphs, 0 for none.
	Halo      float64
	haloColor color.NRGBA
}

func Gray(v uint8) color.NRGBA { return color.NRGBA{v, v, v, 255} }

func WithAlpha(c color.NRGBA, a float64) color.NRGBA {
	c.A = uint8(a*255 + 0.5)
	return c
}

func Mix(a, b color.NRGBA, t float64) color.NRGBA {
	m := func(x, y uint8) uint8 { return uint8(float64(x)*(1-t) + float64(y)*t + 0.5) }
	return color.NRGBA{m(a.R, b.R), m(a.G, b.G), m(a.B, b.B), m(a.A, b.A)}
}
