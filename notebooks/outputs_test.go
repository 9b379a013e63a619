package notebooks

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestOutputs: every notebook is kept with the outputs of one run from top to
// bottom, without an error, without a place of the machine that ran it, and small.
func TestOutputs(t *testing.T) {
	const mostBytes = 400_000
	place := regexp.MustCompile(`(^|[\s"'=(])(/(tmp|home|root|Users|usr|var|work)/|[A-Z]:\\)`)
	for _, file := range append(notebooks(t), "python/pytorch.ipynb") {
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
				var o struct {
					Type string                     `json:"output_type"`
					Name string                     `json:"name"`
					Text []string                   `json:"text"`
					Data map[string]json.RawMessage `json:"data"`
				}
				if err := json.Unmarshal(raw, &o); err != nil {
					t.Fatalf("%s: cell %d: %v", file, i, err)
				}
				// The kernel shows the exit status of a cell's program on standard error.
				if o.Type == "error" || o.Name == "stderr" {
					t.Errorf("%s: cell %d failed: %s", file, i, o.Text)
				}
				if _, ok := o.Data["image/png"]; ok {
					figures++
					continue
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
