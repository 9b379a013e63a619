package terminal

import (
	"fmt"
	"io"

	"sgdwalk/record/printable"
)

// Output is standard output. It keeps the first error of writing, so that a command
// whose result did not arrive does not end as a success.
type Output struct {
	w   io.Writer
	err error
}

// NewOutput returns the output that writes to w.
func NewOutput(w io.Writer) *Output { return &Output{w: w} }

// Write writes unless an earlier write failed; then it returns that error.
func (o *Output) Write(p []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.w.Write(p)
	o.err = err
	return n, err
}

// Screen returns a screen on the writer, nil if the writer is not a terminal.
func (o *Output) Screen() *Screen { return NewScreen(o.w) }

// Err returns the first error of writing, nil without one.
func (o *Output) Err() error {
	if o.err == nil {
		return nil
	}
	return fmt.Errorf("standard output: %w", o.err)
}

// OnOneLine makes texts among the arguments of a format safe to print: each takes one
// line, with control characters as escapes. Otherwise a name in a file could contain a
// line break and pretend to be another message.
func OnOneLine(args []any) []any {
	safe := make([]any, len(args))
	for i, a := range args {
		switch a := a.(type) {
		case string:
			safe[i] = printable.Line(a)
		case error:
			safe[i] = printable.Line(printable.OneLine(a))
		case []string:
			lines := make([]string, len(a))
			for k := range a {
				lines[k] = printable.Line(a[k])
			}
			safe[i] = lines
		default:
			safe[i] = a
		}
	}
	return safe
}
