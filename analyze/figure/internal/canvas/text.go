package canvas

import (
	"fmt"
	"image/color"
	"strings"
	"sync"

	"codeberg.org/go-fonts/liberation/liberationsansbold"
	"codeberg.org/go-fonts/liberation/liberationsansregular"
	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"

	"sgdwalk/record/printable"
)

// em is the size in which glyphs are measured and outlined. Liberation has 2048
// units an em, so nothing is rounded.
const em = 2048

// Fonts returns the regular and the bold face of Liberation Sans, which has the
// metrics of Arial and Helvetica and is embedded in the program. The ten other faces of
// Liberation, which gonum.org/v1/plot/font/liberation has too, would make the program a fifth larger.
var Fonts = sync.OnceValues(func() ([2]*opentype.Font, error) {
	var out [2]*opentype.Font
	for i, ttf := range [][]byte{liberationsansregular.TTF, liberationsansbold.TTF} {
		f, err := opentype.Parse(ttf)
		if err != nil {
			return out, fmt.Errorf("figure: the embedded font Liberation Sans: %w", err)
		}
		out[i] = f
	}
	return out, nil
})

func face(bold bool) *opentype.Font {
	f, err := Fonts()
	switch {
	case err != nil:
		return nil // Render reported it before anything was drawn
	case bold:
		return f[1]
	default:
		return f[0]
	}
}

// advance returns the width of a glyph in parts of the size of the text.
func advance(f *opentype.Font, g sfnt.GlyphIndex) float64 {
	var buf sfnt.Buffer
	adv, err := f.GlyphAdvance(&buf, g, fixed.I(em), font.HintingNone)
	if err != nil {
		return 0
	}
	return float64(adv) / 64 / em
}

// eachGlyph calls fn with every glyph of s and its distance in em units from the
// left end of the line, and returns the width of the line. Kerning is left out:
// the viewers of an SVG file differ in it.
func eachGlyph(s string, bold bool, fn func(g sfnt.GlyphIndex, x float64)) float64 {
	f := face(bold)
	if f == nil {
		return 0
	}
	var buf sfnt.Buffer
	x := 0.0
	for _, r := range printable.Line(s) {
		g, err := f.GlyphIndex(&buf, r)
		if err != nil {
			continue
		}
		if fn != nil {
			fn(g, x)
		}
		adv, err := f.GlyphAdvance(&buf, g, fixed.I(em), font.HintingNone)
		if err != nil {
			continue
		}
		x += float64(adv) / 64
	}
	return x / em
}

func textWidth(s string, size float64, bold bool) float64 {
	return eachGlyph(s, bold, nil) * size
}

// outline returns the glyphs of a run as one path on the page, so that a picture
// looks the same everywhere and needs no font installed.
func (t Run) outline() Path {
	f := face(t.bold)
	var p Path
	if f == nil {
		return p
	}
	var buf sfnt.Buffer
	k := t.Size / em
	eachGlyph(t.Text, t.bold, func(g sfnt.GlyphIndex, x float64) {
		segments, err := f.LoadGlyph(&buf, g, fixed.I(em), nil)
		if err != nil {
			return
		}
		at := func(q fixed.Point26_6) Point {
			// Glyph coordinates run downwards.
			return t.At.Add(Point{(x + float64(q.X)/64) * k, -float64(q.Y) / 64 * k}.Rotate(t.Angle))
		}
		open := false
		for _, s := range segments {
			switch s.Op {
			case sfnt.SegmentOpMoveTo:
				if open {
					p.close()
				}
				open = true
				p.Move(at(s.Args[0]))
			case sfnt.SegmentOpLineTo:
				p.Line(at(s.Args[0]))
			case sfnt.SegmentOpQuadTo:
				p.quad(at(s.Args[0]), at(s.Args[1]))
			case sfnt.SegmentOpCubeTo:
				p.cubic(at(s.Args[0]), at(s.Args[1]), at(s.Args[2]))
			}
		}
		if open {
			p.close()
		}
	})
	return p
}

