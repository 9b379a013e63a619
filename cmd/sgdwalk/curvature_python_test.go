package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/floats"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/recordtest"
	"sgdwalk/train/replay"
)

// exactSpectrum is what PyTorch's double backward in float64 has of the Hessian at an
// iterate.
type exactSpectrum struct {
	Eigenvalues []float64 `json:"eigenvalues"` // the largest first: all of them, or the ten largest and the smallest
	Residual    float64   `json:"residual"`    // the largest of Eigenvalues; 0 where all come from the dense Hessian
	Trace       float64   `json:"trace"`
	TraceError  float64   `json:"trace_error"` // standard error; 0 where Trace is exact
}

// exactSpectra returns the spectra at some iterates of a run. An iterate has several
// where rounding to float32 decides the side of a kink: one for each choice. The script fails where its
// own Lanczos iteration disagrees with the dense Hessian. rows is the number of examples
// of a batch, 0 for all; samples is the number of random vectors of an estimated trace.
func exactSpectra(t *testing.T, interpreter, name string, r *arrowfile.Reader, steps []int, rows,
	samples int,
) [][]exactSpectrum {
	t.Helper()
	h := r.Header()
	x := must(replay.FromHeader(h, replay.Options{}))
	var thetas []float32
	for _, step := range steps {
		thetas = append(thetas, must(r.Read(step, record.AllParts)).Theta...)
	}
	iterates := filepath.Join(t.TempDir(), "thetas.npz")
	if err := writeNPZ(iterates, []npzArray{{"theta", npy(thetas, len(steps), h.Layout.Len())}}); err != nil {
		t.Fatal(err)
	}
	var layout [][]any
	for _, tensor := range h.Layout {
		layout = append(layout, []any{tensor.Name, tensor.Offset})
	}
	out, err := runPython(t, interpreter, "testdata/python/exact_eigenvalues.py", name,
		trainingArrays(t, x.Data().Train), iterates, string(must(json.Marshal(layout))), fmt.Sprint(rows),
		fmt.Sprint(samples))
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var all [][]exactSpectrum
	for line := range strings.Lines(out) {
		var s []exactSpectrum
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		all = append(all, s)
	}
	if len(all) != len(steps) {
		t.Fatalf("%d iterates, but %d spectra: %s", len(steps), len(all), out)
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
// float64, at the start, in the middle and at the end of a run. Eigenvalues agree within
// the stated residuals. Traces agree within two stated standard errors for at least 90 %
// of 50 seeds. Where the sign of a ReLU's input is within rounding
// to float32, either side is right. SGDWALK_SCALE adds what takes longer: all eigenvalues of mlp:32 instead
// of the ten largest and the smallest, and the traces and the first two iterates of the
// convolutional networks.
func TestPythonEigenvalues(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short leaves out the eigenvalues of four networks, which take minutes")
	}
	interpreter := recordtest.Python(t, "torch")
	scale := os.Getenv("SGDWALK_SCALE") != ""
	for _, c := range []struct {
		name, model, data string
		convolutional     bool
		batch             int     // of a network that normalizes; it divides the number of examples
		tolerance         float64 // in units of the largest eigenvalue
	}{
		{"mlp8", "mlp:8", "digits", false, 0, 1e-5},
		{"mlp12", "mlp:12", "digits", false, 0, 1e-5},
		{"mlp", "mlp:32", "digits", false, 0, 1e-5},
		{"lenet", "lenet", "mnist:" + digitFiles(t, 28, 3, 500), true, 0, 1e-4},
		{"resnet8", "resnet:8", "mnist:" + digitFiles(t, 8, 1, 100), true, 50, 1e-4},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "run")
			wantStatus(t, exitOK, "train", "-q", "--data", c.data, "--model", c.model, "--epochs", "10", "--batch",
				fmt.Sprint(cmp.Or(c.batch, 100)), "--out", dir)
			r := must(arrowfile.Open(dir))
			defer r.Close()
			end := r.Len() - 1
			steps, samples := []int{0, end / 2, end}, 60
			if c.convolutional && !scale {
				steps, samples = steps[2:], 2 // nothing is compared with the trace
			}
			for i, choices := range exactSpectra(t, interpreter, c.name, r, steps, c.batch, samples) {
				step := fmt.Sprint(steps[i])
				name, out := c.model+", step "+step, filepath.Join(t.TempDir(), "out")
				n, top := len(choices[0].Eigenvalues), 10
				if !c.convolutional && (n < 1000 || scale) {
					top = n
				}
				for j, c := range choices {
					choices[j].Eigenvalues = append(c.Eigenvalues[:top:top], c.Eigenvalues[n-1])
				}
				curvatureAt := func(args ...string) (mean, deviation float64) {
					wantStatus(t, exitOK, slices.Concat([]string{
						"curvature", "-q", "--formats", "svg", "--norm",
						"batch", "--step", step, "--probes", "0", "--out", out, dir,
					}, args)...)
					return traceOf(t, out)
				}
				mean, deviation := curvatureAt("--top", fmt.Sprint(top), "--products", fmt.Sprint(max(400, n)))
				got := columnsOf(t, filepath.Join(out, "eigenvalues.csv"), "eigenvalue", "residual")
				want := slices.MinFunc(choices, func(a, b exactSpectrum) int {
					return cmp.Compare(floats.Distance(a.Eigenvalues, got[0], math.Inf(1)),
						floats.Distance(b.Eigenvalues, got[0], math.Inf(1)))
				})
				compareEigenvalues(t, name, got[0], got[1], want, c.tolerance)
				if top == n && (math.Abs(mean-want.Trace) > 1e-5*want.Trace || deviation != 0) {
					t.Errorf("%s: with all eigenvalues the trace is %v \u00b1 %v; PyTorch has %v",
						name, mean, deviation, want.Trace)
				}
				if !c.convolutional || scale {
					compareTraces(t, name, want, func(seed int) (mean, deviation float64) {
						return curvatureAt("--top", "2", "--products", "12", "--seed", fmt.Sprint(seed))
					})
				}
			}
		})
	}
}

