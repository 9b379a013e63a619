package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/train/replay"
)

// objectiveName is the command that the test binary is as an objective.
const objectiveName = "sgdwalk-objective"

// runObjective evaluates the loss of a run, its first argument, that it rebuilds
// itself: another program as far as anybody can see, written from OBJECTIVE.md. The
// second argument [gradientsOnly] takes its products away. Any other second argument
// names a file for its process id; then it never answers.
func runObjective() {
	r := must(arrowfile.Open(os.Args[1]))
	x := must(replay.FromHeader(r.Header(), replay.Options{}))
	train, test := must(x.TrainLoss()), must(x.TestLoss())
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	var hello struct {
		Layout                             json.RawMessage
		Theta, Gradient, Vectors, Products string

		Elements int
	}
	in.Scan()
	if err := json.Unmarshal(in.Bytes(), &hello); err != nil {
		panic(err)
	}
	theta := must(os.Open(hello.Theta))
	var gradient *os.File
	if hello.Gradient != "" {
		gradient = must(os.OpenFile(hello.Gradient, os.O_WRONLY, 0))
	}
	var vectors, products *os.File
	if hello.Vectors != "" {
		vectors, products = must(os.Open(hello.Vectors)), must(os.OpenFile(hello.Products, os.O_WRONLY, 0))
	}
	plain := slices.Contains(os.Args[2:], gradientsOnly)
	fmt.Printf(`{"sgdwalk_objective":1,"layout":%s,"gradient":true,"hessian":%v}`+"\n", hello.Layout, !plain)
	point, grad, raw := make([]float32, hello.Elements), make([]float32, hello.Elements), make([]byte, 4*hello.Elements)
	read := func(from *os.File, at int, to []float32) {
		must(from.ReadAt(raw, int64(at*len(raw))))
		for i := range to {
			to[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		}
	}
	write := func(to *os.File, at int, from []float32) {
		for i, v := range from {
			binary.LittleEndian.PutUint32(raw[4*i:], math.Float32bits(v))
		}
		must(to.WriteAt(raw, int64(at*len(raw))))
	}
	ctx := context.Background()
	for in.Scan() {
		if len(os.Args) > 2 && !plain {
			if err := os.WriteFile(os.Args[2], []byte(strconv.Itoa(os.Getpid())), 0o666); err != nil {
				panic(err)
			}
			time.Sleep(time.Hour)
		}
		var q struct {
			ID      int64
			Want    []string
			Vectors int
		}
		if err := json.Unmarshal(in.Bytes(), &q); err != nil {
			panic(err)
		}
		read(theta, 0, point)
		answer := map[string]any{"id": q.ID}
		switch {
		case slices.Contains(q.Want, "hessian"):
			for k := range q.Vectors {
				v, h := make([]float32, len(point)), make([]float32, len(point))
				read(vectors, k, v)
				if err := train.HessianVectors(ctx, point, [][]float32{v}, [][]float32{h}); err != nil {
					panic(err)
				}
				write(products, k, h)
			}
		case slices.Contains(q.Want, "gradient"):
			answer["loss"] = must(train.Gradient(ctx, point, grad))
			write(gradient, 0, grad)
		default:
			m, h := must(train.Evaluate(ctx, point)), must(test.Evaluate(ctx, point))
			answer["loss"], answer["accuracy"], answer["test_loss"], answer["test_accuracy"] = m.Loss, m.Accuracy,
				h.Loss, h.Accuracy
		}
		fmt.Printf("%s\n", must(json.Marshal(answer)))
	}
}

// gradientsOnly is the argument of a program that offers no products.
const gradientsOnly = "gradients-only"

// TestLandscapeNamesDifferences: eigenvectors and eigenvalues from differences of
// gradients carry this label in the axes, the summary and the warnings; exact ones do not.
func TestLandscapeNamesDifferences(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run")
	wantStatus(t, exitOK, "train", "-q", "--data", "digits", "--model", "mlp:2", "--epochs", "1", "--batch", "200",
		"--out", dir)
	for _, c := range []struct {
		objective []string
		want      bool
	}{{nil, false}, {
		[]string{"--objective", objectiveName + " '" + dir + "'"},
		false,
	}, {[]string{"--objective", objectiveName + " '" + dir + "' " + gradientsOnly}, true}} {
		out := filepath.Join(t.TempDir(), "out")
		stdout, _ := wantStatus(t, exitOK,
			slices.Concat([]string{
				"landscape", "--plane", "hessian", "--products", "12", "--also", "eigenvalues",
				"--grid", "2x2", "--out", out,
			}, c.objective, []string{dir})...)
		summary := string(must(os.ReadFile(filepath.Join(out, "summary.json"))))
		for what, text := range map[string][2]string{
			"the method of the plane": {
				summary,
				`"product_method": "finite differences of gradients over a step of `,
			},
			"the method of the eigenvalue": {summary, `"differences": "the program offers gradients only`},
			"the warning of the plane": {
				stdout,
				"the eigenvectors of the plane come from finite differences of gradients over a step of ",
			},
			"the warning of the map": {stdout, "the eigenvalues come from finite differences of gradients"},
		} {
			if got := strings.Contains(text[0], text[1]); got != c.want {
				t.Errorf("%v: %s is there: %v, want %v in\n%s", c.objective, what, got, c.want, text[0])
			}
		}
	}
}

// TestObjectiveIsTheLoss: through another program every number of walk, line,
// landscape and curvature is what it is without one, to the last digit, with any
// number of processes.
func TestObjectiveIsTheLoss(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run")
	wantStatus(t, exitOK, "train", "-q", "--data", "digits", "--model", "mlp:2", "--epochs", "1", "--batch", "200",
		"--out", dir)
	for _, c := range []struct {
		args, native []string
		files        []string
	}{
		{
			[]string{"walk", "--segments", "0-2", "--alphas", "0:1:3", "--also", "test_loss,accuracy,test_accuracy"},
			[]string{"--plain"},
			[]string{"losses.csv", "segments.csv"},
		},
		{[]string{"line", "--alphas", "0:1:4", "--also", "test_accuracy"}, []string{"--plain"}, []string{"losses.csv"}},
		{
			[]string{"line", "--alphas", "0:1:4", "--curve", "bezier", "--curve-steps", "2"},
			[]string{"--plain"},
			[]string{"curve_losses.csv"},
		},
		{[]string{"landscape", "--grid", "3x3"}, []string{"--plain"}, []string{"grid.csv"}},
		{
			[]string{"average", "--at", "every:2", "--windows", "2,4", "--ema", "0.4", "--also", "test_loss,accuracy"},
			[]string{"--plain"},
			[]string{"averages.csv", "gains.csv"},
		},
		{[]string{"curvature", "--top", "1", "--products", "5"}, nil, []string{"eigenvalues.csv", "spectrum.csv"}},
	} {
		native := filepath.Join(t.TempDir(), "native")
		wantStatus(t, exitOK, slices.Concat(c.args, c.native, []string{"-q", "--out", native, dir})...)
		for _, procs := range []string{"1", "3"} {
			out := filepath.Join(t.TempDir(), "out")
			stdout, _ := wantStatus(t, exitOK,
				slices.Concat(c.args, []string{
					"-q", "--out", out, "--objective", objectiveName + " '" + dir + "'",
					"--objective-procs", procs, dir,
				})...)
			for _, name := range c.files {
				want, got := must(os.ReadFile(filepath.Join(native, name))), must(os.ReadFile(filepath.Join(out, name)))
				if string(want) != string(got) {
					t.Errorf("%v with %s processes: %s is\n%s\nwithout them it is\n%s", c.args, procs, name, got, want)
				}
			}
			if strings.Contains(stdout, "objective") {
				t.Errorf("%v: %s", c.args, stdout)
			}
		}
	}
	// What has an accuracy has it everywhere: one evaluation gives all four.
	out := filepath.Join(t.TempDir(), "out")
	wantStatus(t, exitOK, "landscape", "-q", "--grid", "2x2", "--also", "accuracy,test_loss", "--out", out,
		"--objective", objectiveName+" '"+dir+"'", dir)
	if text := string(must(os.ReadFile(filepath.Join(out, "summary.json")))); !strings.Contains(text,
		`"shared": false`) {
		t.Error("the summary says that points which another program evaluated shared work")
	}
	if v := columnsOf(t, filepath.Join(out, "grid.csv"), "loss", "accuracy", "test_loss",
		"test_accuracy"); v[0][0] == v[2][0] || v[1][0] <= 0 || v[1][0] > 1 {
		t.Errorf("the grid has %v", v)
	}
}

// TestObjectiveOfShortSteps: the curvature of steps that are too short for the losses
// comes from products of the program itself, or of the other one.
func TestObjectiveOfShortSteps(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	wantStatus(t, exitOK, "train", "-q", "--data", "digits", "--model", "mlp:2", "--epochs", "1", "--batch", "400",
		"--lr", "1e-6", "--out", dir)
	var want string
	for i, args := range [][]string{{"--plain"}, {"--objective", objectiveName + " '" + dir + "'"}} {
		out := filepath.Join(t.TempDir(), "out")
		stdout, _ := wantStatus(t, exitOK,
			slices.Concat([]string{"walk", "--segments", "0-2", "--out", out}, args, []string{dir})...)
		got := string(must(os.ReadFile(filepath.Join(out, "segments.csv"))))
		if strings.Count(got, ",hessian,") != 3 ||
			!strings.Contains(stdout, "losses of 3 of 3 steps do not determine the curvature") ||
			!strings.Contains(stdout, "For 3 of these steps the curvature is d'Hd") {
			t.Errorf("%v: %s%s", args, got, stdout)
		}
		if i > 0 && got != want {
			t.Errorf("with the objective:\n%s\nwithout:\n%s", got, want)
		}
		want = got
	}
}

// TestObjectiveCompares: so has a comparison of runs, whatever they are called.
func TestObjectiveCompares(t *testing.T) {
	t.Parallel()
	work := t.TempDir()
	a, b := filepath.Join(work, "sgd"), filepath.Join(work, "adam")
	for _, args := range [][]string{{"--optimizer", "sgd", "--out", a}, {"--optimizer", "adam", "--out", b}} {
		wantStatus(t, exitOK, append([]string{
			"train", "-q", "--data", "digits", "--model", "mlp:2", "--epochs", "1",
			"--batch", "200",
		}, args...)...)
	}
	call := []string{
		"compare", "-q", "--plain", "--grid", "4x3", "--segments", "3", "--hessians", "1", "--products",
		"4", "--curve-steps", "2", a, b,
	}
	native := filepath.Join(work, "native")
	wantStatus(t, exitOK, append(call, "--out", native)...)
	command := objectiveName + " '" + a + "'"
	for _, procs := range []string{"1", "2"} {
		out := filepath.Join(work, "out"+procs)
		wantStatus(t, exitOK, append(call, "--out", out, "--objective", command, "--objective-procs", procs, "--also",
			"test_loss,test_accuracy")...)
		for _, name := range []string{
			"series.csv", "paths.csv", "grid.csv", "compared.csv", "runs.csv", "groups.csv",
			"barriers.csv",
		} {
			want, got := must(os.ReadFile(filepath.Join(native, name))), must(os.ReadFile(filepath.Join(out, name)))
			if string(want) != string(got) {
				t.Errorf("with %s processes %s is\n%s\nwithout them it is\n%s", procs, name, got, want)
			}
		}
		if _, err := os.Stat(filepath.Join(out, "agreement.csv")); err == nil {
			t.Error("an objective has predicted classes")
		}
		var result struct {
			Warnings   []struct{ Code string }
			Provenance struct{ Objective, Policy string }
		}
		if err := json.Unmarshal(must(os.ReadFile(filepath.Join(out, "summary.json"))), &result); err != nil {
			t.Fatal(err)
		}
		if p := result.Provenance; p.Objective != objectiveName+" "+a || p.Policy != "objective" {
			t.Errorf("provenance is %+v", p)
		}
		if !slices.ContainsFunc(result.Warnings,
			func(w struct{ Code string }) bool { return w.Code == "no_agreement" }) {
			t.Errorf("warnings are %+v", result.Warnings)
		}
	}
	// Runs that call their model differently have the objective's loss all the same.
	c := filepath.Join(work, "renamed")
	renamed(t, b, c, "another program's name")
	out := filepath.Join(work, "one")
	wantStatus(t, exitOK, "compare", "-q", "--grid", "2x2", "--segments", "0", "--hessians", "0", "--curve-steps", "0",
		"--out", out, "--objective", command, a, c)
	if text := string(must(os.ReadFile(filepath.Join(out, "summary.json")))); !strings.Contains(text,
		"objective_for_all") || strings.Contains(text, "different_models") {
		t.Errorf("the summary of runs that name their models differently is %s", text)
	}
	for _, name := range []string{"grid.csv", "barriers.csv"} {
		if _, err := os.Stat(filepath.Join(out, name)); err != nil {
			t.Error(err)
		}
	}
	other := filepath.Join(work, "other")
	wantStatus(t, exitOK, "train", "-q", "--data", "digits", "--model", "mlp:3", "--epochs", "1", "--batch", "600",
		"--out", other)
	for _, c := range []struct {
		status int
		args   []string
		want   string
	}{
		{exitFailure, []string{a, other, "--objective", command}, "different layouts"},
		{exitUsage, []string{a, b, "--objective", command, "--also", "height"}, `--also has "height"`},
		{exitUsage, []string{a, b, "--also", "test_loss"}, "it is for --objective"},
		{exitUsage, []string{a, b, "--objective", command, "--data", "digits"}, "--data"},
		{exitFailure, []string{a, b, "--objective", objectiveName + " '" + other + "'"}, "died"},
	} {
		out := filepath.Join(work, "refused")
		_, stderr := wantStatus(t, c.status, append([]string{"compare", "-q", "--out", out}, c.args...)...)
		lines := strings.Split(strings.TrimSpace(stderr), "\n")
		if last := lines[len(lines)-1]; !strings.HasPrefix(last, "sgdwalk: ") || !strings.Contains(last, c.want) {
			t.Errorf("%v: %q; want %q", c.args, stderr, c.want)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%v has written something", c.args)
		}
	}
}

// renamed copies a run into another directory under another name of its model.
func renamed(t *testing.T, from, to, model string) {
	t.Helper()
	r := must(arrowfile.Open(from))
	defer r.Close()
	h := r.Header().Clone()
	h.Model = model
	w := must(arrowfile.Create(to, h, arrowfile.Options{}))
	for i := range r.Len() {
		s := must(r.Read(i, record.AllParts))
		if err := w.Append(&s); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestObjectiveBadCalls: a mistake is one line, and nothing is written.
func TestObjectiveBadCalls(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	wantStatus(t, exitOK, "train", "-q", "--data", "digits", "--model", "mlp:2", "--epochs", "1", "--batch", "600",
		"--out", dir)
	command := objectiveName + " '" + dir + "'"
	for _, c := range []struct {
		status int
		args   []string
		want   string
	}{
		{exitUsage, []string{"walk", "--objective", command, "--data", "digits"}, "--data"},
		{exitUsage, []string{"line", "--objective", command, "--norm", "running"}, `--norm is "running"`},
		{exitUsage, []string{"curvature", "--objective", command, "--objective-procs", "0"}, "--objective-procs is 0"},
		{
			exitUsage,
			[]string{"landscape", "--objective", command, "--objective-timeout", "0s"},
			"--objective-timeout is 0s",
		},
		{
			exitUsage,
			[]string{"landscape", "--objective", command, "--objective-restarts", "-1"},
			"--objective-restarts",
		},
		{exitUsage, []string{"walk", "--allow-noisy-objective"}, "--objective, which is not given"},
		{exitUsage, []string{"walk", "--objective", "a 'b"}, "does not end"},
		{exitUsage, []string{"walk", "--objective", command, "--also", "batch_loss"}, "does not know the batches"},
		{exitUsage, []string{"line", "--objective", command, "--also", "height"}, `--also has "height"`},
		{exitFailure, []string{"walk", "--objective", "/no/such/program"}, "/no/such/program could not be started"},
		{exitFailure, []string{"walk", "--objective", objectiveName + " /no/run"}, "died (exit status 2)"},
	} {
		_, stderr := wantStatus(t, c.status, append(c.args, "-q", dir)...)
		lines := strings.Split(strings.TrimSpace(stderr), "\n")
		if last := lines[len(lines)-1]; !strings.HasPrefix(last, "sgdwalk: ") || !strings.Contains(last, c.want) {
			t.Errorf("%v: %q; want %q", c.args, stderr, c.want)
		}
		if _, err := os.Stat(filepath.Join(dir, "analysis")); err == nil {
			t.Errorf("%v has written something", c.args)
		}
	}
}

// TestObjectiveInterrupted: Ctrl-C, and even kill -9, leave no process behind.
func TestObjectiveInterrupted(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("no /proc to see processes in")
	}
	dir := filepath.Join(t.TempDir(), "run")
	wantStatus(t, exitOK, "train", "-q", "--data", "digits", "--model", "mlp:2", "--epochs", "1", "--batch", "600",
		"--out", dir)
	for _, signal := range []os.Signal{os.Interrupt, os.Kill} {
		name := filepath.Join(t.TempDir(), "pid")
		cmd := exec.Command("sgdwalk", "walk", "-q", "--objective",
			fmt.Sprintf("%s '%s' '%s'", objectiveName, dir, name), dir)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		pid := ""
		for range 1000 {
			text, _ := os.ReadFile(name)
			if pid = string(text); pid != "" {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if pid == "" {
			t.Fatalf("the objective was asked nothing: %s", stderr.String())
		}
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil {
			t.Errorf("%v: the walk went on", signal)
		}
		// What a kill before the first answer leaves is removed by a later call; after
		// an interrupt nothing is left.
		left, _ := filepath.Glob(fmt.Sprintf("/dev/shm/sgdwalk-objective-%d-*", cmd.Process.Pid))
		if signal == os.Interrupt && left != nil {
			t.Errorf("interrupted, the program leaves %v", left)
		}
		for _, dir := range left {
			os.RemoveAll(dir)
		}
		gone := false
		for range 200 {
			stat, err := os.ReadFile("/proc/" + pid + "/stat")
			if gone = err != nil || strings.Contains(string(stat), ") Z "); gone {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if !gone {
			t.Errorf("%v: process %s, the objective, goes on", signal, pid)
		}
		if signal == os.Interrupt && (strings.Count(stderr.String(), "\n") != 1 ||
			!strings.HasPrefix(stderr.String(), "sgdwalk: ")) {
			t.Errorf("interrupted, the program says %q", stderr.String())
		}
	}
}
