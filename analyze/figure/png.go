package figure

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

// raster draws on a gonum/plot image canvas. Text is drawn as outlines: the
// canvas itself rotates the pixels of upright letters, which blurs them.
type raster struct {
	canvas *vgimg.Canvas
	dpi    int
}

var _ device = (*raster)(nil)

func newRaster(w, h float64, dpi int, background color.NRGBA) *raster {
	return &raster{
		canvas: vgimg.NewWith(
			vgimg.UseWH(vg.Points(w), vg.Points(h)), vgimg.UseDPI(dpi), vgimg.UseBackgroundColor(background)),
		dpi: dpi,
	}
}

func vgPath(p path) vg.Path {
	out := make(vg.Path, 0, len(p))
	at := func(q point) vg.Point { return vg.Point{X: vg.Points(q.X), Y: vg.Points(q.Y)} }
	for _, o := range p {
		switch o.kind {
		case opMove:
			out.Move(at(o.P))
		case opLine:
			out.Line(at(o.P))
		case opQuad:
			out.QuadTo(at(o.C), at(o.P))
		case opCubic:
			out.CubeTo(at(o.B), at(o.C), at(o.P))
		case opClose:
			out.Close()
		}
	}
	return out
}

func (r *raster) fill(p path, c color.NRGBA) {
	if len(p) == 0 {
		return
	}
	r.canvas.SetColor(c)
	r.canvas.Fill(vgPath(p))
}

func (r *raster) stroke(p path, s pen) {
	if len(p) == 0 {
		return
	}
	dash, period := make([]vg.Length, len(s.dash)), 0.0
	for i, d := range s.dash {
		dash[i], period = vg.Points(d), period+d
	}
	r.canvas.SetColor(s.color)
	r.canvas.SetLineWidth(vg.Points(s.width))
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

func (r *raster) tile(p path, c color.NRGBA) {
	r.fill(p, c)
	r.stroke(p, pen{width: tileEdge, color: c})
}

func (r *raster) text(t run) {
	p := t.outline()
	if t.halo > 0 {
		r.stroke(p, pen{width: 2 * t.halo, color: t.haloColor})
	}
	r.fill(p, t.color)
}

// image is the picture as far as it is drawn.
func (r *raster) image() draw.Image { return r.canvas.Image() }

// bytes encodes the image and says its resolution (the pHYs chunk), so that it
// is placed at its true size in a document.
func (r *raster) bytes() ([]byte, error) {
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
