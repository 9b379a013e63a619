package main

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sgdwalk/notebooks/python"
	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/recordtest"
)

// trueLosses is PyTorch by itself: the loss and the accuracy of the example's
// network at given points, without anything of sgdwalk.py.
const trueLosses = `
import json, sys
import numpy as np, torch
sys.modules["sgdwalk"] = type(sys)("sgdwalk")
sys.modules["sgdwalk"].serve = lambda loss, model: None
exec(open(sys.argv[1]).read())
given = np.load(sys.argv[2])
buffers = [b for b in model.buffers() if b.is_floating_point()]
model.eval()
out = []
for p, state in zip(given["points"], given["state"]):
    for b, v in zip(buffers, np.split(state, np.cumsum([b.numel() for b in buffers])[:-1])):
        b.copy_(torch.from_numpy(v))
    torch.nn.utils.vector_to_parameters(torch.from_numpy(p), model.parameters())
    with torch.no_grad():
        r = loss(model)
    out.append([float(r["loss"]), float(r["accuracy"])])
print(json.dumps(out))
`

// columnsOf reads columns of a CSV file.
func columnsOf(t *testing.T, path string, names ...string) [][]float64 {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows := must(csv.NewReader(f).ReadAll())
	out := make([][]float64, len(names))
	for k, name := range names {
		for c, head := range rows[0] {
			if head != name {
				continue
			}
			for _, row := range rows[1:] {
				out[k] = append(out[k], must(strconv.ParseFloat(row[c], 64)))
			}
		}
		if out[k] == nil {
			t.Fatalf("%s has no %s", path, name)
		}
	}
	return out
}

// TestPythonObjective: a PyTorch network with batch normalization, recorded by
// sgdwalk.py, is walked, put on its landscape, and its Hessian looked at, by
// PyTorch's own losses and gradients.
func TestPythonObjective(t *testing.T) {
	interpreter := recordtest.Python(t, "torch")
	work := t.TempDir()
	dir, truth := filepath.Join(work, "run"), filepath.Join(work, "truth.npz")
	if out, err := runPython(t, interpreter, examples+"torch_cnn.py", dir, truth); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	objective := servedFrom(t, interpreter, examples+"torch_objective.py")
	walk := append([]string{"walk", "-q", "--segments", "0-2", "--alphas", "0:1:3", "--also", "accuracy", dir},
		objective...)
	wantStatus(t, exitOK, walk...)
	landscape := append([]string{
		"landscape", "-q", "--grid", "3x3", "--also", "accuracy", "--objective-procs", "2",
		dir,
	}, objective...)
	wantStatus(t, exitOK, landscape...)

	// The points of both, computed again.
	var points, states [][]float32
	var got, accuracy []float64
	rows := columnsOf(t, filepath.Join(dir, "analysis/walk/losses.csv"), "step", "alpha", "loss", "accuracy")
	iterates, statistics := readRun(t, dir)
	between := func(all [][]float32, step, alpha float64) []float32 {
		a, b := all[int(step)], all[int(step)+1]
		return mix(a, alpha, func(j int) float64 { return float64(b[j]) - float64(a[j]) }, 0,
			func(int) float64 { return 0 })
	}
	for i := range rows[0] {
		points = append(points, between(iterates, rows[0][i], rows[1][i]))
		states = append(states, between(statistics, rows[0][i], rows[1][i]))
	}
	got, accuracy = append(got, rows[2]...), append(accuracy, rows[3]...)
	plane := columnsOf(t, filepath.Join(dir, "analysis/landscape/directions.csv"), "reference", "pc1", "pc2")
	grid := columnsOf(t, filepath.Join(dir, "analysis/landscape/grid.csv"), "a", "b", "loss", "accuracy")
	origin := make([]float32, len(plane[0]))
	for j, v := range plane[0] {
		origin[j] = float32(v)
	}
	for i := range grid[0] {
		points = append(points, mix(origin, grid[0][i], func(j int) float64 { return plane[1][j] }, grid[1][i],
			func(j int) float64 { return plane[2][j] }))
		states = append(states, statistics[len(statistics)-1])
	}
	got, accuracy = append(got, grid[2]...), append(accuracy, grid[3]...)

	flat, flatStates := slices.Concat(points...), slices.Concat(states...)
	file := filepath.Join(work, "points.npz")
	arrays := []npzArray{
		{"points", npy(flat, len(points), len(points[0]))},
		{"state", npy(flatStates, len(states), len(states[0]))},
	}
	if err := writeNPZ(file, arrays); err != nil {
		t.Fatal(err)
	}
	out, err := runPython(t, interpreter, "-c", trueLosses, examples+"torch_objective.py", file)
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var want [][2]float64
	if err := json.Unmarshal([]byte(out), &want); err != nil || len(want) != len(got) || len(got) != 3*3+3*3 {
		t.Fatalf("%d losses, PyTorch has %d: %v", len(got), len(want), err)
	}
	for i, w := range want {
		if math.Abs(got[i]-w[0]) > 1e-6*math.Abs(w[0]) || math.Abs(accuracy[i]-w[1]) > 1e-6 {
			t.Errorf("point %d: loss %v, accuracy %v; PyTorch has %v", i, got[i], accuracy[i], w)
		}
	}

	_, stderr := wantStatus(t, exitOK,
		append([]string{"curvature", "-q", "--top", "2", "--products", "12", dir}, objective...)...)
	if !strings.Contains(stderr, "loss") {
		t.Errorf("curvature says %q", stderr)
	}
	var summary struct {
		Provenance struct{ Objective string }
	}
	text := must(os.ReadFile(filepath.Join(dir, "analysis/walk/summary.json")))
	if err := json.Unmarshal(text, &summary); err != nil ||
		!strings.HasSuffix(summary.Provenance.Objective, "torch_objective.py") {
		t.Errorf("provenance names %q: %v", summary.Provenance.Objective, err)
	}
}

