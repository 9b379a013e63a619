package canvas

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"image/color"
	"math"
	"strings"
	"unicode/utf16"

	"sgdwalk/record/printable"
)

// pdf writes a PDF 1.4 file of one page. It is written here because the
// canvas of gonum/plot cannot set Greek letters, stamps the time into the file
// and joins lines with spikes. Text is text, which can be searched and edited; the letters
// that it uses are embedded, so no font can be missing.
type pdf struct {
	content bytes.Buffer
	w, h    float64
	title   string
	alphas  []uint8     // the graphics state /A0, /A1, ... sets that opacity
	state   string      // colour and pen in force
	fonts   [2]*pdfFont // regular and bold; nil until the page uses them
}

var _ Device = (*pdf)(nil)

func NewPDF(w, h float64, background color.NRGBA, title string) *pdf {
	d := &pdf{w: w, h: h, title: title}
	d.content.WriteString("1 j 0 J\n")
	var page Path
	page.Box(Rect{0, 0, w, h})
	d.Fill(page, background)
	return d
}

func (d *pdf) data(p Path) {
	xy := func(q Point) string { return num(q.X) + " " + num(q.Y) + " " }
	var at Point
	for _, o := range p {
		switch o.Kind {
		case OpMove:
			d.content.WriteString(xy(o.P) + "m\n")
		case OpLine:
			d.content.WriteString(xy(o.P) + "l\n")
		case opQuad: // PDF has cubic curves only
			d.content.WriteString(xy(at.Lerp(o.C, 2.0/3)) + xy(o.P.Lerp(o.C, 2.0/3)) + xy(o.P) + "c\n")
		case opCubic:
			d.content.WriteString(xy(o.B) + xy(o.C) + xy(o.P) + "c\n")
		case OpClose:
			d.content.WriteString("h\n")
		}
		at = o.P
	}
}

func (d *pdf) set(state string) {
	if state != d.state {
		d.content.WriteString(state)
		d.state = state
	}
}

// alpha returns the name of the graphics state with c's opacity.
func (d *pdf) alpha(c color.NRGBA) int {
	for i, a := range d.alphas {
		if a == c.A {
			return i
		}
	}
	d.alphas = append(d.alphas, c.A)
	return len(d.alphas) - 1
}

func rgb(c color.NRGBA) string {
	return fmt.Sprintf("%.4g %.4g %.4g", float64(c.R)/255, float64(c.G)/255, float64(c.B)/255)
}

func (d *pdf) Fill(p Path, c color.NRGBA) {
	if len(p) == 0 {
		return
	}
	d.set(fmt.Sprintf("/A%d gs %s rg\n", d.alpha(c), rgb(c)))
	d.data(p)
	d.content.WriteString("f\n")
}

func (d *pdf) Stroke(p Path, s Pen) {
	if len(p) == 0 {
		return
	}
	dash := make([]string, len(s.Dash))
	for i, v := range s.Dash {
		dash[i] = num(v)
	}
	d.set(fmt.Sprintf("/A%d gs %s RG %s w [%s] 0 d\n", d.alpha(s.Color), rgb(s.Color), num(s.Width),
		strings.Join(dash, " ")))
	d.data(p)
	d.content.WriteString("S\n")
}

func (d *pdf) Tile(p Path, c color.NRGBA) {
	if len(p) == 0 {
		return
	}
	d.set(fmt.Sprintf("/A%d gs %s rg %s RG %s w [] 0 d\n", d.alpha(c), rgb(c), rgb(c), num(tileEdge)))
	d.data(p)
	d.content.WriteString("B\n")
}

func (d *pdf) Text(t Run) {
	i, name := 0, "LiberationSans"
	if t.bold {
		i, name = 1, "LiberationSans-Bold"
	}
	face := face(t.bold)
	if t.Text == "" || face == nil {
		return
	}
	if t.Halo > 0 { // outlines, so that the text is in the file once
		d.Stroke(t.outline(), Pen{Width: 2 * t.Halo, Color: t.haloColor})
	}
	if d.fonts[i] == nil {
		d.fonts[i] = newPDFFont(name, face)
	}
	d.set(fmt.Sprintf("/A%d gs %s rg\n", d.alpha(t.color), rgb(t.color)))
	sin, cos := math.Sincos(t.Angle)
	fmt.Fprintf(&d.content, "BT /F%d %s Tf %.6f %.6f %.6f %.6f %s %s Tm %s Tj ET\n", i, num(t.Size), cos, sin, -sin, cos,
		num(t.At.X), num(t.At.Y), d.fonts[i].encode(t.Text))
}

// pdfStream returns a compressed stream object with further keys of its dictionary.
func pdfStream(data []byte, keys string) string {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	_, _ = z.Write(data) // a bytes.Buffer takes all
	_ = z.Close()
	return fmt.Sprintf("<< /Length %d /Filter /FlateDecode%s >>\nstream\n%s\nendstream", b.Len(), keys, b.Bytes())
}

func (d *pdf) Bytes() ([]byte, error) {
	var fonts strings.Builder
	var fontObjects []string
	for i, f := range d.fonts {
		if f == nil {
			continue
		}
		first := 6 + len(fontObjects)
		fmt.Fprintf(&fonts, "/F%d %d 0 R ", i, first)
		objects, err := f.objects(first)
		if err != nil {
			return nil, err
		}
		fontObjects = append(fontObjects, objects...)
	}
	var states strings.Builder
	for i, a := range d.alphas {
		fmt.Fprintf(&states, "/A%d << /ca %.4g /CA %.4g >> ", i, float64(a)/255, float64(a)/255)
	}
	objects := []string{
		"<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		fmt.Sprintf("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %s %s] /Resources << /ExtGState << %s>> "+
			"/Font << %s>> >> /Contents 4 0 R /Group << /S /Transparency /CS /DeviceRGB >> >>",
			num(d.w), num(d.h), states.String(), fonts.String()),
		pdfStream(d.content.Bytes(), ""),
		fmt.Sprintf("<< /Title %s /Producer (sgdwalk) >>", pdfText(d.title)),
	}
	objects = append(objects, fontObjects...)
	var out bytes.Buffer
	out.WriteString("%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
	offsets := make([]int, len(objects))
	for i, o := range objects {
		offsets[i] = out.Len()
		fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	start := out.Len()
	fmt.Fprintf(&out, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, o := range offsets {
		fmt.Fprintf(&out, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&out, "trailer\n<< /Size %d /Root 1 0 R /Info 5 0 R >>\nstartxref\n%d\n%%%%EOF\n",
		len(objects)+1, start)
	return out.Bytes(), nil
}

// pdfText is a string object in UTF-16, which every reader understands.
func pdfText(s string) string {
	var b strings.Builder
	b.WriteString("<FEFF")
	for _, u := range utf16.Encode([]rune(printable.Line(s))) {
		fmt.Fprintf(&b, "%04X", u)
	}
	return b.String() + ">"
}
