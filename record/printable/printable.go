// Package printable makes text from files safe to print. Names in a header, warnings in
// a result and paths may contain escape sequences, which control a terminal, and
// control characters of bidirectional text, which reorder what a reader sees.
package printable

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text returns s with every character that is not graphic replaced by an escape: \x1b
// for control characters of ASCII, \u202e for others. Line breaks and tabs stay. In
// valid JSON only strings contain such characters, and these are JSON's own escapes,
// so the values stay the same.
func Text(s string) string { return escape(s, "\n\t") }

// Line is Text that also replaces line breaks and tabs, by \n and \t: one value is
// always one line.
func Line(s string) string { return escape(s, "") }

// escape replaces every character that is neither graphic nor in keep.
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
		case r > 0xffff: // JSON writes such a character as a surrogate pair
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		i += n
	}
	return b.String()
}

// isPrintable reports whether a character can be printed unchanged. It returns false
// for RuneError, which also stands for bytes that are not UTF-8; escape tells the two
// apart.
func isPrintable(r rune, keep string) bool {
	return r != utf8.RuneError && unicode.IsGraphic(r) || strings.ContainsRune(keep, r)
}

// Writer writes the Text of its input to W. Each call of Write must contain whole
// characters.
type Writer struct{ W io.Writer }

// Write writes Text(p).
func (w Writer) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.W, Text(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// OneLine returns the text of an error with a space for every line break.
func OneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
