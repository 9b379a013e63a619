package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"sgdwalk/record/arrowfile"
	"sgdwalk/record/recorder"
	"sgdwalk/record/recordtest"
	"sgdwalk/train/consistency"
)

// TestPythonUpdates: the updates of PyTorch's optimizers follow from the recorded gradients by
// the rules of this program, and a defect of a training is found with its step and tensor.
func TestPythonUpdates(t *testing.T) {
	interpreter := recordtest.Python(t, "torch")
	work := t.TempDir()
	if out, err := runPython(t, interpreter, "testdata/python/updates.py", work); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(work, "cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Run  string
		Want *struct {
			Code   consistency.Code
			Step   int64
			Tensor string
			Ratio  float64
		}
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Run, func(t *testing.T) {
			dir := filepath.Join(work, c.Run)
			trace := must(arrowfile.Open(dir))
			defer trace.Close()
			o := consistency.Options{External: true}
			if rates := must(recorder.ReadGroupRates(dir)); rates != nil {
				o.GroupRates = rates.At
			}
			r := must(consistency.Check(t.Context(), trace, o))
			t.Logf("%d updates of %d rows, notes %+v", r.Updates, r.Rows, r.Notes)
			steps := int(r.Rows) - 1
			switch c.Run {
			case "every", "unknown", "adam_bfloat16", "adamw_bfloat16":
				steps = 0
			}
			if r.Updates != steps {
				t.Errorf("%d updates were checked; want %d", r.Updates, steps)
			}
			for _, v := range r.Violations {
				t.Logf("%s, step %d to %d, tensor %q: %s", v.Code, v.Step, v.LastStep, v.Tensor, v.Text)
			}
			if w := c.Want; w == nil != (len(r.Violations) == 0) || w != nil && (len(r.Violations) != 1 ||
				r.Violations[0].Code != w.Code || r.Violations[0].Step != w.Step ||
				w.Tensor != r.Violations[0].Tensor && w.Code == consistency.Update ||
				w.Ratio != 0 && math.Abs(r.Violations[0].Ratio.Value/w.Ratio-1) > 0.01) {
				t.Errorf("want %+v, got %d violations", w, len(r.Violations))
			}
		})
	}
}
