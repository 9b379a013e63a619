package notebooks

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// output is what is read of an output of a cell.
type output struct {
	Type string                     `json:"output_type"`
	Name string                     `json:"name"`
	Text []string                   `json:"text"`
	Data map[string]json.RawMessage `json:"data"`
}

// readOutput decodes an output of a cell.
func readOutput(t *testing.T, file string, cell int, raw json.RawMessage) (o output) {
	t.Helper()
	if err := json.Unmarshal(raw, &o); err != nil {
		t.Fatalf("%s: cell %d: %v", file, cell, err)
	}
	return o
}

// pythonNotebooks returns the notebooks of the Python package.
func pythonNotebooks(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("python/*.ipynb")
	if err != nil || len(files) == 0 {
		t.Fatalf("found no notebooks of Python (%v)", err)
	}
	return files
}

// TestOutputs: every notebook is kept with the outputs of one run from top to
// bottom, without an error, without a place of the machine that ran it, and small.
func TestOutputs(t *testing.T) {
	const mostBytes = 600_000
	place := regexp.MustCompile(`(^|[\s"'=(>])(/(tmp|home|root|Users|usr|var|work)/|[A-Z]:\\)`)
	for _, file := range append(notebooks(t), pythonNotebooks(t)...) {
		if info, err := os.Stat(file); err != nil || info.Size() > mostBytes {
			t.Errorf("%s: %d bytes (%v); at most %d", file, info.Size(), err, mostBytes)
		}
		figures, next := 0, 1
		for i, c := range readNotebook(t, file).Cells {
			if c.Type != "code" {
				continue
			}
			if c.Execution == nil || *c.Execution != next {
				t.Errorf("%s: code cell %d was not executed as number %d: run the notebook from top to bottom",
					file, i, next)
			}
			next++
			shows := strings.Contains(strings.Join(c.Source, ""), "%%\n")
			if shows && len(c.Outputs) == 0 {
				t.Errorf("%s: cell %d has no output", file, i)
			}
			for _, raw := range c.Outputs {
				o := readOutput(t, file, i, raw)
				// The kernel shows the exit status of a cell's program on standard error.
				if o.Type == "error" || o.Name == "stderr" {
					t.Errorf("%s: cell %d failed: %s", file, i, o.Text)
				}
				if _, ok := o.Data["image/png"]; ok {
					figures++
					continue
				}
				if bytes.Contains(raw, []byte("<svg")) {
					figures++
				}
				if found := place.Find(raw); found != nil {
					t.Errorf("%s: cell %d shows %q, a place of one machine", file, i, found)
				}
			}
		}
		if figures == 0 {
			t.Errorf("%s shows no figure", file)
		}
	}
}

// TestProse: the text of a notebook in Python quotes no number that its cells do not have,
// so that a notebook which is run again does not keep the sentences of the run before.
func TestProse(t *testing.T) {
	number := regexp.MustCompile(`[0-9]+\.[0-9]+|[0-9]+(\.[0-9]+)? ?%`)
	links := regexp.MustCompile(`\]\([^)]*\)`)
	for _, file := range pythonNotebooks(t) {
		known, quoted := map[string]bool{}, 0
		note := func(text string) {
			for _, n := range number.FindAllString(text, -1) {
				known[strings.ReplaceAll(n, " ", "")] = true
			}
		}
		cells := readNotebook(t, file).Cells
		for i, c := range cells {
			if c.Type != "code" {
				continue
			}
			note(strings.Join(c.Source, ""))
			for _, raw := range c.Outputs {
				o := readOutput(t, file, i, raw)
				note(strings.Join(o.Text, ""))
				if plain, ok := o.Data["text/plain"]; ok {
					note(string(plain))
				}
			}
		}
		for i, c := range cells {
			if c.Type != "markdown" {
				continue
			}
			for _, n := range number.FindAllString(links.ReplaceAllString(strings.Join(c.Source, ""), ""), -1) {
				if quoted++; !known[strings.ReplaceAll(n, " ", "")] {
					t.Errorf("%s: cell %d quotes %q, which no cell prints", file, i, n)
				}
			}
		}
		if quoted == 0 {
			t.Errorf("%s quotes no number", file)
		}
	}
}
