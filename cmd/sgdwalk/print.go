package main

import (
	"encoding/json"
	"fmt"
	"os"

	"sgdwalk/cmd/internal/terminal"
)

// printf prints to standard output. A text among the arguments takes one line
// (see terminal.OnOneLine).
func (e *env) printf(format string, args ...any) {
	fmt.Fprintf(e.stdout, format, terminal.OnOneLine(args)...)
}

// print prints a text of several lines to standard output.
func (e *env) print(text string) { fmt.Fprint(e.stdout, text) }

// say prints a message for the user on standard error, as printf does.
func (e *env) say(format string, args ...any) {
	fmt.Fprintf(e.stderr, format+"\n", terminal.OnOneLine(args)...)
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