// mix is origin + a u + b v, rounded once.
func mix(origin []float32, a float64, u func(int) float64, b float64, v func(int) float64) []float32 {
	out := make([]float32, len(origin))
	for j, o := range origin {
		out[j] = float32(float64(o) + a*u(j) + b*v(j))
	}
	return out
}

// readRun returns the iterates of a run, and their statistics.
func readRun(t *testing.T, dir string) (theta, state [][]float32) {
	t.Helper()
	r := must(arrowfile.Open(dir))
	t.Cleanup(func() { r.Close() })
	for i := range r.Len() {
		s := must(r.Read(i, record.AllParts))
		theta, state = append(theta, s.Theta), append(state, s.State)
	}
	return theta, state
}

// servedFrom makes sgdwalk.py importable for programs that the objective starts, and
// returns the flag for an example.
func servedFrom(t *testing.T, interpreter, example string) []string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "sgdwalk.py"), []byte(python.Source()), 0o666); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PYTHONPATH", dir)
	t.Setenv("PYTHONDONTWRITEBYTECODE", "1")
	return []string{"--objective", "'" + interpreter + "' " + example}
}

// TestPythonArraysObjective: a numpy model with gradients of its own. Its Hessian is
// known: X' diag(p (1-p)) X over the examples.
func TestPythonArraysObjective(t *testing.T) {
	interpreter := recordtest.Python(t, "numpy")
	dir := filepath.Join(t.TempDir(), "run")
	if out, err := runPython(t, interpreter, examples+"numpy_model.py", dir); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	objective := servedFrom(t, interpreter, examples+"numpy_objective.py")
	wantStatus(t, exitOK, append([]string{"walk", "-q", "--segments", "0-2", "--also", "accuracy", dir},
		objective...)...)
	losses := columnsOf(t, filepath.Join(dir, "analysis/walk/losses.csv"), "loss", "accuracy")
	if math.Abs(losses[0][0]-math.Ln2) > 1e-12 || losses[0][len(losses[0])-1] >= math.Ln2 {
		t.Errorf("losses %v; want ln 2 at zero, and less after it", losses)
	}
	wantStatus(t, exitOK, append([]string{"curvature", "-q", "--step", "0", "--top", "2", dir}, objective...)...)
	out, err := runPython(t, interpreter, "-c", `
import sys, json
import numpy as np
sys.modules["sgdwalk"] = type(sys)("sgdwalk")
sys.modules["sgdwalk"].serve = lambda *_: None
exec(open(sys.argv[1]).read())
X = np.concatenate([x.astype(np.float64), np.ones((len(x), 1))], 1)
print(json.dumps(list(np.linalg.eigvalsh(X.T @ X / 4 / len(x))[::-1])))
`, examples+"numpy_objective.py")
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var want []float64
	if err := json.Unmarshal([]byte(out), &want); err != nil {
		t.Fatal(err)
	}
	got := columnsOf(t, filepath.Join(dir, "analysis/curvature/eigenvalues.csv"), "eigenvalue")[0]
	// Central differences of gradients that are rounded to float32.
	for i, w := range want[:2] {
		if math.Abs(got[i]-w) > 1e-3*w {
			t.Errorf("eigenvalue %d is %v; numpy has %v", i+1, got[i], w)
		}
	}
}

