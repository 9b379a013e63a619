package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
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
	"sgdwalk/record/arrowfile"
)

// sweepGrid has cells that finish and cells that diverge.
const sweepGrid = `data = "digits"
model = "mlp:4"
batch = 200
epochs = 2
seed = [1, 2]
[optimizer.sgd]
lr = [0.1, 1e30]
[optimizer.gd]
lr = [0.5]
`

// longGrid has cells that take a while.
const longGrid = `data = "digits"
model = "mlp:32"
optimizer = "adam"
batch = 10
epochs = 12
seed = [1, 2, 3]
`

func writeGrid(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "grid.toml")
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// sameSweep compares two sweeps: every row of every run, and the tables but for the
// times, and for columns that are left out.
func sameSweep(t *testing.T, got, want string, without ...string) {
	t.Helper()
	without = append(without, "wall_seconds")
	list := func(dir string) []string {
		return must(filepath.Glob(filepath.Join(dir, "cells", "*")))
	}
	if a, b := list(got), list(want); len(a) != len(b) || len(b) == 0 {
		t.Fatalf("%d runs, want %d", len(a), len(b))
	}
	for _, dir := range list(want) {
		if err := compareRows(filepath.Join(got, "cells", filepath.Base(dir)), dir); err != nil {
			t.Error(err)
		}
	}
	table := func(dir string) [][]string {
		f := must(os.Open(filepath.Join(dir, "sweep.csv")))
		defer f.Close()
		rows := must(csv.NewReader(f).ReadAll())
		for c, name := range rows[0] {
			for _, row := range rows[1:] {
				if slices.Contains(without, name) {
					row[c] = ""
				}
			}
		}
		return rows
	}
	if a, b := table(got), table(want); !reflect.DeepEqual(a, b) {
		t.Errorf("sweep.csv is\n%v\nwant\n%v", a, b)
	}
	object := func(dir string) (o map[string]any) {
		if err := json.Unmarshal(must(os.ReadFile(filepath.Join(dir, "sweep.json"))), &o); err != nil {
			t.Fatal(err)
		}
		for _, r := range o["results"].([]any) {
			for _, name := range without {
				delete(r.(map[string]any), name)
			}
		}
		return o
	}
	if a, b := object(got), object(want); !reflect.DeepEqual(a, b) {
		t.Errorf("sweep.json is\n%v\nwant\n%v", a, b)
	}
	if a, b := must(os.ReadFile(filepath.Join(got, "sweep.toml"))), must(os.ReadFile(filepath.Join(want,
		"sweep.toml"))); string(a) != string(b) {
		t.Errorf("sweep.toml is %s", a)
	}
}

// TestSweepShardsAreOneProcess: runs and tables are those of one process, with any
// number of shards.
func TestSweepShardsAreOneProcess(t *testing.T) {
	t.Parallel()
	grid, one := writeGrid(t, sweepGrid), filepath.Join(t.TempDir(), "one")
	wantStatus(t, exitOK, "sweep", "-q", grid, "--out", one)
	for _, n := range []int{1, 2, 7} {
		plan := filepath.Join(t.TempDir(), "plan")
		sweep := filepath.Join(plan, "sweep")
		args := []string{"plan", "sweep", "-q", grid, "--shards", strconv.Itoa(n), "--out", plan}
		if n == 2 {
			sweep = filepath.Join(t.TempDir(), "elsewhere")
			args = append(args, "--into", sweep)
		}
		stdout, _ := wantStatus(t, exitOK, args...)
		if !strings.Contains(stdout, "4 mlp:4 sgd batch 200 (") || !strings.Contains(stdout, "2 mlp:4 gd (") {
			t.Errorf("plan says %q", stdout)
		}
		wantStatus(t, exitFailure, "merge", "-q", plan)
		for i := range n {
			wantStatus(t, exitOK, "work", "-q", "--shard", strconv.Itoa(n-1-i), plan)
			if i == 0 && n == 2 { // a part of the table
				stdout, _ := wantStatus(t, exitOK, "merge", "-q", "--preview", plan)
				if !strings.Contains(stdout, "waiting") || !strings.Contains(stdout, "its shard is not done") {
					t.Errorf("a preview says %q", stdout)
				}
			}
		}
		wantStatus(t, exitOK, "merge", "-q", plan)
		sameSweep(t, sweep, one)
		// It is a sweep like any other.
		stdout, _ = wantStatus(t, exitOK, "sweep", "-q", grid, "--out", sweep)
		if !strings.Contains(stdout, "6 had finished before") {
			t.Errorf("the sweep goes on: %q", stdout)
		}
	}
}

