package figure

import "image/color"

// device is what a format has to offer: filled and stroked paths and text. All
// else is made of these. Joins are round; ends are cut at the last point.
type device interface {
	fill(p path, c color.NRGBA)
	stroke(p path, s pen)
	// tile fills a path and strokes it in the same colour, so that no hairline
	// shows between it and its neighbours.
	tile(p path, c color.NRGBA)
	text(t run)
	// bytes ends the drawing and returns the file.
	bytes() ([]byte, error)
}

// pen says how a path is stroked. Colours are NRGBA: with premultiplied RGBA a
// translucent line is drawn with the wrong colour.
type pen struct {
	width float64 // points
	color color.NRGBA
	dash  []float64 // points on, points off, ...; nil is solid
}

// tileEdge is the width of the stroke around a tile, in points.
const tileEdge = 0.35

// run is a piece of text of one size and weight on one baseline.
type run struct {
	text  string
	at    point   // left end of the baseline
	angle float64 // radians, counterclockwise
	size  float64 // points
	bold  bool
	width float64 // as measured
	color color.NRGBA
	// halo is the width of a border drawn around the glyphs, 0 for none.
	halo      float64
	haloColor color.NRGBA
}

func gray(v uint8) color.NRGBA { return color.NRGBA{v, v, v, 255} }

func withAlpha(c color.NRGBA, a float64) color.NRGBA {
	c.A = uint8(a*255 + 0.5)
	return c
}

func mix(a, b color.NRGBA, t float64) color.NRGBA {
	m := func(x, y uint8) uint8 { return uint8(float64(x)*(1-t) + float64(y)*t + 0.5) }
	return color.NRGBA{m(a.R, b.R), m(a.G, b.G), m(a.B, b.B), m(a.A, b.A)}
}
