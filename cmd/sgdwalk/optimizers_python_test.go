package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sgdwalk/record/recordtest"
	"sgdwalk/train/optim"
)

// TestPythonOptimizers: every update of a recorded run is, to 1e-5 of its length, the one that
// PyTorch makes in float64 of the recorded theta and gradients, or where PyTorch does not have
// the rule the one of its formula. The learning rates are those of PyTorch's schedulers.
func TestPythonOptimizers(t *testing.T) {
	interpreter := recordtest.Python(t, "torch")
	work := t.TempDir()
	runs := 0
	train := func(name, model string, flags ...string) {
		runs++
		dir := filepath.Join(t.TempDir(), "run")
		file := filepath.Join(work, fmt.Sprintf("%02d-%s", runs, name))
		wantStatus(t, exitOK, append([]string{
			"train", "--data", "digits?pad=4", "--model", model, "--optimizer", name, "--epochs", "3", "--grad", "--out", dir,
		}, flags...)...)
		wantStatus(t, exitOK, "export", dir, "--npz", file+".npz")
		if err := os.WriteFile(file+".json", must(os.ReadFile(filepath.Join(dir, "header.json"))), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	schedules := []string{"constant", "linear", "onecycle", "warmup:5+wsd:0.3", "cosine"}
	for i, name := range optim.Names() {
		switch name {
		case "gd", "pal", "entropy-sgd": // need the loss at other points
			continue
		}
		train(name, "mlp:16", "--lr-schedule", schedules[i%len(schedules)])
		train(name, "mlp:16,8", "--lr-schedule", schedules[(i+1)%len(schedules)], "--hyper", "weight_decay=0.01")
	}
	train("muon", "lenet", "--hyper", "match_rms=1", "--hyper", "first_layer=0", "--lr", "0.003")
	train("muon", "mlp:16", "--hyper", "nesterov=0", "--hyper", "last_layer=1", "--hyper", "ns_steps=3")
	train("sam-sgd", "lenet", "--hyper", "momentum=0.9", "--lr", "0.02")
	train("schedule-free-sgd", "mlp:16", "--hyper", "beta=0.5", "--hyper", "r=1", "--hyper", "weight_lr_power=0")
	out, err := runPython(t, interpreter, "testdata/python/optimizers.py", work)
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Log(out)
	if n := strings.Count(out, "updates, at most"); n != runs {
		t.Errorf("%d of %d runs were checked", n, runs)
	}
}
