package canvas

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"golang.org/x/image/font/sfnt"
)

// sameGlyph reports whether glyph i of a and glyph k of b have the same outlines, which for a
// glyph made of others are the same components.
func sameGlyph(t *testing.T, a, b *trueType, i, k int) bool {
	t.Helper()
	x, err1 := a.glyph(i)
	y, err2 := b.glyph(k)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	var of [2][]int
	list := func(side int) func(at int) {
		return func(at int) {
			of[side] = append(of[side], int(binary.BigEndian.Uint16([][]byte{x, y}[side][at:])))
		}
	}
	if len(x) < 10 || int16(binary.BigEndian.Uint16(x)) >= 0 {
		p, err := plain(x, nil)
		if err != nil {
			t.Fatal(err)
		}
		for len(p)%4 != 0 {
			p = append(p, 0)
		}
		return bytes.Equal(p, y)
	}
	if _, err := components(x, list(0)); err != nil {
		t.Fatal(err)
	}
	if _, err := components(y, list(1)); err != nil {
		t.Fatal(err)
	}
	if len(of[0]) != len(of[1]) || len(of[0]) == 0 {
		return false
	}
	for n := range of[0] {
		if !sameGlyph(t, a, b, of[0][n], of[1][n]) {
			return false
		}
	}
	return true
}

// A subset has the outlines and the widths of the letters, also of those that are made of
// others, and nothing else.
func TestSubset(t *testing.T) {
	fonts, err := Fonts()
	if err != nil {
		t.Fatal(err)
	}
	text := "Aeg \u00e9\u00d6\u00e7 \u03b8\u03bb\u0394 \u2212\u00b1\u2265 0123"
	for _, f := range fonts {
		var source bytes.Buffer
		if _, err := f.WriteSourceTo(nil, &source); err != nil {
			t.Fatal(err)
		}
		whole, err := parseTrueType(source.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		ids := []int{0}
		var buf sfnt.Buffer
		for _, r := range text {
			g, err := f.GlyphIndex(&buf, r)
			if err != nil || g == 0 {
				t.Fatalf("%q: %v, %v", r, g, err)
			}
			ids = append(ids, int(g))
		}
		file, err := subset(f, ids)
		if err != nil {
			t.Fatal(err)
		}
		if len(file) > source.Len()/10 {
			t.Errorf("%d bytes of %d", len(file), source.Len())
		}
		small, err := parseTrueType(file)
		if err != nil {
			t.Fatal(err)
		}
		made := 0 // of others
		for i, id := range ids {
			if !sameGlyph(t, whole, small, id, i) {
				t.Errorf("glyph %d: other outlines", id)
			}
			if !bytes.Equal(whole.metric(id), small.metric(i)) {
				t.Errorf("glyph %d: other widths", id)
			}
			if g, err := small.glyph(i); err == nil && len(g) > 10 && int16(binary.BigEndian.Uint16(g)) < 0 {
				made++
			}
		}
		if made == 0 {
			t.Error("no letter of the test is made of others")
		}
	}
}

// A damaged font gives an error, and nothing worse.
func TestDamagedFont(t *testing.T) {
	fonts, err := Fonts()
	if err != nil {
		t.Fatal(err)
	}
	file, err := subset(fonts[0], []int{0, 36, 130})
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(file) {
		damaged := slices.Clone(file)
		damaged[n] ^= 0x5a
		for _, data := range [][]byte{file[:n], damaged} {
			f, err := parseTrueType(data)
			if err != nil {
				continue
			}
			for id := range min(f.glyphs, 5) {
				if g, err := f.glyph(id); err == nil {
					_, _ = plain(g, func(id int) int { return id })
				}
			}
		}
	}
}
