// Package printable makes text from files safe to print. Names in a header, warnings
// in a result and paths may contain escape sequences, which change a terminal, and
// control characters of bidirectional text, which reorder what a reader sees.
package printable

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text returns s with every character that is not graphic written as an escape:
// \x1b for the control characters of ASCII, \u202e for the others. Line breaks and
// tabs stay. In a JSON text only characters inside of strings are concerned, and
// their escapes are those of JSON, so the values stay the same.
func Text(s string) string { return escape(s, "\n\t") }

// Line is Text without line breaks and tabs, which become \n and \t: one value never
// takes two lines.
func Line(s string) string { return escape(s, "") }

func escape(s, keep string) string {
	i := strings.IndexFunc(s, func(r rune) bool { return !isPrintable(r, keep) })
	if i < 0 {
		return s
	}
	var b strings.Builder
	b.WriteString(s[:i])
	for i < len(s) {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case isPrintable(r, keep):
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x20:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r > 0xffff: // as JSON has it
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		i += n
	}
	return b.String()
}

// fine reports whether a character can be printed as it is. RuneError stands for
// bytes that are not UTF-8 as well, and is looked at again.
func isPrintable(r rune, keep string) bool {
	return r != utf8.RuneError && unicode.IsGraphic(r) || strings.ContainsRune(keep, r)
}

// Writer passes on what is written to it as Text. A call of Write must end where a
// character ends.
type Writer struct{ W io.Writer }

// Write writes Text(p).
func (w Writer) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.W, Text(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}
