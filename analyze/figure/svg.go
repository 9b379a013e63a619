package figure

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"image/color"
	"math"
	"strconv"

	"sgdwalk/record/printable"
)

// vector writes SVG. Text stays text, so that it can be searched, read aloud and
// edited; its width is stated, so that another font does not move it.
type vector struct {
	buf bytes.Buffer
	h   float64
}

var _ device = (*vector)(nil)

func newVector(w, h float64, background color.NRGBA, title, alt string) *vector {
	v := &vector{h: h}
	fmt.Fprintf(&v.buf, `<svg xmlns="http://www.w3.org/2000/svg" width="%spt" height="%spt" viewBox="0 0 %s %s" role="img">`+"\n",
		num(w), num(h), num(w), num(h))
	fmt.Fprintf(&v.buf, "<title>%s</title>\n<desc>%s</desc>\n", escape(title), escape(alt))
	fmt.Fprintf(&v.buf, `<rect width="%s" height="%s" fill="%s"/>`+"\n", num(w), num(h), hex(background))
	v.buf.WriteString(`<g font-family="'Liberation Sans', Arial, Helvetica, sans-serif" stroke-linejoin="round">` + "\n")
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

func escape(s string) string {
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

func (v *vector) xy(p point) string { return num(p.X) + " " + num(v.h-p.Y) }

func (v *vector) data(p path) string {
	var b bytes.Buffer
	for _, o := range p {
		switch o.kind {
		case opMove:
			b.WriteString("M" + v.xy(o.P))
		case opLine:
			b.WriteString("L" + v.xy(o.P))
		case opQuad:
			b.WriteString("Q" + v.xy(o.C) + " " + v.xy(o.P))
		case opCubic:
			b.WriteString("C" + v.xy(o.B) + " " + v.xy(o.C) + " " + v.xy(o.P))
		case opClose:
			b.WriteString("Z")
		}
	}
	return b.String()
}

func (v *vector) fill(p path, c color.NRGBA) {
	if len(p) == 0 {
		return
	}
	fmt.Fprintf(&v.buf, `<path fill="%s"%s d="%s"/>`+"\n", hex(c), opacity("fill-opacity", c), v.data(p))
}

func (v *vector) stroke(p path, s pen) {
	if len(p) == 0 {
		return
	}
	fmt.Fprintf(&v.buf, `<path fill="none" stroke="%s"%s stroke-width="%s"`, hex(s.color), opacity("stroke-opacity", s.color), num(s.width))
	for i, d := range s.dash {
		if i == 0 {
			v.buf.WriteString(` stroke-dasharray="`)
		} else {
			v.buf.WriteByte(' ')
		}
		v.buf.WriteString(num(d))
		if i == len(s.dash)-1 {
			v.buf.WriteByte('"')
		}
	}
	fmt.Fprintf(&v.buf, ` d="%s"/>`+"\n", v.data(p))
}

func (v *vector) tile(p path, c color.NRGBA) {
	if len(p) == 0 {
		return
	}
	fmt.Fprintf(&v.buf, `<path fill="%s" stroke="%s" stroke-width="%s" d="%s"/>`+"\n", hex(c), hex(c), num(tileEdge), v.data(p))
}

func (v *vector) text(t run) {
	if t.text == "" {
		return
	}
	fmt.Fprintf(&v.buf, `<text x="%s" y="%s" font-size="%s" fill="%s"%s`,
		num(t.at.X), num(v.h-t.at.Y), num(t.size), hex(t.color), opacity("fill-opacity", t.color))
	if t.bold {
		v.buf.WriteString(` font-weight="bold"`)
	}
	if t.halo > 0 {
		fmt.Fprintf(&v.buf, ` stroke="%s"%s stroke-width="%s" paint-order="stroke"`,
			hex(t.haloColor), opacity("stroke-opacity", t.haloColor), num(2*t.halo))
	}
	if t.angle != 0 {
		fmt.Fprintf(&v.buf, ` transform="rotate(%s %s %s)"`, num(-t.angle*180/math.Pi), num(t.at.X), num(v.h-t.at.Y))
	}
	fmt.Fprintf(&v.buf, ` textLength="%s" lengthAdjust="spacingAndGlyphs" xml:space="preserve">%s</text>`+"\n", num(t.width), escape(t.text))
}

func (v *vector) bytes() ([]byte, error) {
	v.buf.WriteString("</g>\n</svg>\n")
	return v.buf.Bytes(), nil
}