// compareEigenvalues holds every eigenvalue against the exact one: within the tolerance,
// in units of the largest, and within its own residual.
func compareEigenvalues(t *testing.T, name string, got, residual []float64, want exactSpectrum, tolerance float64) {
	t.Helper()
	if len(got) != len(want.Eigenvalues) {
		t.Fatalf("%s: %d eigenvalues; PyTorch has %d", name, len(got), len(want.Eigenvalues))
	}
	largest, worst := want.Eigenvalues[0], 0.0
	for i, w := range want.Eigenvalues {
		off := math.Abs(got[i] - w)
		worst = max(worst, off/largest)
		if off > tolerance*largest || off > residual[i]+want.Residual+1e-6*largest {
			t.Errorf("%s: eigenvalue %d of %d is %v \u00b1 %v; PyTorch has %v",
				name, i+1, len(got), got[i], residual[i], w)
		}
	}
	t.Logf("%s: %d eigenvalues, the largest %.4g, agree to %.2g of it; residuals of PyTorch are within %.2g of it",
		name, len(got), largest, worst, want.Residual/largest)
}

// compareTraces holds the traces of 50 seeds, from few products each, against the exact
// one.
func compareTraces(t *testing.T, name string, want exactSpectrum, estimate func(seed int) (mean, deviation float64)) {
	t.Helper()
	const seeds = 50
	within, least := 0, math.Inf(1)
	for seed := range seeds {
		mean, deviation := estimate(seed)
		least = min(least, deviation)
		if math.Abs(mean-want.Trace) <= 2*math.Hypot(deviation, want.TraceError) {
			within++
		}
	}
	t.Logf("%s: %d of %d traces are within two standard errors, of at least %.2g, of %.5g \u00b1 %.2g",
		name, within, seeds, least, want.Trace, want.TraceError)
	if 10*within < 9*seeds {
		t.Errorf("%s: %d of %d traces are within two standard errors of PyTorch's", name, within, seeds)
	}
	if want.TraceError > least/2 {
		t.Errorf("%s: PyTorch's trace has the standard error %v, which is not small compared with %v",
			name, want.TraceError, least)
	}
}
