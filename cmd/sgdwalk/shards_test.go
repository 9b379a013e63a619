package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sgdwalk/analyze/shard"
	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
)

// trainSmall records a run for an analysis to be shared.
func trainSmall(t *testing.T, more ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	wantStatus(t, exitOK, append([]string{
		"train", "-q", "--data", "digits", "--model", "mlp:4", "--epochs", "1",
		"--batch", "200", "--grad", "--out", dir,
	}, more...)...)
	return dir
}

// sameFiles compares two directories byte for byte.
func sameFiles(t *testing.T, what, got, want string) {
	t.Helper()
	list := func(dir string) (names []string) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	if a, b := list(got), list(want); !slices.Equal(a, b) {
		t.Errorf("%s: files are %v, want %v", what, a, b)
	}
	for _, name := range list(want) {
		a, b := must(os.ReadFile(filepath.Join(got, name))), must(os.ReadFile(filepath.Join(want, name)))
		if !bytes.Equal(a, b) {
			t.Errorf("%s: %s differs from that of one process", what, name)
		}
	}
}

// TestShardsAreOneProcess: with any number of shards, in any order, some worked on
// twice, every file of the result has the bytes that one process writes.
func TestShardsAreOneProcess(t *testing.T) {
	t.Parallel()
	run := trainSmall(t)
	for _, c := range []struct {
		args   []string
		shards []int
	}{
		{[]string{"landscape", "--grid", "7x5", "--also", "accuracy,test_loss"}, []int{1, 2, 7, 64}},
		{
			[]string{"landscape", "--grid", "4x4", "--refine", "1", "--surface", "--formats", "svg,png,pdf"},
			[]int{3},
		},
		{
			[]string{"landscape", "--grid", "3x3", "--plane", "hessian", "--products", "20", "--also", "eigenvalues"},
			[]int{2},
		},
		{[]string{"landscape", "--lines", "3", "--points", "5"}, []int{4}},
		{[]string{"walk", "--segments", "0-5", "--alphas=-0.5:1.5:5", "--also", "accuracy,batch_loss"}, []int{1, 7}},
		{[]string{"walk", "--direction", "gradient", "--alphas", "0:1:3"}, []int{3}},
		{[]string{"line", "--alphas", "0:1:9", "--also", "test_accuracy"}, []int{2}},
		{[]string{"line", "--alphas", "0:1:4", "--curve", "bezier", "--curve-steps", "2"}, []int{2}},
		{[]string{"curvature", "--along", "every:2", "--top", "2", "--products", "20"}, []int{2}},
		{[]string{"curvature", "--along", "every:1", "--top", "1", "--products", "20"}, []int{3}},
		{[]string{"average", "--at", "every:2", "--also", "test_loss,accuracy"}, []int{1, 3}},
		{[]string{"average", "--lawa", "2:2", "--branch", "1,4", "--branch-steps", "3", "--max-memory", "60KB"}, []int{2}},
		{[]string{"landscape", "--grid", "3x3", "--objective", objectiveName + " '" + run + "'"}, []int{2}},
	} {
		one := filepath.Join(t.TempDir(), "one")
		wantStatus(t, exitOK, slices.Concat(c.args, []string{"-q", "--out", one, run})...)
		for _, n := range c.shards {
			plan, merged := filepath.Join(t.TempDir(), "plan"), filepath.Join(t.TempDir(), "merged")
			work, merge := []string{"work", "-q"}, []string{"merge", "-q"}
			if i := slices.Index(c.args, "--objective"); i >= 0 {
				work, merge = append(work, c.args[i:i+2]...), append(merge, "--allow-objective")
			}
			stdout, _ := wantStatus(t, exitOK,
				slices.Concat([]string{"plan"}, c.args,
					[]string{"-q", "--timing", "0", "--shards", strconv.Itoa(n), "--out", plan, run})...)
			if !strings.Contains(stdout, " in "+counted(n, "shard")) {
				t.Errorf("plan says %q", stdout)
			}
			for i := range n {
				i = n - 1 - i
				wantStatus(t, exitOK, slices.Concat(work, []string{"--shard", strconv.Itoa(i), plan})...)
				if i%5 == 1 { // its file is lost, and the work is done again
					if err := os.Remove(filepath.Join(plan, "shards", fmt.Sprintf("%05d", i))); err != nil {
						t.Fatal(err)
					}
					wantStatus(t, exitFailure, append(slices.Clone(merge), plan)...)
					wantStatus(t, exitOK, slices.Concat(work, []string{"--shard", strconv.Itoa(i), plan})...)
				}
			}
			wantStatus(t, exitOK, slices.Concat(merge, []string{"--out", merged, plan})...)
			sameFiles(t, fmt.Sprintf("%v in %d shards", c.args, n), merged, one)
		}
	}
}

