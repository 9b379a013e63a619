package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"sgdwalk/analyze/objective"
	"sgdwalk/analyze/shard"
	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/printable"
	"sgdwalk/record/safefile"
)

// broken is a standard output that cannot be written to.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// TestStandardOutputFails: a command whose product cannot be printed says so, in one
// line and with status 1.
func TestStandardOutputFails(t *testing.T) {
	t.Parallel()
	run := trainSmall(t)
	plan := filepath.Join(t.TempDir(), "plan")
	wantStatus(t, exitOK, "plan", "walk", "-q", "--segments", "0-1", "--shards", "1", "--timing", "0", "--out", plan,
		run)
	grid := filepath.Join(t.TempDir(), "grid.toml")
	if err := os.WriteFile(grid, []byte("data = \"digits\"\nmodel = \"mlp:2\"\nbatch = 700\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	fresh := func() string { return filepath.Join(t.TempDir(), "new") }
	for _, args := range [][]string{
		{"info", run},
		{"verify", run},
		{"repair", run, "--out", fresh()},
		{"export", run, "--csv", "-"},
		{"export", run, "--npz", "-"},
		{"export", run, "--safetensors", "-"},
		{"export", run, "--events", "-"},
		{"export", run, "--csv", fresh()},
		{"export", run, "--projector", fresh()},
		{"import", run, "--out", fresh()},
		{"python"},
		{"path", run},
		{"walk", "--segments", "0-1", run},
		{"pca", run},
		{"line", "--alphas", "0:1:3", run},
		{"curvature", "--products", "4", "--top", "1", run},
		{"landscape", "--grid", "2x2", run},
		{"average", "--windows", "2", run},
		{"compare", run, run, "--out", fresh(), "--skip", "landscape,barriers,agreement,statistics"},
		{"train", "--data", "digits", "--model", "mlp:2", "--batch", "700", "--out", fresh()},
		{"sweep", grid, "--out", fresh()},
		{"plan", "walk", "--segments", "0-1", "--shards", "1", "--timing", "0", "--out", plan, run},
		{"work", plan, "--shard", "0"},
		{"status", plan},
		{"merge", plan, "--out", fresh()},
		{"report", run, "--out", fresh()},
		{"watch", "--once", run},
		{"help"},
		{"help", "walk"},
		{"--help"},
		{"walk", "--help"},
		{"--version"},
		{"completion", "bash"},
		{"completion", "zsh"},
		{"completion", "fish"},
	} {
		for _, more := range [][]string{{"-q"}, {"-q", "--json"}} {
			if args[0] == "import" || len(more) > 1 && (args[0] == "train" || args[0] == "repair" ||
				args[0] == "compare" || args[0] == "sweep") {
				continue // the directory is there by now; import has its own test
			}
			if args[0] == "export" || args[0] == "report" {
				more = append(more, "--force")
			}
			var stderr strings.Builder
			status := exitOK
			withNotes := func() { status = runWith(drawSVG(append(slices.Clone(args), more...)), broken{}, &stderr) }
			withNotes()
			text := stderr.String()
			last := text[strings.LastIndex(strings.TrimSuffix(text, "\n"), "\n")+1:]
			if status != exitFailure || !strings.HasPrefix(last, "sgdwalk: ") ||
				!strings.Contains(last, "no space left") {
				t.Errorf("%v %v: status %d: %q", args, more, status, text)
			}
		}
	}
}

// runWith runs the program with these outputs.
func runWith(args []string, stdout, stderr interface{ Write([]byte) (int, error) }) int {
	return run(context.Background(), args, stdout, stderr)
}

// hostile is a text that changes a terminal, hides itself and pretends to be a line.
const hostile = "\x1b]52;c;cm0=\x07\x1b[2J\rfake\u202e\u2066\u009b1m\u200b\nrun is sound"

// hostileRun is a run whose header has the text wherever a text can be.
func hostileRun(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run\x1b[31m\u202e")
	h := &record.Header{
		Format: record.FormatVersion, DType: "float32", Model: hostile, Comment: hostile, Software: hostile,
		Kernel:    hostile,
		Data:      record.Data{Spec: hostile, Split: hostile, Scaling: hostile, Hash: hostile, TrainExamples: 1},
		Optimizer: record.Optimizer{Name: hostile, RateSchedule: hostile},
		Layout: record.Pack(record.Tensor{Name: hostile, Kind: record.Weight, Shape: []int{1, 2}},
			record.Tensor{Name: "b" + hostile, Kind: record.Weight, Shape: []int{2, 1}}),
		Columns: record.Columns{Theta: true},
	}
	w, err := arrowfile.Create(dir, h, arrowfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		x := float32(i)
		if err := w.Append(&record.Step{Step: int64(i), Theta: []float32{x, x * x, 1, -x}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// graphicOnly checks that a text has nothing but what can be printed.
func graphicOnly(t *testing.T, what, text string) {
	t.Helper()
	for i, r := range text {
		if r != '\n' && r != '\t' && !unicode.IsGraphic(r) {
			t.Errorf("%s has %U: %q", what, r, text[max(0, i-40):min(len(text), i+40)])
			return
		}
	}
}

// printableOnly checks the same, and that no line of it was made by a file.
func printableOnly(t *testing.T, what, text string) {
	t.Helper()
	graphicOnly(t, what, text)
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "run is sound") {
			t.Errorf("%s has a line that the file made: %q", what, line)
		}
	}
}

// TestTextFromFilesIsEscaped: what a run's files say reaches a terminal, a page, a
// figure or a table only as text that can be printed.
func TestTextFromFilesIsEscaped(t *testing.T) {
	dir := hostileRun(t)
	page := filepath.Join(t.TempDir(), "r.html")
	for _, args := range [][]string{
		{"info", dir},
		{"verify", dir},
		{"watch", "--once", dir},
		{"path", "--layers", dir},
		{"pca", "--layers", dir},
		{"walk", dir},
		{"landscape", dir},
		{"line", dir},
		{"curvature", dir},
		{"average", dir},
		{"verify", "--replay", dir},
		{"train", "--resume", dir},
		{"compare", dir, dir, "--out", filepath.Join(t.TempDir(), "c")},
		{"export", dir, "--csv", "-"},
		{"export", dir, "--projector", filepath.Join(t.TempDir(), "points")},
		{"repair", dir, "--out", filepath.Join(t.TempDir(), "again")},
		{"report", dir, "--out", page},
		{"info", filepath.Join(dir, hostile)},
		{"walk", "--also", hostile, dir},
		{hostile},
	} {
		_, stdout, stderr := call(args...)
		printableOnly(t, fmt.Sprintf("%v: standard output", args[:len(args)-1]), stdout)
		printableOnly(t, fmt.Sprintf("%v: standard error", args[:len(args)-1]), stderr)
		if args[0] == "info" || args[0] == "watch" {
			_, stdout, _ := call(append([]string{"--json"}, args...)...)
			printableOnly(t, args[0]+" --json", stdout)
			if stdout != "" && !json.Valid([]byte(stdout)) {
				t.Errorf("%s --json is not JSON: %s", args[0], stdout)
			}
		}
	}
	checked := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if ext := filepath.Ext(path); err == nil && (ext == ".csv" || ext == ".svg") {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			printableOnly(t, filepath.Base(path), string(b))
			checked++
		}
		return err
	})
	b, readErr := os.ReadFile(page)
	if err := errors.Join(err, readErr); err != nil || checked < 10 {
		t.Fatalf("%d files: %v", checked, err)
	}
	graphicOnly(t, "the report", string(b)) // a line break in HTML is a space to the reader
}

// TestPlanStartsNothing: a plan from elsewhere runs its own analysis alone, and no
// program that the caller has not allowed.
func TestPlanStartsNothing(t *testing.T) {
	run := trainSmall(t)
	plan := filepath.Join(t.TempDir(), "plan")
	objective := objectiveName + " '" + run + "'"
	wantStatus(t, exitOK, "plan", "landscape", "-q", "--grid", "3x3", "--objective", objective, "--shards", "1",
		"--timing", "0", "--out", plan, run)
	path, planned := filepath.Join(plan, "plan.json"), must(shard.Open(plan))
	text := must(os.ReadFile(path))
	refuse := func(want string, args ...string) {
		t.Helper()
		status, _, stderr := call(args...)
		if status == exitOK || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, want) {
			t.Errorf("%v: status %d: %q; want one line with %q", args, status, stderr, want)
		}
	}
	for _, verb := range [][]string{
		{"work", "-q", "--shard", "0"},
		{"merge", "-q"},
		{"submit", "-q", "--slurm", "--dry-run"},
	} {
		refuse("--allow-objective", append(verb, plan)...)
		refuse("the plan has", append(verb, "--objective", "touch pwned", plan)...)
	}
	// change changes what the plan requests, and its hash when the change is careful.
	change := func(careful bool, analysis, options, objective string) {
		t.Helper()
		var p map[string]any
		if err := json.Unmarshal(text, &p); err != nil {
			t.Fatal(err)
		}
		p["analysis"], p["objective"] = analysis, objective
		if options == "" {
			options = string(must(json.Marshal(planned.Options)))
		}
		p["options"] = json.RawMessage(options)
		if careful {
			sum := sha256.Sum256([]byte(strings.Join([]string{analysis, run, options, objective}, "\x00")))
			p["request_sha256"] = fmt.Sprintf("%x", sum)
		}
		if err := os.WriteFile(path, must(json.Marshal(p)), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	pwned := filepath.Join(t.TempDir(), "pwned")
	touch := "touch " + pwned
	change(false, "landscape", "", touch)
	refuse("was changed", "work", "-q", "--shard", "0", "--allow-objective", plan)
	change(true, "landscape", "", touch)
	refuse("touch", "work", "-q", "--shard", "0", plan)
	refuse("the plan has", "work", "-q", "--shard", "0", "--objective", objective, plan)
	identity := func(what string) {
		t.Helper()
		var p map[string]json.RawMessage
		var id map[string]string
		err := json.Unmarshal(must(os.ReadFile(path)), &p)
		if err == nil {
			err = json.Unmarshal(p["identity"], &id)
		}
		if err != nil {
			t.Fatal(err)
		}
		id[what] = "another"
		p["identity"] = must(json.Marshal(id))
		if err := os.WriteFile(path, must(json.Marshal(p)), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	os.RemoveAll(filepath.Join(plan, "work"))
	for what, want := range map[string]string{
		"recording": "the recording changed",
		"header":    "the header of the run changed", "program": "the program changed",
	} {
		change(true, "landscape", "", touch)
		identity(what)
		refuse(want, "work", "-q", "--shard", "0", "--allow-objective", plan)
		refuse("missing", "merge", "-q", "--allow-objective", plan)
		if err := os.RemoveAll(filepath.Join(plan, "work")); err != nil {
			t.Fatal(err)
		}
	}
	change(true, "train", "{}", "")
	refuse("nothing else", "work", "-q", "--shard", "0", plan)
	change(true, "pca", `{"Components":2}`, touch) // it evaluates no objective
	refuse("starts none", "work", "-q", "--shard", "0", "--allow-objective", plan)
	// Options name neither a program nor a place for results.
	for _, field := range []string{"Objective", "Out", "out", "Run_", "NoSuchField"} {
		change(true, "walk", fmt.Sprintf("{%q:%q}", field, touch), "")
		refuse(field, "work", "-q", "--shard", "0", "--allow-objective", plan)
		refuse(field, "merge", "-q", "--allow-objective", plan)
	}
	if err := os.WriteFile(path, bytes.Replace(text, []byte(`"format": 2`), []byte(`"format": 1`), 1),
		0o666); err != nil {
		t.Fatal(err)
	}
	refuse("make the plan again", "work", "-q", "--shard", "0", plan)
	if _, err := os.Lstat(pwned); err == nil {
		t.Error("the plan's program was started")
	}
}

// TestLinksInARunAreNotFollowed: links at the names that a command writes destroy
// nothing outside of the run.
func TestLinksInARunAreNotFollowed(t *testing.T) {
	outside := t.TempDir()
	victim := filepath.Join(outside, "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o666); err != nil {
		t.Fatal(err)
	}
	whole := trainSmall(t)
	for _, c := range []struct {
		links []string
		to    string
		args  []string // RUN stands for the run
	}{
		{[]string{
			"analysis/path/summary.json", "analysis/path/path.csv", "analysis/path/.new-path.csv",
			"analysis/path/.lock",
		}, victim, []string{"path", "RUN"}},
		{[]string{"analysis"}, outside, []string{"path", "RUN"}},
		{[]string{"analysis/walk"}, outside, []string{"walk", "--segments", "0-1", "RUN"}},
		{[]string{"analysis/deep"}, outside, []string{"path", "--out", "RUN/analysis/deep/down", "RUN"}},
		{
			[]string{"analysis/walk/walk.svg", "analysis/walk/losses.csv", "analysis/walk/unfinished.json"},
			victim,
			[]string{"walk", "--segments", "0-1", "RUN"},
		},
		{
			[]string{"config.toml", "train.json", "checkpoint", "recorder.json", "recorder.json.new", "lock"},
			victim,
			[]string{"train", "--resume", "RUN"},
		},
		{
			[]string{"config.toml", "train.json", "checkpoint", "lock"},
			victim,
			[]string{"train", "--data", "digits", "--model", "mlp:2", "--force", "--out", "RUN"},
		},
		{[]string{"steps-000000.arrow"}, victim, []string{"train", "--resume", "RUN"}},
		{[]string{"steps-000001.arrow"}, victim, []string{"train", "--resume", "RUN"}},
	} {
		dir := filepath.Join(t.TempDir(), "run")
		if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
			t.Fatal(err)
		}
		for _, name := range c.links {
			at := filepath.Join(dir, filepath.FromSlash(name))
			if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o777), os.RemoveAll(at)); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(c.to, at); err != nil {
				t.Skipf("no symbolic link can be made here: %v", err)
			}
		}
		var args []string
		for _, a := range c.args {
			args = append(args, strings.Replace(a, "RUN", dir, 1))
		}
		status, _, stderr := call(args...)
		entries, err := os.ReadDir(outside)
		b, readErr := os.ReadFile(victim)
		if errors.Join(err, readErr) != nil || string(b) != "precious" || len(entries) != 1 {
			t.Fatalf("%v with links %v: status %d: %s: outside are %v, and %q",
				c.args, c.links, status, stderr, entries, b)
		}
		if status != exitOK && strings.Contains(stderr, "panic") {
			t.Errorf("%v: %s", c.args, stderr)
		}
	}
}

// TestPathsWithPatterns: a directory may have a name that is a pattern elsewhere.
func TestPathsWithPatterns(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "runs[1]*", "r?")
	wantStatus(t, exitOK, "train", "-q", "--data", "digits", "--model", "mlp:4", "--epochs", "2", "--batch", "20",
		"--grad", "--segment-bytes", "100kB", "--out", dir)
	if err := os.WriteFile(filepath.Join(dir, ".checkpoint.123"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "steps-000001.arrow")); err != nil {
		t.Fatal(err)
	}
	_, _, stderr := call("train", "--resume", dir)
	if strings.Contains(stderr, "before its first row") || !strings.Contains(stderr, "missing") {
		t.Errorf("a run that lacks a segment: %q", stderr)
	}
}

// TestSweepKeepsWholeRecordingsOnly: a cell whose summary says that it is finished,
// and whose rows are not all there, is not finished.
func TestSweepKeepsWholeRecordingsOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sweep")
	grid := filepath.Join(t.TempDir(), "g.toml")
	if err := os.WriteFile(grid, []byte("data = \"digits\"\nmodel = \"mlp:2\"\nbatch = 100\nepochs = 3\n"),
		0o666); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, exitOK, "sweep", "-q", grid, "--out", dir)
	cells, err := os.ReadDir(filepath.Join(dir, "cells"))
	if err != nil || len(cells) != 1 {
		t.Fatal(cells, err)
	}
	segment := filepath.Join(dir, "cells", cells[0].Name(), "steps-000000.arrow")
	whole, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(segment, whole[:len(whole)/2], 0o666); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, exitOK, "sweep", "-q", grid, "--out", dir)
	wantStatus(t, exitOK, "verify", filepath.Join(dir, "cells", cells[0].Name()))
	r, err := arrowfile.Open(filepath.Join(dir, "cells", cells[0].Name()))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if !r.Finished() {
		t.Errorf("the cell has %d rows and is not finished", r.Len())
	}
}

