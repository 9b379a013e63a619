package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sgdwalk/record/arrowfile"
	"sgdwalk/record/recordtest"
	"sgdwalk/train/replay"
)

// exactEigenvalues returns the eigenvalues of the Hessian at some iterates of a run, by
// PyTorch in float64, the largest first.
func exactEigenvalues(t *testing.T, interpreter, name, dir string, steps []int) [][]float64 {
	t.Helper()
	r := must(arrowfile.Open(dir))
	defer r.Close()
	h := r.Header()
	x := must(replay.FromHeader(h, replay.Options{}))
	var thetas []float32
	for _, step := range steps {
		thetas = append(thetas, must(r.At(step)).Theta...)
	}
	iterates := filepath.Join(t.TempDir(), "thetas.npz")
	if err := writeNPZ(iterates, []npzArray{{"theta", npy(thetas, len(steps), h.Layout.Len())}}); err != nil {
		t.Fatal(err)
	}
	var layout [][]any
	for _, tensor := range h.Layout {
		layout = append(layout, []any{tensor.Name, tensor.Offset})
	}
	out, err := runPython(t, interpreter, "testdata/python/exact_eigenvalues.py", name, trainingArrays(t, x.Data().Train), iterates, string(must(json.Marshal(layout))))
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var all [][]float64
	for line := range strings.Lines(out) {
		var values []float64
		if err := json.Unmarshal([]byte(line), &values); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		all = append(all, values)
	}
	if len(all) != len(steps) {
		t.Fatalf("%d iterates, and %d lists of eigenvalues: %s", len(steps), len(all), out)
	}
	return all
}

// traceOf returns the trace in a summary and its standard error.
func traceOf(t *testing.T, dir string) (mean, deviation float64) {
	t.Helper()
	var s struct {
		Summary struct {
			Trace struct {
				Mean          float64 `json:"mean"`
				StandardError float64 `json:"standard_error"`
			} `json:"trace"`
		} `json:"summary"`
	}
	if err := json.Unmarshal(must(os.ReadFile(filepath.Join(dir, "summary.json"))), &s); err != nil {
		t.Fatal(err)
	}
	return s.Summary.Trace.Mean, s.Summary.Trace.StandardError
}

// TestPythonEigenvalues: eigenvalues and traces are those of PyTorch's double backward in
// float64, at the start, in the middle and at the end of a run, within the residuals and
// standard errors that are stated.
func TestPythonEigenvalues(t *testing.T) {
	interpreter := recordtest.Python(t, "torch")
	dir := filepath.Join(t.TempDir(), "run")
	wantStatus(t, exitOK, "train", "-q", "--data", "digits", "--model", "mlp:8", "--epochs", "10", "--out", dir)
	steps := []int{0, 70, 140}
	within, traces := 0, 0
	for i, want := range exactEigenvalues(t, interpreter, "mlp8", dir, steps) {
		at, out := fmt.Sprint(steps[i]), filepath.Join(t.TempDir(), "out")
		wantStatus(t, exitOK, "curvature", "-q", "--step", at, "--top", "610", "--products", "700", "--probes", "0", "--out", out, dir)
		got := columnsOf(t, filepath.Join(out, "eigenvalues.csv"), "eigenvalue", "residual")
		compareEigenvalues(t, "mlp:8, step "+at, got[0], got[1], append(want, want[len(want)-1]), 1e-5)
		sum := 0.0
		for _, v := range want {
			sum += v
		}
		if mean, deviation := traceOf(t, out); math.Abs(mean-sum) > 1e-5*sum || deviation != 0 {
			t.Errorf("step %s: with all eigenvalues the trace is %v \u00b1 %v; PyTorch has %v", at, mean, deviation, sum)
		}
		for seed := range 5 {
			wantStatus(t, exitOK, "curvature", "-q", "--step", at, "--top", "2", "--products", "24", "--probes", "0", "--seed", fmt.Sprint(seed), "--out", out, dir)
			mean, deviation := traceOf(t, out)
			traces++
			if math.Abs(mean-sum) <= 2*deviation {
				within++
			}
		}
	}
	t.Logf("%d of %d traces are within two standard errors", within, traces)
	if 10*within < 9*traces {
		t.Errorf("%d of %d traces are within two standard errors of PyTorch's", within, traces)
	}
}

// compareEigenvalues holds every eigenvalue against the exact one: within the tolerance,
// in units of the largest, and within its own residual.
func compareEigenvalues(t *testing.T, name string, got, residual, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d eigenvalues; PyTorch has %d", name, len(got), len(want))
	}
	worst := 0.0
	for i, w := range want {
		off := math.Abs(got[i] - w)
		worst = max(worst, off/want[0])
		if off > tolerance*want[0] || off > residual[i]+1e-6*want[0] {
			t.Errorf("%s: eigenvalue %d of %d is %v \u00b1 %v; PyTorch has %v", name, i+1, len(want), got[i], residual[i], w)
		}
	}
	t.Logf("%s: %d eigenvalues, the largest %.4g, agree to %.2g of it", name, len(want), want[0], worst)
}