// TestPlanChecksBeforeItWorks: a run, data or a program that are not those of the
// plan, shards that are none, and two plans in one directory are refused in one
// line that names both.
func TestPlanChecksBeforeItWorks(t *testing.T) {
	run := trainSmall(t)
	plan := filepath.Join(t.TempDir(), "plan")
	planning := []string{
		"plan", "walk", "-q", "--segments", "0-5", "--alphas", "0:1:3", "--shards", "3", "--timing",
		"0", "--out", plan, run,
	}
	wantStatus(t, exitOK, planning...)
	wantStatus(t, exitOK, planning...) // the same again
	wantStatus(t, exitOK, "work", "-q", "--shard", "0", plan)
	refused := func(status int, args []string, want ...string) {
		t.Helper()
		_, stderr := wantStatus(t, status, args...)
		if strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v: %q is not one line", args, stderr)
		}
		for _, w := range want {
			if !strings.Contains(stderr, w) {
				t.Errorf("%v: %q does not say %q", args, stderr, w)
			}
		}
	}
	change := func(old, new int) []string {
		c := slices.Clone(planning)
		c[old] = strconv.Itoa(new)
		return c
	}
	refused(exitFailure, change(8, 4), "another plan", "3 shards", "in 4")
	c := slices.Clone(planning)
	c[6] = "0:1:5"
	refused(exitFailure, c, "another plan", "options of the analysis changed")
	refused(exitUsage, []string{"work", "-q", "--shard", "3", plan}, "shard 3", "0 to 2")
	refused(exitUsage, []string{"work", "-q", plan}, "--shard is missing", "SLURM_ARRAY_TASK_ID")
	refused(exitFailure, []string{"work", "-q", "--shard", "0", run}, "no plan")
	refused(exitFailure, []string{"merge", "-q", plan}, "2 of 3", "1-2")
	refused(exitUsage, []string{"plan", "walk", "-q", run}, "--out is missing")
	refused(exitUsage, []string{"plan", "walk", "-q", "--shards=-1", "--out", plan, run}, "--shards is -1")
	refused(exitUsage, []string{"plan", "curvature", "-q", "--shards", "2", "--timing", "0", "--out", plan, run},
		"--along")
	refused(exitUsage, []string{"plan", "walk", "-q", "--shards", "2", "--alphas", "0:1:1", "--out", plan, run},
		"alphas")

	t.Setenv("SLURM_ARRAY_TASK_ID", "one")
	refused(exitUsage, []string{"work", "-q", plan}, `SLURM_ARRAY_TASK_ID is "one"`)
	t.Setenv("SLURM_ARRAY_TASK_ID", "1")
	wantStatus(t, exitOK, "work", "-q", plan)
	os.Unsetenv("SLURM_ARRAY_TASK_ID")

	put := func(path, text string) {
		t.Helper()
		os.RemoveAll(filepath.Join(plan, "work", "00002")) // units of what it was
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	// The program.
	text := must(os.ReadFile(filepath.Join(plan, "plan.json")))
	program := must(shard.ProgramHash())
	other := strings.Repeat("ab", 32)
	put(filepath.Join(plan, "plan.json"), strings.Replace(string(text), program, other, 1))
	for _, shard := range []string{"00000", "00001"} { // of the plan that this one is not any more
		if err := os.Remove(filepath.Join(plan, "shards", shard)); err != nil {
			t.Fatal(err)
		}
	}
	refused(exitFailure, []string{"work", "-q", "--shard", "2", plan}, "the program changed", program, other)
	put(filepath.Join(plan, "plan.json"), strings.Replace(string(text), `"kernel": "`, `"kernel": "mmx,`, 1))
	refused(exitFailure, []string{"work", "-q", "--shard", "2", plan}, "instruction set", "mmx", "SGDWALK_KERNEL")
	put(filepath.Join(plan, "plan.json"), string(text))

	// The run: another one of the same header, with another row.
	if err := os.Rename(run, run+"-was"); err != nil {
		t.Fatal(err)
	}
	refused(exitFailure, []string{"work", "-q", "--shard", "2", plan}, run)
	wantStatus(t, exitOK, "train", "-q", "--data", "digits", "--model", "mlp:4", "--epochs", "1", "--batch", "200",
		"--grad", "--seed", "2", "--out", run)
	refused(exitFailure, []string{"work", "-q", "--shard", "2", plan}, "the header of the run changed")
	os.RemoveAll(run)
	recordSome(t, run+"-was", run, 5) // and one that was shorter then
	refused(exitFailure, []string{"work", "-q", "--shard", "2", plan}, "changed since the plan was made")
	if left, _ := filepath.Glob(filepath.Join(plan, "work", "*", "*.failed")); len(left) == 0 {
		t.Error("no worker has left a reason")
	}
	stdout, _ := wantStatus(t, exitOK, "status", plan)
	if !strings.Contains(stdout, "shard 2 failed") || !strings.Contains(stdout, "changed since") {
		t.Errorf("status says %q", stdout)
	}
	os.RemoveAll(run)
	if err := os.Rename(run+"-was", run); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		wantStatus(t, exitOK, "work", "-q", "--shard", strconv.Itoa(i), plan)
	}
	wantStatus(t, exitOK, "merge", "-q", plan)
	if _, err := os.Stat(filepath.Join(run, "analysis", "walk", "summary.json")); err != nil {
		t.Error(err)
	}
}