// begun returns how many rows the cells of a sweep have.
func begun(dir string) (rows int) {
	runs, _ := filepath.Glob(filepath.Join(dir, "cells", "*"))
	for _, run := range runs {
		if r, err := arrowfile.Open(run); err == nil {
			rows += r.Len()
			r.Close()
		}
	}
	return rows
}

// TestSweepWorkerIsTold: SIGTERM ends the runs at a step and asks for another
// start, a kill leaves what is recorded, two workers on one shard do not disturb
// each other, and what comes of it is what one process makes.
func TestSweepWorkerIsTold(t *testing.T) {
	grid, one := writeGrid(t, longGrid), filepath.Join(t.TempDir(), "one")
	wantStatus(t, exitOK, "sweep", "-q", grid, "--out", one)
	plan := filepath.Join(t.TempDir(), "plan")
	sweep := filepath.Join(plan, "sweep")
	wantStatus(t, exitOK, "plan", "sweep", "-q", "--jobs", "1", grid, "--shards", "1", "--timing", "0", "--out", plan)
	start := func() (*exec.Cmd, *strings.Builder) {
		cmd, out := exec.Command("sgdwalk", "work", "-q", "--shard", "0", plan), new(strings.Builder)
		cmd.Stderr = out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd, out
	}
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL, syscall.SIGINT} {
		cmd, stderr := start()
		deadline := time.Now().Add(time.Minute)
		for before := begun(sweep); begun(sweep) < before+100; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%v: the worker recorded fewer than 100 rows in a minute: %s", signal, stderr)
			}
		}
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); signal != syscall.SIGKILL && (code != exitAgain ||
			!strings.Contains(stderr.String(), "interrupted")) {
			t.Errorf("%v: it leaves with %d: %s", signal, code, stderr)
		}
	}
	first, said := start()
	second, saidToo := start()
	if err, err2 := first.Wait(), second.Wait(); err != nil || err2 != nil {
		t.Errorf("two workers on one shard: %v %s, %v %s", err, said, err2, saidToo)
	}
	wantStatus(t, exitOK, "merge", "-q", plan)
	sameSweep(t, sweep, one, "bytes") // a run has a file for each of its sessions
}

// TestSweepCellFails: a run that cannot go on is a result of its own, with the
// reason; it can be tried again.
func TestSweepCellFails(t *testing.T) {
	t.Parallel()
	grid, plan := writeGrid(t, sweepGrid), filepath.Join(t.TempDir(), "plan")
	sweep := filepath.Join(plan, "sweep")
	wantStatus(t, exitOK, "plan", "sweep", "-q", grid, "--shards", "2", "--timing", "0", "--out", plan)
	cell := filepath.Join(sweep, "cells", "mlp-4_gd_lr0.5_s1")
	wantStatus(t, exitOK, "sweep", "-q", grid, "--out", sweep)
	header := filepath.Join(cell, "header.json")
	text := must(os.ReadFile(header))
	text[len(text)/2] ^= 1
	if err := os.WriteFile(header, text, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(cell, "train.json")); err != nil {
		t.Fatal(err)
	}
	for _, shard := range []string{"0", "1"} {
		wantStatus(t, exitOK, "work", "-q", "--shard", shard, plan)
	}
	stdout, stderr := wantStatus(t, exitFailure, "merge", "-q", plan)
	if !strings.Contains(stdout, "3 finished, 2 diverged, 1 failed") ||
		!strings.Contains(stdout, "mlp-4_gd_lr0.5_s1: ") ||
		!strings.Contains(stderr, "sgdwalk sweep "+grid+" --out "+sweep) {
		t.Errorf("%q %q", stdout, stderr)
	}
	if err := os.RemoveAll(cell); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, exitOK, "sweep", "-q", grid, "--out", sweep)
	wantStatus(t, exitOK, "merge", "-q", plan)
	one := filepath.Join(t.TempDir(), "one")
	wantStatus(t, exitOK, "sweep", "-q", grid, "--out", one)
	sameSweep(t, sweep, one)
}

