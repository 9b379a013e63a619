package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"sgdwalk/analyze/figure"
)

// redrawn draws the result in args[0] again, in the same style, and checks that this gives
// every figure of the result, and the same bytes as the analysis wrote.
func redrawn(ts *testscript.TestScript, _ bool, args []string) {
	dir, again := ts.MkAbs(args[0]), ts.MkAbs(args[0]+"-again")
	call := append([]string{"plot", dir, "--out", again}, args[1:]...)
	var formats []string // that the analysis drew
	for _, format := range figure.Formats {
		if files, err := filepath.Glob(filepath.Join(dir, "*."+string(format))); err == nil && len(files) > 0 {
			formats = append(formats, string(format))
		}
	}
	call = append(call, "--formats", strings.Join(formats, ","))
	text, err := exec.Command(ts.Getenv("SGDWALK"), call...).CombinedOutput()
	if err != nil {
		ts.Fatalf("%s: %v\n%s", args[0], err, text)
	}
	for _, pattern := range []string{"*.svg", "*.pdf", "*.png", "*.gif", "*.vts", "*.vtp"} {
		before, err := filepath.Glob(filepath.Join(dir, pattern))
		ts.Check(err)
		after, err := filepath.Glob(filepath.Join(again, pattern))
		ts.Check(err)
		if len(before) != len(after) {
			ts.Fatalf("%s: the analysis drew %d files %s, and plot %d", args[0], len(before), pattern, len(after))
		}
		for _, path := range before {
			name := filepath.Base(path)
			a, err := os.ReadFile(path)
			ts.Check(err)
			b, err := os.ReadFile(filepath.Join(again, name))
			ts.Check(err)
			if !bytes.Equal(a, b) {
				ts.Fatalf("%s: plot draws another %s than the analysis", args[0], name)
			}
		}
	}
	if figures, err := filepath.Glob(filepath.Join(again, "*.svg")); err != nil || len(figures) == 0 {
		ts.Fatalf("%s: plot drew nothing (%v)", args[0], err)
	}
}