// TestPlanKeepsEveryOption: a plan brings back every option of a verb but the paths and the
// command of an objective, which are kept apart.
func TestPlanKeepsEveryOption(t *testing.T) {
	var fill func(v reflect.Value)
	fill = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				if v.Type().Field(i).Tag.Get("json") != "-" {
					fill(v.Field(i))
				}
			}
		case reflect.Pointer:
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem())
		case reflect.Slice:
			v.Set(reflect.MakeSlice(v.Type(), 2, 2))
			fill(v.Index(1))
		case reflect.String:
			v.SetString("some text")
		case reflect.Bool:
			v.SetBool(true)
		case reflect.Float64:
			v.SetFloat(0.1)
		case reflect.Uint64:
			v.SetUint(1<<63 + 1)
		default:
			v.SetInt(-3)
		}
	}
	for name, newVerb := range jobVerbs {
		want := newVerb()
		fill(reflect.ValueOf(want).Elem())
		p := must(newPlanned(name, want))
		got := must(new(consentFlags).verb(p))
		for _, v := range []jobVerb{got, want} {
			of, out := v.paths()
			*of, *out = "", ""
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: the plan has %+v, want %+v", name, got, want)
		}
	}
}

// TestPlanPreview: half of the shards make a picture that says so.
func TestPlanPreview(t *testing.T) {
	run := trainSmall(t)
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"landscape", "--grid", "9x9"}, exitOK, "units are there"},
		{[]string{"walk", "--segments", "0-6"}, exitOK, "units are there"},
		{[]string{"curvature", "--along", "every:2", "--top", "1", "--products", "10"}, exitOK, "units are there"},
		{[]string{"average"}, exitOK, "units are there"},
		{[]string{"line"}, exitFailure, "no preview"},
	} {
		plan := filepath.Join(t.TempDir(), "plan")
		wantStatus(t, exitOK, slices.Concat([]string{"plan"}, c.args,
			[]string{"-q", "--timing", "0", "--shards", "4", "--out", plan, run})...)
		wantStatus(t, exitFailure, "merge", "-q", "--preview", plan) // nothing is there
		for _, i := range []string{"0", "2", "3"} {
			wantStatus(t, exitOK, "work", "-q", "--shard", i, plan)
		}
		stdout, stderr := wantStatus(t, c.status, "merge", "-q", "--preview", plan)
		if !strings.Contains(stdout+stderr, c.want) {
			t.Errorf("%v: %q %q do not say %q", c.args, stdout, stderr, c.want)
		}
		if _, err := os.Stat(filepath.Join(run, "analysis", c.args[0])); err == nil {
			t.Errorf("%v: the preview is among the results", c.args)
		}
	}
}

// TestPlanOfTwoRuns: a further run that a line or a plane goes to is part of the
// plan: one that is another now is refused.
func TestPlanOfTwoRuns(t *testing.T) {
	run, other := trainSmall(t), trainSmall(t, "--seed", "2")
	var plans []string
	for _, args := range [][]string{
		{"line", "--alphas", "0:1:3", "--to-run", other},
		{"landscape", "--grid", "2x2", "--through", run + "@0," + run + "," + other},
	} {
		plan, merged, one := filepath.Join(t.TempDir(), "plan"), filepath.Join(t.TempDir(), "merged"),
			filepath.Join(t.TempDir(), "one")
		wantStatus(t, exitOK, slices.Concat(args, []string{"-q", "--out", one, run})...)
		wantStatus(t, exitOK, slices.Concat([]string{"plan"}, args,
			[]string{"-q", "--timing", "0", "--shards", "1", "--out", plan, run})...)
		wantStatus(t, exitOK, "work", "-q", "--shard", "0", plan)
		wantStatus(t, exitOK, "merge", "-q", "--out", merged, plan)
		sameFiles(t, args[0], merged, one)
		plans = append(plans, plan)
	}
	if err := os.RemoveAll(other); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, exitOK, "train", "-q", "--data", "digits", "--model", "mlp:4", "--epochs", "1", "--batch", "200",
		"--grad", "--seed", "3", "--out", other)
	for _, plan := range plans {
		if _, stderr := wantStatus(t, exitFailure, "merge", "-q", plan); !strings.Contains(stderr,
			"changed since the plan was made") {
			t.Errorf("merge says %q", stderr)
		}
	}
}

