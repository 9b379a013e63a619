package canvas

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"image/color"
	"math"
	"strconv"

	"sgdwalk/record/printable"
)

// svg writes SVG. Text stays text, so that it can be searched, read aloud and
// edited; its width is stated, so that another font does not move it.
type svg struct {
	buf bytes.Buffer
	h   float64
}

var _ Device = (*svg)(nil)

func NewSVG(w, h float64, background color.NRGBA, title, alt string) *svg {
	v := &svg{h: h}
	fmt.Fprintf(&v.buf, `<svg xmlns="http://www.w3.org/2000/svg" width="%spt" height="%spt" viewBox="0 0 %s %s" `+
		`role="img">`+"\n",
		num(w), num(h), num(w), num(h))
	fmt.Fprintf(&v.buf, "<title>%s</title>\n<desc>%s</desc>\n", Escape(title), Escape(alt))
	fmt.Fprintf(&v.buf, `<rect width="%s" height="%s" fill="%s"/>`+"\n", num(w), num(h), hex(background))
	v.buf.WriteString(`<g font-family="'Liberation Sans', Arial, Helvetica, sans-serif" stroke-linejoin="round">` +
		"\n")
	return v
}

// num prints a length with two decimals, a hundredth of a point.
func num(x float64) string {
	x = math.Round(x*100) / 100
	if x == 0 {
		x = 0 // no negative zero
	}
	return strconv.FormatFloat(x, 'f', -1, 64)
}

func Escape(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(printable.Line(s))) // a bytes.Buffer takes all
	return b.String()
}

func hex(c color.NRGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

func opacity(attr string, c color.NRGBA) string {
	if c.A == 255 {
		return ""
	}
	return fmt.Sprintf(` %s="%s"`, attr, num(float64(c.A)/255))
}

func (v *svg) xy(p Point) string { return num(p.X) + " " + num(v.h-p.Y) }

func (v *svg) data(p Path) string {
	var b bytes.Buffer
	for _, o := range p {
		switch o.Kind {
		case OpMove:
			b.WriteString("M" + v.xy(o.P))
		case OpLine:
			b.WriteString("L" + v.xy(o.P))
		case opQuad:
			b.WriteString("Q" + v.xy(o.C) + " " + v.xy(o.P))
		case opCubic:
			b.WriteString("C" + v.xy(o.B) + " " + v.xy(o.C) + " " + v.xy(o.P))
		case OpClose:
			b.WriteString("Z")
		}
	}
	return b.String()
}

func (v *svg) Fill(p Path, c color.NRGBA) {
	if len(p) == 0 {
		return
	}
	fmt.Fprintf(&v.buf, `<path fill="%s"%s d="%s"/>`+"\n", hex(c), opacity("fill-opacity", c), v.data(p))
}

func (v *svg) Stroke(p Path, s Pen) {
	if len(p) == 0 {
		return
	}
	fmt.Fprintf(&v.buf, `<path fill="none" stroke="%s"%s stroke-width="%s"`, hex(s.Color),
		opacity("stroke-opacity", s.Color), num(s.Width))
	for i, d := range s.Dash {
		if i == 0 {
			v.buf.WriteString(` stroke-dasharray="`)
		} else {
			v.buf.WriteByte(' ')
		}
		v.buf.WriteString(num(d))
		if i == len(s.Dash)-1 {
			v.buf.WriteByte('"')
		}
	}
	fmt.Fprintf(&v.buf, ` d="%s"/>`+"\n", v.data(p))
}

func (v *svg) Tile(p Path, c color.NRGBA) {
	if len(p) == 0 {
		return
	}
	fmt.Fprintf(&v.buf, `<path fill="%s" stroke="%s" stroke-width="%s" d="%s"/>`+"\n", hex(c), hex(c), num(tileEdge),
		v.data(p))
}

func (v *svg) Text(t Run) {
	if t.Text == "" {
		return
	}
	fmt.Fprintf(&v.buf, `<text x="%s" y="%s" font-size="%s" fill="%s"%s`,
		num(t.At.X), num(v.h-t.At.Y), num(t.Size), hex(t.color), opacity("fill-opacity", t.color))
	if t.bold {
		v.buf.WriteString(` font-weight="bold"`)
	}
	if t.Halo > 0 {
		fmt.Fprintf(&v.buf, ` stroke="%s"%s stroke-width="%s" paint-order="stroke"`,
			hex(t.haloColor), opacity("stroke-opacity", t.haloColor), num(2*t.Halo))
	}
	if t.Angle != 0 {
		fmt.Fprintf(&v.buf, ` transform="rotate(%s %s %s)"`, num(-t.Angle*180/math.Pi), num(t.At.X), num(v.h-t.At.Y))
	}
	fmt.Fprintf(&v.buf, ` textLength="%s" lengthAdjust="spacingAndGlyphs" xml:space="preserve">%s</text>`+"\n",
		num(t.Width), Escape(t.Text))
}

func (v *svg) Bytes() ([]byte, error) {
	v.buf.WriteString("</g>\n</svg>\n")
	return v.buf.Bytes(), nil
}
