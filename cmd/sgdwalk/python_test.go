package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"sgdwalk/notebooks/python"
	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/exchange"
	"sgdwalk/record/recordtest"
)

// runPython runs a program with sgdwalk.py, as `sgdwalk python` prints it, to be
// imported.
func runPython(t *testing.T, interpreter string, args ...string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	source, _ := wantStatus(t, exitOK, "python")
	if source != python.Source() {
		t.Fatal("sgdwalk python prints something else")
	}
	if err := os.WriteFile(filepath.Join(dir, "sgdwalk.py"), []byte(source), 0o666); err != nil {
		t.Fatal(err)
	}
	return runPythonFrom(t, dir, interpreter, args...)
}

// runPackage runs a program that imports the package sgdwalk from its folder.
func runPackage(t *testing.T, interpreter string, args ...string) (string, error) {
	t.Helper()
	return runPythonFrom(t, must(filepath.Abs("../../notebooks/python")), interpreter, args...)
}

// runPythonFrom runs a program that imports sgdwalk from a folder.
func runPythonFrom(t *testing.T, dir, interpreter string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command(interpreter, args...)
	cmd.Env = append(os.Environ(), "PYTHONPATH="+dir, "PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

const examples = "../../notebooks/python/examples/"

// TestPythonForms: the package and the file that `sgdwalk python` prints have the same
// public names, and record the same run.
func TestPythonForms(t *testing.T) {
	interpreter := recordtest.Python(t, "numpy")
	var names, identities []string
	for _, run := range []func(*testing.T, string, ...string) (string, error){runPython, runPackage} {
		out, err := run(t, interpreter, "-c", `
import inspect, sgdwalk
for n in sorted(sgdwalk.__all__):
    value = getattr(sgdwalk, n)
    is_error = isinstance(value, type) and issubclass(value, Exception)
    print(n, [c.__name__ for c in value.__mro__] if is_error else inspect.signature(value), inspect.getdoc(value))
print(sgdwalk.__doc__)
`)
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		names = append(names, out)
		dir := filepath.Join(t.TempDir(), "run")
		if out, err := run(t, interpreter, examples+"numpy_model.py", dir); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		r := must(arrowfile.Open(dir))
		defer r.Close()
		last := must(r.Read(r.Len()-1, record.AllParts))
		identities = append(identities, fmt.Sprint(r.Len(), r.Header().Layout, last.Theta))
	}
	if names[0] != names[1] || !strings.Contains(names[0], "Recorder (model") {
		t.Errorf("the file exports\n%s\nthe package exports\n%s", names[0], names[1])
	}
	if identities[0] != identities[1] {
		t.Errorf("the file records\n%s\nthe package records\n%s", identities[0], identities[1])
	}
}

// TestPythonArrays: a numpy model is recorded by the rule of descent, bit for bit.
func TestPythonArrays(t *testing.T) {
	interpreter := recordtest.Python(t, "numpy")
	dir := filepath.Join(t.TempDir(), "run")
	if out, err := runPython(t, interpreter, examples+"numpy_model.py", dir); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	r, err := arrowfile.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.Len() != 61 || r.Header().Steps != 60 || end(t, dir).Status != "finished" {
		t.Fatalf("%d rows of %d steps, %+v", r.Len(), r.Header().Steps, end(t, dir))
	}
	for k := range 60 {
		s, next := must(r.Read(k, record.AllParts)), must(r.Read(k+1, record.AllParts))
		for i := range s.Theta {
			step := float32(0.2) * s.Grad[i] // rounded before it is subtracted, as numpy does
			if next.Theta[i] != s.Theta[i]-step {
				t.Fatalf("step %d, parameter %d: %v - 0.2 x %v is not %v", k, i, s.Theta[i], s.Grad[i], next.Theta[i])
			}
		}
		if s.Epoch != int32(1+k/20) || s.Examples != 20 || !s.BatchLoss.Valid {
			t.Errorf("row %d: %+v", k, s)
		}
	}
	if last := must(r.Read(60, record.AllParts)); !last.IsLast() || last.Step != 60 || last.Grad != nil {
		t.Errorf("the last row is %+v", last)
	}
	wantStatus(t, exitOK, "verify", dir)
	wantStatus(t, exitOK, "path", dir)
	wantStatus(t, exitOK, "pca", dir)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestPythonTorch: of a PyTorch network with batch normalization every parameter,
// gradient and statistic is what PyTorch had, and kinds are the layers'.
func TestPythonTorch(t *testing.T) {
	interpreter := recordtest.Python(t, "torch")
	dir, truth := filepath.Join(t.TempDir(), "run"), filepath.Join(t.TempDir(), "truth.npz")
	if out, err := runPython(t, interpreter, examples+"torch_cnn.py", dir, truth); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	r, err := arrowfile.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var kinds []string
	for _, l := range r.Header().Layout {
		kinds = append(kinds, string(l.Kind))
	}
	if want := "filter bias norm_scale norm_shift filter bias norm_scale norm_shift weight bias"; strings.Join(kinds,
		" ") != want {
		t.Errorf("kinds %v; want %s", kinds, want)
	}
	if o := r.Header().Optimizer; o.Name != "momentum" || o.Hyperparameters["learning_rate"] != 0.05 ||
		o.Hyperparameters["momentum"] != 0.9 {
		t.Errorf("optimizer %+v", o)
	}
	file, err := exchange.Open([]string{truth}, exchange.ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := must(record.NewMemory(file.Header()))
	if err := file.CopyTo(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	if r.Len() != 21 || want.Len() != 21 {
		t.Fatalf("%d rows recorded, %d seen by PyTorch; want 21", r.Len(), want.Len())
	}
	for k := range 21 {
		got, seen := must(r.Read(k, record.AllParts)), must(want.Read(k, record.AllParts))
		if !slices.Equal(got.Theta, seen.Theta) || !slices.Equal(got.State, seen.State) {
			t.Errorf("row %d: theta or state is not PyTorch's", k)
		}
		if k < 20 && (!slices.Equal(got.Grad, seen.Grad) || got.BatchLoss != seen.BatchLoss ||
			got.LearningRate != record.Some(0.05)) {
			t.Errorf("row %d: loss %v, PyTorch's %v, rate %v, or another gradient",
				k, got.BatchLoss, seen.BatchLoss, got.LearningRate)
		}
	}
	if first := must(r.Read(0, record.AllParts)).State; first[0] != 0 || first[8] != 1 {
		t.Errorf("the first row has the statistics %v; want those before any batch, means 0 and variances 1", first)
	}
	wantStatus(t, exitOK, "path", dir)
}

// TestPythonFailures: what the recorder says no to is a line in Python, and an
// exception in training marks the run.
func TestPythonFailures(t *testing.T) {
	interpreter := recordtest.Python(t, "numpy")
	dir := filepath.Join(t.TempDir(), "run")
	program := func(body string) string {
		return "import numpy as np\nfrom sgdwalk import Recorder\nw = {'w': np.zeros((2, 2), np.float32)}\n" + body
	}
	out, err := runPython(t, interpreter, "-c",
		program("with Recorder(w, out="+`"`+dir+`"`+
			") as r:\n  r.step(1.0)\n  r.step(0.5)\n  raise ValueError('mine')\n"))
	if err == nil || !strings.Contains(out, "ValueError: mine") || strings.Contains(out, "RecorderError") {
		t.Errorf("%v: %s", err, out)
	}
	if s := end(t, dir); s.Status != "unfinished" || s.Frames != 2 {
		t.Errorf("%+v", s)
	}
	for _, c := range []struct{ body, want string }{
		{
			"with Recorder(w, out='" + dir + "') as r:\n  for k in range(1000): r.step(1.0)\n",
			"RunExistsError: out='" + dir + "' exists already",
		},
		{
			"with Recorder(w, out='" + dir +
				"', args=['--forces', '--force']) as r:\n  for k in range(1000): r.step(1.0)\n",
			"RecorderError: sgdwalk: unknown flag --forces",
		},
		{"Recorder({}, out='x')\n", "the model has no parameters"},
		{"Recorder(w, out='x', program='no-such-program')\n", "'no-such-program' is not in PATH"},
		{"Recorder(w)\n", "out is missing"},
		{"Recorder([1], out='x')\n", "the model is a list"},
		{"Recorder(w, out='x', every=0)\n", "every is 0"},
		{"Recorder(w, out='x', kinds={'v': 'bias'})\n", "kinds names ['v']"},
		{"Recorder({'w': np.zeros(2, int)}, out='x')\n", "floating-point"},
	} {
		if out, err := runPython(t, interpreter, "-c", program(c.body)); err == nil || !strings.Contains(out, c.want) {
			t.Errorf("%s: %v, %s; want %q", c.body, err, out, c.want)
		}
	}
}

// TestPythonForked: a process that was forked while recording, such as a worker of a
// DataLoader, does not keep the stream open when training ends.
func TestPythonForked(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no fork")
	}
	interpreter := recordtest.Python(t, "numpy")
	dir := filepath.Join(t.TempDir(), "run")
	out, err := runPython(t, interpreter, "-c", `
import os, signal, sys, time
import numpy as np
from sgdwalk import Recorder, RecorderError
start, child = time.monotonic(), 0
try:
    with Recorder({"w": np.zeros((2, 2), np.float32)}, out=sys.argv[1]) as recorder:
        recorder.step(1.0)
        ready, told = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                recorder.step(2.0)
            except RecorderError as e:
                os.write(told, str(e).encode())
            time.sleep(60)
            os._exit(0)
        print("the child:", os.read(ready, 100).decode())
        raise KeyError("mine")
except KeyError:
    print("closed" if time.monotonic() - start < 30 else "waited for the child")
finally:
    if child:
        os.kill(child, signal.SIGKILL)
`, dir)
	if err != nil || out != "the child: the recorder is closed\nclosed\n" {
		t.Errorf("%v: %s", err, out)
	}
	if s := end(t, dir); s.Status != "unfinished" || s.Frames != 1 {
		t.Errorf("%+v", s)
	}
}

// TestPythonCases: schedulers, groups of parameters, frozen and tied ones, accumulated
// gradients, LBFGS, double precision, workers: the rows are what PyTorch had.
func TestPythonCases(t *testing.T) {
	interpreter := recordtest.Python(t, "torch")
	if out, err := runPython(t, interpreter, "../../notebooks/python/testdata/cases.py", t.TempDir()); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// TestPythonChecks: what a recording can go wrong by is noticed once, in words, or
// recorded as it was: places of step(), hooks, several optimizers, mixed precision, state,
// complex and sparse tensors, bad values, ranks, notebooks, a program that dies.
func TestPythonChecks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no signals to end a process")
	}
	interpreter := recordtest.Python(t, "torch")
	if out, err := runPackage(t, interpreter, "-W", "ignore", "../../notebooks/python/testdata/checks.py",
		t.TempDir()); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// TestPythonCheckpoints: a folder of checkpoints of PyTorch becomes the run that the
// recorder made of the same training, as far as it has its steps, and its loss is
// looked at along a line and on a plane.
func TestPythonCheckpoints(t *testing.T) {
	interpreter := recordtest.Python(t, "torch")
	work := t.TempDir()
	checkpoints, dir, recorded := filepath.Join(work, "checkpoints"), filepath.Join(work, "run"),
		filepath.Join(work, "recorded")
	for _, args := range [][]string{
		{examples + "torch_checkpoints.py", checkpoints},
		{examples + "torch_cnn.py", recorded},
	} {
		if out, err := runPython(t, interpreter, args...); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	out, _ := wantStatus(t, exitOK, "import", checkpoints, "--layout", filepath.Join(checkpoints, "layout.json"),
		"--out", dir)
	for _, want := range []string{
		"11 rows of 732 parameters in 10 tensors", `the key "model"`,
		`2 arrays of type int64 are left out: parameters are floating-point numbers ("1.num_batches_tracked", `, "the steps, 0 to 20, come from the step in the file's metadata",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("import says %q; want %q", out, want)
		}
	}
	got, want := must(arrowfile.Open(dir)), must(arrowfile.Open(recorded))
	defer got.Close()
	defer want.Close()
	if !got.Header().Layout.Equal(want.Header().Layout) || !got.Header().State.Equal(want.Header().State) {
		t.Fatalf("layout %v; the recorder's is %v", got.Header().Layout, want.Header().Layout)
	}
	for i := range got.Len() {
		a := must(got.Read(i, record.AllParts))
		b := must(want.Read(int(a.Step), record.AllParts))
		if a.Step != int64(2*i) || !slices.Equal(a.Theta, b.Theta) || !slices.Equal(a.State, b.State) {
			t.Errorf("row %d, step %d: theta or state is not what was recorded", i, a.Step)
		}
	}
	wantStatus(t, exitOK, "path", dir)
	wantStatus(t, exitOK, "pca", dir)
	objective := servedFrom(t, interpreter, examples+"torch_objective.py")
	for _, verb := range [][]string{{"line", "-q", dir}, {"landscape", "-q", "--grid", "5x5", dir}} {
		wantStatus(t, exitOK, append(verb, objective...)...)
	}
	// Both ends of the line are losses of checkpoints, and training lowered them.
	losses := columnsOf(t, filepath.Join(dir, "analysis/line/losses.csv"), "alpha", "loss")
	at := map[float64]float64{}
	for i, a := range losses[0] {
		at[a] = losses[1][i]
	}
	if !(at[1] < at[0]) {
		t.Errorf("losses along the line: %v", at)
	}
	if _, err := os.Stat(filepath.Join(dir, "analysis/landscape/landscape.svg")); err != nil {
		t.Error(err)
	}
}

// TestPythonInterrupted: Ctrl-C while a step is being written is caught by the script,
// which closes the recorder: the step is written whole.
func TestPythonInterrupted(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no signals to end a process")
	}
	interpreter := recordtest.Python(t, "numpy")
	dir := filepath.Join(t.TempDir(), "run")
	out, err := runPython(t, interpreter, "-c", `
import os, signal, sys, threading
import numpy as np
from sgdwalk import Recorder

w = np.zeros((1000, 500), np.float32)
recorder = Recorder({"w": w}, out=sys.argv[1])
os.kill(recorder._process.pid, signal.SIGSTOP)  # a slow disk
threading.Timer(0.7, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    while True:
        recorder.step(1.0)
        w += 1
except KeyboardInterrupt:
    print("caught")
os.kill(recorder._process.pid, signal.SIGCONT)
recorder.close()
`, dir)
	if err != nil || !strings.HasPrefix(out, "caught\n") {
		t.Errorf("%v: %s", err, out)
	}
	if s := end(t, dir); s.Status != "finished" {
		t.Errorf("%+v", s)
	}
	wantStatus(t, exitOK, "verify", dir)
	r := must(arrowfile.Open(dir))
	defer r.Close()
	for i := range r.Len() {
		if s := must(r.Read(i, record.AllParts)); i < r.Len()-1 && s.Theta[0] != float32(i) {
			t.Errorf("row %d has theta %v", i, s.Theta[0])
		}
	}
}

// TestPythonEvery: one step in three, the first and the last, and the header says so.
func TestPythonEvery(t *testing.T) {
	interpreter := recordtest.Python(t, "numpy")
	dir := filepath.Join(t.TempDir(), "run")
	out, err := runPython(t, interpreter, "-c", `
import sys
import numpy as np
from sgdwalk import Recorder
w = np.zeros((2, 2), np.float32)
with Recorder({"w": w}, out=sys.argv[1], every=3) as recorder:
    for k in range(8):
        recorder.step(8.0 - k)
        w += 1
`, dir)
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	r := must(arrowfile.Open(dir))
	defer r.Close()
	var steps []int64
	for i := range r.Len() {
		s := must(r.Read(i, record.AllParts))
		if steps = append(steps, s.Step); s.Theta[0] != float32(s.Step) {
			t.Errorf("step %d has theta %v", s.Step, s.Theta)
		}
	}
	if !slices.Equal(steps, []int64{0, 3, 6, 8}) || r.Header().Schedule.String() != "every:3" {
		t.Errorf("steps %v, schedule %s", steps, r.Header().Schedule)
	}
}