// TestPlanKeepsThePlane: a landscape's workers take the plane and the path on it
// from the plan, whose file is checked, and read no iterate for them.
func TestPlanKeepsThePlane(t *testing.T) {
	run := trainSmall(t)
	plan := filepath.Join(t.TempDir(), "plan")
	wantStatus(t, exitOK, "plan", "landscape", "-q", "--grid", "3x3", "--timing", "0", "--shards", "2", "--out", plan,
		run)
	kept, _ := filepath.Glob(filepath.Join(plan, "input-*"))
	if len(kept) != 1 {
		t.Fatalf("the plan keeps %v; want one file", kept)
	}
	b := must(os.ReadFile(kept[0]))
	for n := range b {
		if n%17 != 0 { // a few of all bytes
			continue
		}
		b[n] ^= 4
		if err := os.WriteFile(kept[0], b, 0o666); err != nil {
			t.Fatal(err)
		}
		if _, stderr := wantStatus(t, exitFailure, "work", "-q", "--shard", "0", plan); !strings.Contains(stderr,
			kept[0]) || strings.Count(stderr, "\n") != 1 {
			t.Fatalf("byte %d: %q", n, stderr)
		}
		b[n] ^= 4
		if n > 2000 {
			break
		}
	}
	if err := os.WriteFile(kept[0], b, 0o666); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, exitOK, "work", "-q", "--shard", "0", plan)
}

// TestWorkerIsTold: SIGTERM leaves what is done, with the status that asks for
// another start, and a kill leaves all but the unit at work.
func TestWorkerIsTold(t *testing.T) {
	run := trainSmall(t, "--model", "mlp:64", "--batch", "50")
	one, merged := filepath.Join(t.TempDir(), "one"), filepath.Join(t.TempDir(), "merged")
	args := []string{"walk", "--segments", "all", "--alphas", "0:1:101", "--also", "test_loss"}
	wantStatus(t, exitOK, slices.Concat(args, []string{"-q", "--out", one, run})...)
	plan := filepath.Join(t.TempDir(), "plan")
	wantStatus(t, exitOK, slices.Concat([]string{"plan"}, args,
		[]string{"-q", "--timing", "0", "--shards", "1", "--out", plan, run})...)
	part := func() (lines int) {
		paths, _ := filepath.Glob(filepath.Join(plan, "work", "00000", "*.part"))
		for _, p := range paths {
			b, _ := os.ReadFile(p)
			lines = max(lines, bytes.Count(b, []byte("\n")))
		}
		return lines
	}
	before := 0
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL, syscall.SIGINT} {
		cmd := exec.Command("sgdwalk", "work", "-q", "--shard", "0", plan)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for range 3000 {
			if part() > before+1 {
				break
			}
			time.Sleep(time.Millisecond)
		}
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatalf("%v: the worker was done before it could be told: %v", signal, err)
		}
		err := cmd.Wait()
		var ended *exec.ExitError
		switch {
		case err == nil:
			t.Fatalf("%v: the worker was done before it could be told", signal)
		case !errors.As(err, &ended):
			t.Fatal(err)
		case signal != syscall.SIGKILL && (ended.ExitCode() != exitAgain ||
			!strings.Contains(stderr.String(), "interrupted")):
			t.Errorf("%v: it leaves with %d: %s", signal, ended.ExitCode(), stderr.String())
		}
		if now := part(); now <= before {
			t.Errorf("%v: %d lines are kept, %d were there before", signal, now, before)
		} else {
			before = now
		}
	}
	if s := must(must(shard.Open(plan)).Status(0)); s.Done != 0 {
		t.Errorf("%+v", s)
	}
	stdout, _ := wantStatus(t, exitOK, "work", "-q", "--json", "--shard", "0", plan)
	if strings.Contains(stdout, `"units_found": 0`) {
		t.Errorf("nothing was found: %s", stdout)
	}
	wantStatus(t, exitOK, "merge", "-q", "--out", merged, plan)
	sameFiles(t, "told and killed", merged, one)
}

// recordSome copies the first rows of a run.
func recordSome(t *testing.T, from, to string, rows int) {
	t.Helper()
	r := must(arrowfile.Open(from))
	defer r.Close()
	w := must(arrowfile.Create(to, r.Header(), arrowfile.Options{}))
	for i := range rows {
		s := must(r.Read(i, record.AllParts))
		if err := w.Append(&s); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
