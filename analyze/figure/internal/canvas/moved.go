package canvas

import "image/color"

// Moved returns a device on which everything is drawn by further to the right and up: the page
// of a panel on a larger page. The larger page ends the drawing.
func Moved(d Device, by Point) Device { return moved{d, by} }

type moved struct {
	Device
	by Point
}

func (m moved) path(p Path) Path {
	out := make(Path, len(p))
	for i, o := range p {
		out[i] = op{o.Kind, o.B.Add(m.by), o.C.Add(m.by), o.P.Add(m.by)}
	}
	return out
}

func (m moved) Fill(p Path, c color.NRGBA) { m.Device.Fill(m.path(p), c) }
func (m moved) Stroke(p Path, s Pen)       { m.Device.Stroke(m.path(p), s) }
func (m moved) Tile(p Path, c color.NRGBA) { m.Device.Tile(m.path(p), c) }

func (m moved) Text(t Run) {
	t.At = t.At.Add(m.by)
	m.Device.Text(t)
}

// Nothing is a device that draws nothing, to find out where the parts of a figure go.
type Nothing struct{}

func (Nothing) Fill(Path, color.NRGBA) {}
func (Nothing) Stroke(Path, Pen)       {}
func (Nothing) Tile(Path, color.NRGBA) {}
func (Nothing) Text(Run)               {}

// Bytes implements Device.
func (Nothing) Bytes() ([]byte, error) { return nil, nil }