// TestSweepPlanRefuses: another file, a place that cannot be written to, a run that
// was removed or is another one.
func TestSweepPlanRefuses(t *testing.T) {
	grid, plan := writeGrid(t, sweepGrid), filepath.Join(t.TempDir(), "plan")
	sweep := filepath.Join(plan, "sweep")
	planning := []string{"plan", "sweep", "-q", grid, "--shards", "2", "--timing", "0", "--out", plan}
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
	refused(exitUsage, slices.Concat(planning, []string{"--max-bytes", "1kB"}), "--max-bytes is 1 kB")
	refused(exitUsage, planning[:len(planning)-2], "--out is missing")
	impossible := writeGrid(t, strings.Replace(sweepGrid, "batch = 200", "batch = [200, 5000]", 1))
	refused(exitUsage, []string{"plan", "sweep", "-q", impossible, "--shards", "2", "--out", plan},
		"4 of 10 cells cannot be trained", "5000")
	if _, err := os.Stat(plan); err == nil {
		t.Error("a plan was made")
	}
	wantStatus(t, exitOK, planning...)
	wantStatus(t, exitOK, planning...) // the same again

	rewrite := func(text string) {
		t.Helper()
		if err := os.WriteFile(grid, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	before := must(readIdentity(plan))
	rewrite(strings.Replace(sweepGrid, "0.1", "0.2", 1))
	refused(exitFailure, planning, "another plan", "the file of the sweep changed", before.Sweep)
	refused(exitFailure, []string{"work", "-q", "--shard", "0", plan}, "the file of the sweep changed", before.Sweep)
	rewrite(sweepGrid)

	// A run that cannot be written is no failure of the cell: the shard is not done.
	cells := filepath.Join(sweep, "cells")
	nowhere := filepath.Join(cells, "mlp-4_gd_lr0.5_s1")
	if err := errors.Join(os.MkdirAll(cells, 0o777),
		os.Symlink(filepath.Join(cells, "no", "where"), nowhere)); err != nil {
		t.Fatal(err)
	}
	refused(exitFailure, []string{"work", "-q", "--shard", "0", plan}, "cell mlp-4_gd_lr0.5_s1: ", nowhere)
	refused(exitFailure, []string{"merge", "-q", plan}, "missing")
	if err := os.Remove(nowhere); err != nil {
		t.Fatal(err)
	}
	for _, shard := range []string{"0", "1"} {
		wantStatus(t, exitOK, "work", "-q", "--shard", shard, plan)
	}
	refused(exitUsage, []string{"merge", "-q", "--out", "there", plan}, "--out is there")
	wantStatus(t, exitOK, "merge", "-q", plan)

	summary := filepath.Join(sweep, "cells", "mlp-4_gd_lr0.5_s2", "train.json")
	text := string(must(os.ReadFile(summary)))
	if err := os.WriteFile(summary, []byte(strings.Replace(text, `"steps": 2`, `"steps": 3`, 1)), 0o666); err != nil {
		t.Fatal(err)
	}
	refused(exitFailure, []string{"merge", "-q", plan}, "mlp-4_gd_lr0.5_s2",
		"differs from the one that the worker left")
	if err := os.RemoveAll(filepath.Dir(summary)); err != nil {
		t.Fatal(err)
	}
	refused(exitFailure, []string{"merge", "-q", plan}, "mlp-4_gd_lr0.5_s2", "its finished run is missing")
}

// readIdentity is what a plan was made of.
func readIdentity(dir string) (shard.Identity, error) {
	p, err := shard.Open(dir)
	if err != nil {
		return shard.Identity{}, err
	}
	return p.Identity, nil
}
