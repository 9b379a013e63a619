package printable_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"sgdwalk/record/printable"
)

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"":                            "",
		"mlp:8, η λ_max, 数字, é":       "mlp:8, η λ_max, 数字, é",
		"a\tb\nc":                     "a\tb\nc",
		"\x1b[31m\a\rfake":            `\x1b[31m\x07\x0dfake`,
		"\x1b]52;c;cm0=\x07":          `\x1b]52;c;cm0=\x07`,
		"a\x7f":                       `a\u007f`,
		"\u009b2J":                    `\u009b2J`,
		"\x9b2J":                      `\x9b2J`,
		"\u202egnp.exe\u2066\u200f":   `\u202egnp.exe\u2066\u200f`,
		"\u2028\ufeff\u200b":          `\u2028\ufeff\u200b`,
		"\U000e0041":                  `\udb40\udc41`,
		"\xff\xfe":                    `\xff\xfe`,
		"a no-break space\u00a0stays": "a no-break space\u00a0stays",
	} {
		if got := printable.Text(in); got != want {
			t.Errorf("Text(%q) is %q, want %q", in, got, want)
		}
	}
	if got := printable.Line("is\nsound\t"); got != `is\nsound\t` {
		t.Errorf("Line gives %q", got)
	}
}

func TestNothingIsLeft(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) + rapid.String().Draw(t, "text")
		for _, r := range printable.Line(s) {
			if !unicode.IsGraphic(r) {
				t.Fatalf("%q has %U", printable.Line(s), r)
			}
		}
		if once := printable.Text(s); printable.Text(once) != once {
			t.Fatalf("%q is escaped twice", once)
		}
	})
}

// JSON that goes through the writer has the same values.
func TestJSONStaysJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := strings.ToValidUTF8(rapid.String().Draw(t, "text"), "?") + "\x1b\u009b\u202e\U000e0041\x7f\n"
		var b bytes.Buffer
		if err := json.NewEncoder(printable.Writer{W: &b}).Encode(map[string]string{want: want}); err != nil {
			t.Fatal(err)
		}
		var got map[string]string
		if err := json.Unmarshal(b.Bytes(), &got); err != nil || got[want] != want {
			t.Fatalf("%s: %v", b.Bytes(), err)
		}
	})
}