// TestTraceback: the lines that another program printed before it failed stay lines,
// and change no terminal.
func TestTraceback(t *testing.T) {
	var stderr strings.Builder
	status := leave(printable.Writer{W: &stderr}, fmt.Errorf("walk: %w", &objective.Error{
		Command: "python3 \x1b[2J\nobjective.py", When: "step 3", Err: errors.New("died\nrun is sound"),
		Said: []string{
			"Traceback (most recent call last):", "  File \x1b]0;x\x07",
			"KeyError: '\u202e\r\nrun is sound'",
		},
	}))
	lines := strings.Split(strings.TrimSuffix(stderr.String(), "\n"), "\n")
	if status != exitFailure || len(lines) != 5 || lines[1] != "  Traceback (most recent call last):" ||
		lines[2] != `    File \x1b]0;x\x07` || lines[3] != `  KeyError: '\u202e\x0d\nrun is sound'` ||
		!strings.HasPrefix(lines[4], "sgdwalk: ") {
		t.Errorf("status %d: %q", status, lines)
	}
	printableOnly(t, "the traceback", stderr.String())
}

// TestReportRemovesWhatAKilledOneLeft: the next report removes the half page.
func TestReportRemovesWhatAKilledOneLeft(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.html")
	left, hour := safefile.TemporaryName(page), time.Now().Add(-time.Hour)
	if err := errors.Join(os.WriteFile(left, []byte("<html>"), 0o666), os.Chtimes(left, hour, hour)); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, exitOK, "report", "-q", "--out", page, trainSmall(t))
	entries, err := os.ReadDir(filepath.Dir(page))
	if err != nil || len(entries) != 1 || entries[0].Name() != "page.html" {
		t.Errorf("%v, %v", entries, err)
	}
}
