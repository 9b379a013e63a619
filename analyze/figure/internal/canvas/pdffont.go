package canvas

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"strings"
	"unicode/utf16"

	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"

	"sgdwalk/record/printable"
)

// pdfFont is the letters of one face that a page uses. A letter has its number in the order
// in which the page uses the letters first; 0 is the sign of a missing letter.
type pdfFont struct {
	name    string
	face    *opentype.Font
	numbers map[rune]int
	runes   []rune // of the numbers from 1
	glyphs  []int  // in the face, of all numbers
	widths  []float64
}

func newPDFFont(name string, face *opentype.Font) *pdfFont {
	f := &pdfFont{name: name, face: face, numbers: make(map[rune]int)}
	f.add(0)
	return f
}

// add adds a glyph of the face.
func (f *pdfFont) add(g sfnt.GlyphIndex) {
	f.glyphs, f.widths = append(f.glyphs, int(g)), append(f.widths, advance(f.face, g))
}

// encode returns a text as a string object: two bytes a letter.
func (f *pdfFont) encode(text string) string {
	var buf sfnt.Buffer
	var b strings.Builder
	b.WriteByte('<')
	for _, r := range printable.Line(text) {
		n, ok := f.numbers[r]
		if !ok {
			g, err := f.face.GlyphIndex(&buf, r)
			if err != nil {
				continue
			}
			n = len(f.glyphs)
			f.numbers[r], f.runes = n, append(f.runes, r)
			f.add(g)
		}
		fmt.Fprintf(&b, "%04X", n)
	}
	return b.String() + ">"
}

// objects returns the objects of the font, the first of which gets the number first: the font,
// its letters, its description, its file, and the characters of the letters, by which a
// reader searches and copies text.
func (f *pdfFont) objects(first int) ([]string, error) {
	file, err := subset(f.face, f.glyphs)
	if err != nil {
		return nil, err
	}
	tag := fnv.New64a()
	for _, g := range f.glyphs {
		fmt.Fprintln(tag, g)
	}
	name := make([]byte, 6) // readers tell subsets of one font apart by six letters
	for i, sum := 0, tag.Sum64(); i < len(name); i, sum = i+1, sum/26 {
		name[i] = 'A' + byte(sum%26)
	}
	base := fmt.Sprintf("/%s+%s", name, f.name)
	var widths strings.Builder
	for _, w := range f.widths {
		fmt.Fprintf(&widths, "%s ", num(1000*w))
	}
	return []string{
		fmt.Sprintf("<< /Type /Font /Subtype /Type0 /BaseFont %s /Encoding /Identity-H /DescendantFonts [%d 0 R] "+
			"/ToUnicode %d 0 R >>", base, first+1, first+4),
		fmt.Sprintf("<< /Type /Font /Subtype /CIDFontType2 /BaseFont %s /CIDSystemInfo << /Registry (Adobe) "+
			"/Ordering (Identity) /Supplement 0 >> /FontDescriptor %d 0 R /CIDToGIDMap /Identity /W [0 [%s]] >>",
			base, first+2, widths.String()),
		fmt.Sprintf("<< /Type /FontDescriptor /FontName %s /Flags 4 /FontBBox [-544 -303 1302 980] /ItalicAngle 0 "+
			"/Ascent 905 /Descent -212 /CapHeight 729 /StemV 80 /FontFile2 %d 0 R >>", base, first+3),
		pdfStream(file, fmt.Sprintf(" /Length1 %d", len(file))),
		pdfStream(f.characters(), ""),
	}, nil
}

// characters maps the letters to Unicode.
func (f *pdfFont) characters() []byte {
	var b bytes.Buffer
	b.WriteString("/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n" +
		"/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n" +
		"/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n" +
		"1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n")
	for from := 0; from < len(f.runes); from += 100 { // a block has at most 100 lines
		block := f.runes[from:min(from+100, len(f.runes))]
		fmt.Fprintf(&b, "%d beginbfchar\n", len(block))
		for i, r := range block {
			fmt.Fprintf(&b, "<%04X> <", 1+from+i)
			for _, u := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&b, "%04X", u)
			}
			b.WriteString(">\n")
		}
		b.WriteString("endbfchar\n")
	}
	b.WriteString("endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n")
	return b.Bytes()
}
