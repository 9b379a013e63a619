package notebooks

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"sgdwalk/analyze/path"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/exchange"
	"sgdwalk/record/recordtest"
	"sgdwalk/train/replay"
)

// TestPython: read_run.py sees the run that Go sees. The path with numpy needs
// numpy, those with polars and pyarrow what they are named for.
func TestPython(t *testing.T) {
	python := recordtest.Python(t, "numpy")
	dir := filepath.Join(t.TempDir(), "run")
	x, err := replay.New(replay.Config{
		Data: "digits", Model: "mlp:8", Optimizer: "sgd",
		Hyperparameters: map[string]float64{"learning_rate": 0.2}, Epochs: 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.Record(t.Context(), dir, arrowfile.Options{SegmentBytes: 1 << 16}); err != nil {
		t.Fatal(err)
	}
	run, err := arrowfile.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	p, err := path.Compute(context.Background(), run, path.Options{})
	if err != nil {
		t.Fatal(err)
	}
	npz := filepath.Join(t.TempDir(), "run.npz")
	f, err := os.Create(npz)
	if err != nil {
		t.Fatal(err)
	}
	if err := exchange.WriteNPZ(f, run, exchange.NPZOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	inputs := map[string]string{"numpy": npz}
	arrow := ""
	for _, name := range []string{"pyarrow", "polars"} { // read_run.py prefers polars
		if exec.Command(python, "-c", "import "+name).Run() == nil {
			arrow = name
		}
	}
	if arrow == "" {
		out, err := exec.Command(python, "read_run.py", dir).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "sgdwalk export") {
			t.Errorf("without polars and pyarrow the script says %q (%v); want how to export", out, err)
		}
		t.Log("neither polars nor pyarrow is installed: the script is tested with numpy alone")
	} else {
		inputs[arrow] = dir
	}
	for how, input := range inputs {
		out, err := exec.Command(python, "read_run.py", input).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", how, err, out)
		}
		text := string(out)
		if want := fmt.Sprintf("read with %s: %d rows of %d parameters\n",
			how, run.Len(), run.Header().Layout.Len()); !strings.HasPrefix(text, want) {
			t.Errorf("%s: got %q, want %q first", how, text, want)
		}
		if !strings.Contains(text, "epoch 2: 15 steps, mean batch loss ") {
			t.Errorf("%s: no line for epoch 2: %s", how, text)
		}
		for name, want := range map[string]float64{
			"path length":  p.Summary.PathLength.Value,
			"displacement": p.Summary.Displacement.Value,
		} {
			m := regexp.MustCompile(name + ` (\S+)`).FindStringSubmatch(text)
			if m == nil {
				t.Errorf("%s: no %s: %s", how, name, text)
				continue
			}
			// Both sum in float64; nine digits are printed.
			if got, err := strconv.ParseFloat(m[1], 64); err != nil || got < want*(1-1e-7) || got > want*(1+1e-7) {
				t.Errorf("%s: %s %s, want %.9g", how, name, m[1], want)
			}
		}
	}
}
