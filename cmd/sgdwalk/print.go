package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"sgdwalk/record/printable"
)

// output is standard output. It keeps the first error of writing, which run reports:
// what a command was called for has not arrived.
type output struct {
	w   io.Writer
	err error
}

func (o *output) Write(p []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.w.Write(p)
	o.err = err
	return n, err
}

// failed returns the error of writing, if there was one.
func (o *output) failed() error {
	if o.err == nil {
		return nil
	}
	return fmt.Errorf("standard output: %w", o.err)
}

// printf prints to standard output. A text among the arguments takes one line,
// whatever is in it.
func (e *env) printf(format string, args ...any) {
	fmt.Fprintf(e.stdout, format, onOneLine(args)...)
}

// print prints a text of several lines to standard output.
func (e *env) print(text string) { fmt.Fprint(e.stdout, text) }

// say prints a message for the user on standard error, as printf does.
func (e *env) say(format string, args ...any) {
	fmt.Fprintf(e.stderr, format+"\n", onOneLine(args)...)
}

// onOneLine makes texts among arguments of a format safe to print. A name in a file
// may have a line break and pretend to be another message.
func onOneLine(args []any) []any {
	safe := make([]any, len(args))
	for i, a := range args {
		switch a := a.(type) {
		case string:
			safe[i] = printable.Line(a)
		case error:
			safe[i] = printable.Line(oneLine(a))
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

// printJSON prints one object, indented, on standard output.
func (e *env) printJSON(v any) error {
	out := json.NewEncoder(e.stdout)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	return out.Encode(v)
}

// checkNew refuses a name that exists, unless it may be replaced.
func checkNew(out string, force bool) error {
	if _, err := os.Lstat(out); err == nil && !force {
		return usagef("--out %s exists already; choose another name, or give --force to replace it", out)
	}
	return nil
}
