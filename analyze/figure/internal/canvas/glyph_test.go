package canvas

import (
	"testing"

	"golang.org/x/image/font/sfnt"
)

// TestGlyphs: letters that labels of the field use are in the embedded font; one
// that is not would be drawn as an empty box.
func TestGlyphs(t *testing.T) {
	for _, r := range "\u03b1\u03b2\u03b3\u03b7\u03b8\u03bb\u03c3\u2016\u2212\u00d7\u00b7\u2264\u2265\u2026\u2013\u2014\u00b1\u221e\u221a\u2080\u2081\u2082\u2083\u00b2\u00b3\u0394\u2192" {
		for _, bold := range []bool{false, true} {
			eachGlyph(string(r), bold, func(g sfnt.GlyphIndex, _ float64) {
				if g == 0 {
					t.Errorf("no glyph for %q (U+%04X), bold %v", r, r, bold)
				}
			})
		}
	}
}