// TestPythonServeFailures: what a Python objective does wrong is one line.
func TestPythonServeFailures(t *testing.T) {
	interpreter := recordtest.Python(t, "numpy")
	dir := filepath.Join(t.TempDir(), "run")
	if out, err := runPython(t, interpreter, examples+"numpy_model.py", dir); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	_, stderr := wantStatus(t, exitFailure, "walk", "-q", dir)
	if !strings.Contains(stderr, "--objective") {
		t.Errorf("without an objective: %q", stderr)
	}
	for _, c := range []struct{ verb, body, want string }{
		{"walk", "serve(lambda m: 1 / 0, model)", "could not evaluate: ZeroDivisionError: division by zero"},
		{"walk", "serve(lambda m: np.random.rand(), model)", "is not deterministic"},
		{
			"walk", "serve(lambda m: 1.0, {'v': np.zeros((1, 2), np.float32)})",
			"has v [1 2] as tensor 1 of its theta; the run has w [1 2] there",
		},
		{"walk", "serve(lambda m: {'accuracy': 1.0}, model)", `has no "loss"`},
		{"walk", "serve(lambda m: np.zeros(3), model)", "could not evaluate: loss_fn returned a ndarray of shape [3] as 'loss'"},
		{"walk", "serve(lambda m: 1.0, [1])", "the model is a list"},
		{"walk", "serve(lambda m: None, model)", "loss_fn returned None as 'loss'; it must return one number"},
		{"walk", "serve(lambda m: (1.0, 0.5), model)", "loss_fn returned a tuple as 'loss'"},
		{
			"walk", "import sys; serve(lambda m: sys.exit(3), model)",
			"could not evaluate: loss_fn ended the program: sys.exit(3)",
		},
		{"walk", "raise SystemExit('no data')", "died (exit status 1); it said: no data"},
		{"curvature", "serve(lambda m: 1.0, model)", "a gradient is wanted: loss_fn must return"},
	} {
		script := filepath.Join(t.TempDir(), "objective.py")
		text := "import numpy as np\nfrom sgdwalk import serve\nmodel = {'w': np.zeros((1, 2), np.float32), 'b': " +
			"np.zeros(1, np.float32)}\n" + c.body + "\n"
		if err := os.WriteFile(script, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		_, stderr := wantStatus(t, exitFailure,
			append([]string{c.verb, "-q", dir}, servedFrom(t, interpreter, script)...)...)
		lines := strings.Split(strings.TrimSpace(stderr), "\n")
		if last := lines[len(lines)-1]; !strings.HasPrefix(last, "sgdwalk: ") || !strings.Contains(last, c.want) {
			t.Errorf("%s: %q; want %q", c.body, stderr, c.want)
		}
	}
}
