package objective

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// Error is what another program did wrong. Its text is one line.
type Error struct {
	Command string
	When    string   // "at its start", "at request 3", ...
	Err     error    // what it did
	Said    []string // the last lines that it printed on standard error, or before its first answer on standard output
}

// Error returns one line, with the last line that the program printed where that
// says more.
func (e *Error) Error() string {
	text := fmt.Sprintf("objective: %s, %s, %v", e.Command, e.When, e.Err)
	if n := len(e.Said); n > 0 && !strings.Contains(text, strings.TrimSpace(e.Said[n-1])) {
		text += "; it said: " + strings.TrimSpace(e.Said[n-1])
	}
	return text
}

// Unwrap returns what the program did.
func (e *Error) Unwrap() error { return e.Err }

// failed kills the process and says what it did, and the last that it said.
func (c *child) failed(when string, err error) error {
	c.kill()
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &Error{Command: c.o.name(), When: when, Err: err, Said: c.tail.last()}
}

// last returns the last lines, without characters that a terminal obeys.
func (t *tail) last() []string {
	t.Lock()
	defer t.Unlock()
	lines := strings.FieldsFunc(string(t.kept), func(r rune) bool { return r == '\n' || r == '\r' })
	lines = lines[max(0, len(lines)-maxErrorLines):]
	for i, line := range lines {
		lines[i] = strings.Map(func(r rune) rune {
			if r == '\t' || unicode.IsPrint(r) {
				return r
			}
			return '\u00b7'
		}, line)
	}
	return lines
}