// span is a piece of marked-up text: level 0 on the line, -1 a subscript, +1 a
// superscript.
type span struct {
	text  string
	level int
}

// parseMarkup splits "10^{-3}" and "theta_{0}" into spans. Without the brace, ^
// and _ are ordinary characters, so names with underscores pass through.
func parseMarkup(s string) []span {
	var out []span
	for s != "" {
		i := strings.IndexAny(s, "^_")
		for i >= 0 && i+1 < len(s) && s[i+1] != '{' {
			j := strings.IndexAny(s[i+1:], "^_")
			if j < 0 {
				i = -1
			} else {
				i += 1 + j
			}
		}
		end := -1
		if i >= 0 && i+1 < len(s) {
			end = strings.IndexByte(s[i:], '}')
		}
		if end < 0 {
			return append(out, span{text: s})
		}
		if i > 0 {
			out = append(out, span{text: s[:i]})
		}
		level := 1
		if s[i] == '_' {
			level = -1
		}
		out = append(out, span{s[i+2 : i+end], level})
		s = s[i+end+1:]
	}
	return out
}

// Label is marked-up text and how it is set.
type Label struct {
	Text      string
	Size      float64
	bold      bool
	Color     color.NRGBA
	Angle     float64
	Halo      float64
	HaloColor color.NRGBA
}

const scriptScale = 0.72

func (l Label) Width() float64 {
	w := 0.0
	for _, s := range parseMarkup(l.Text) {
		w += textWidth(s.text, l.spanSize(s), l.bold)
	}
	return w
}

func (l Label) spanSize(s span) float64 {
	if s.level != 0 {
		return l.Size * scriptScale
	}
	return l.Size
}

// Vertical measures of Liberation Sans in parts of its size.
const (
	CapHeight = 0.70
	Descent   = 0.21
)

// Draw places the label at a point. hAlign and vAlign choose the part of the label that
// is at the point: 0 is the left or
// bottom (descent), 0.5 the middle (of the capitals, vertically), 1 the right or
// top (capitals).
func (l Label) Draw(d Device, at Point, hAlign, vAlign float64) {
	dy := 0.0
	switch vAlign {
	case 0:
		dy = Descent * l.Size
	case 0.5:
		dy = -CapHeight / 2 * l.Size
	case 1:
		dy = -CapHeight * l.Size
	}
	off := Point{-hAlign * l.Width(), dy}
	for _, s := range parseMarkup(l.Text) {
		size := l.spanSize(s)
		rise := map[int]float64{-1: -0.18, 0: 0, 1: 0.34}[s.level] * l.Size
		w := textWidth(s.text, size, l.bold)
		d.Text(Run{
			Text: s.text, At: at.Add(Point{off.X, off.Y + rise}.Rotate(l.Angle)), Angle: l.Angle,
			Size: size, bold: l.bold, Width: w, color: l.Color, Halo: l.Halo, haloColor: l.HaloColor,
		})
		off.X += w
	}
}

// wrap breaks text into the smallest number of lines that the width allows, and makes
// the lines as even as possible. A word longer than the width stays whole; a unit stays with its
// number.
func wrap(text string, size, width float64) []string {
	var words []string
	for _, w := range strings.Fields(text) {
		if n := len(words); n > 0 && strings.HasPrefix(w, "%") {
			words[n-1] += " " + w
		} else {
			words = append(words, w)
		}
	}
	lines := fillLines(words, size, width)
	for narrower := width * 0.97; len(lines) > 1 && narrower > width*0.4; narrower -= width * 0.03 {
		next := fillLines(words, size, narrower)
		if len(next) > len(lines) {
			break
		}
		lines = next
	}
	return lines
}

func fillLines(words []string, size, width float64) []string {
	var out []string
	line := ""
	for _, word := range words {
		next := word
		if line != "" {
			next = line + " " + word
		}
		if line != "" && (Label{Text: next, Size: size}).Width() > width {
			out = append(out, line)
			next = word
		}
		line = next
	}
	if line != "" {
		out = append(out, line)
	}
	return out
}
