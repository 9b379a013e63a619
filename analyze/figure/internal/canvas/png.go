package canvas

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image/color"
	"image/draw"
	"image/png"
	"math"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/vgimg"
)

// Raster draws on a gonum/plot image canvas. Text is drawn as outlines: the
// canvas itself rotates the pixels of upright letters, which blurs them.
type Raster struct {
	canvas *vgimg.Canvas
	dpi    int
}

var _ Device = (*Raster)(nil)

func NewPNG(w, h float64, dpi int, background color.NRGBA) *Raster {
	return &Raster{
		canvas: vgimg.NewWith(
			vgimg.UseWH(vg.Points(w), vg.Points(h)), vgimg.UseDPI(dpi), vgimg.UseBackgroundColor(background)),
		dpi: dpi,
	}
}

func vgPath(p Path) vg.Path {
	out := make(vg.Path, 0, len(p))
	at := func(q Point) vg.Point { return vg.Point{X: vg.Points(q.X), Y: vg.Points(q.Y)} }
	for _, o := range p {
		switch o.Kind {
		case OpMove:
			out.Move(at(o.P))
		case OpLine:
			out.Line(at(o.P))
		case opQuad:
			out.QuadTo(at(o.C), at(o.P))
		case opCubic:
			out.CubeTo(at(o.B), at(o.C), at(o.P))
		case OpClose:
			out.Close()
		}
	}
	return out
}

func (r *Raster) Fill(p Path, c color.NRGBA) {
	if len(p) == 0 {
		return
	}
	r.canvas.SetColor(c)
	r.canvas.Fill(vgPath(p))
}

func (r *Raster) Stroke(p Path, s Pen) {
	if len(p) == 0 {
		return
	}
	dash, period := make([]vg.Length, len(s.Dash)), 0.0
	for i, d := range s.Dash {
		dash[i], period = vg.Points(d), period+d
	}
	r.canvas.SetColor(s.Color)
	r.canvas.SetLineWidth(vg.Points(s.Width))
	for _, piece := range p.parts(mostStroked) {
		offset := 0.0
		if period > 0 {
			offset = math.Mod(piece.begun, period)
		}
		r.canvas.SetLineDash(dash, vg.Points(offset))
		r.canvas.Stroke(vgPath(piece.path))
	}
}

// mostStroked is the number of pieces of a line that are stroked at once. The time
// of the canvas grows with the square of it where the line goes up and down across
// many rows of pixels. Longer lines are stroked part by part: parts of a
// translucent line are darker where they cross.
const mostStroked = 400

func (r *Raster) Tile(p Path, c color.NRGBA) {
	r.Fill(p, c)
	r.Stroke(p, Pen{Width: tileEdge, Color: c})
}

func (r *Raster) Text(t Run) {
	p := t.outline()
	if t.Halo > 0 {
		r.Stroke(p, Pen{Width: 2 * t.Halo, Color: t.haloColor})
	}
	r.Fill(p, t.color)
}

// Image is the picture as far as it is drawn.
func (r *Raster) Image() draw.Image { return r.canvas.Image() }

// Bytes encodes the image with its resolution (the pHYs chunk), so that a document
// shows it at its true size.
func (r *Raster) Bytes() ([]byte, error) {
	var buf bytes.Buffer
	if err := png.Encode(&buf, r.canvas.Image()); err != nil {
		return nil, err
	}
	const headerEnd = 8 + 25 // signature and the IHDR chunk
	perMetre := uint32(float64(r.dpi)/0.0254 + 0.5)
	chunk := binary.BigEndian.AppendUint32(nil, 9)
	chunk = append(chunk, "pHYs"...)
	chunk = binary.BigEndian.AppendUint32(chunk, perMetre)
	chunk = binary.BigEndian.AppendUint32(chunk, perMetre)
	chunk = append(chunk, 1)
	chunk = binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(chunk[4:]))
	in := buf.Bytes()
	out := make([]byte, 0, len(in)+len(chunk))
	out = append(out, in[:headerEnd]...)
	out = append(out, chunk...)
	return append(out, in[headerEnd:]...), nil
}
