package figure_test

import (
	"bytes"
	"compress/zlib"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"sgdwalk/analyze/figure"
)

// A PDF file has its text as text, which a reader finds and copies by the embedded table of
// characters, and the outlines of the letters in fonts of its own.
func TestTextOfPDF(t *testing.T) {
	title := "Curvature \u03bb_{max} of \u03b8_{0}, \u0394 \u2212 \u00b1 \u00e9"
	f := &figure.Curves{
		Title: title, XLabel: "step", YLabel: "gr\u00f6\u00dfe \u2192", Notes: []string{"two notes \u2265 one."},
		Series: []figure.Series{{Name: "first", X: []float64{0, 1}, Y: []float64{1, 2}}},
	}
	var b bytes.Buffer
	if err := figure.Render(&b, f, figure.PDF); err != nil {
		t.Fatal(err)
	}
	file := b.String()
	fonts := charactersOf(t, file)
	if len(fonts) != 2 {
		t.Fatalf("%d fonts; the figure has regular and bold letters", len(fonts))
	}
	content := stream(t, objectAt(file, 4))
	var text strings.Builder
	for _, m := range regexp.MustCompile(`BT /F(\d) .*? Tm <([0-9A-F]*)> Tj ET`).FindAllStringSubmatch(content, -1) {
		for i := 0; i < len(m[2]); i += 4 {
			number, err := strconv.ParseUint(m[2][i:i+4], 16, 16)
			if err != nil {
				t.Fatal(err)
			}
			r, ok := fonts[m[1]][int(number)]
			if !ok {
				t.Fatalf("letter %d of font %s has no character", number, m[1])
			}
			text.WriteRune(r)
		}
		text.WriteByte('\n')
	}
	for _, want := range []string{
		"Curvature \u03bb\nmax\n of \u03b8\n0\n", "\u0394 \u2212 \u00b1 \u00e9", "step\n", "gr\u00f6\u00dfe \u2192", "first\n",
		"two notes \u2265 one.", "2.0\n",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in the text:\n%s", want, text.String())
		}
	}
	if strings.Contains(content, "e-") {
		t.Error("a number has an exponent, which PDF does not allow")
	}
}

// charactersOf returns the characters of the letters of every font of a PDF file, by the digit
// in the name of the font.
func charactersOf(t *testing.T, file string) map[string]map[int]rune {
	t.Helper()
	out := make(map[string]map[int]rune)
	for _, m := range regexp.MustCompile(`/F(\d) (\d+) 0 R`).FindAllStringSubmatch(file, -1) {
		first, err := strconv.Atoi(m[2])
		if err != nil {
			t.Fatal(err)
		}
		characters := make(map[int]rune)
		for _, line := range regexp.MustCompile(`(?m)^<(\w{4})> <(\w+)>$`).FindAllStringSubmatch(
			stream(t, objectAt(file, first+4)), -1) {
			number, err1 := strconv.ParseUint(line[1], 16, 16)
			unit, err2 := strconv.ParseUint(line[2], 16, 16)
			if err1 != nil || err2 != nil {
				t.Fatal(line)
			}
			characters[int(number)] = rune(unit)
		}
		out[m[1]] = characters
	}
	return out
}

func objectAt(file string, n int) string {
	_, rest, _ := strings.Cut(file, "\n"+strconv.Itoa(n)+" 0 obj\n")
	object, _, _ := strings.Cut(rest, "\nendobj\n")
	return object
}

func stream(t *testing.T, object string) string {
	t.Helper()
	_, data, _ := strings.Cut(object, "stream\n")
	z, err := zlib.NewReader(strings.NewReader(strings.TrimSuffix(data, "\nendstream")))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
