package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
)

// TestSlabsAreOneProcess: a PCA of several slabs has the bytes that one process
// writes, with any number of shards.
func TestSlabsAreOneProcess(t *testing.T) {
	t.Parallel()
	wide := []string{"--model", "mlp:2100"} // 157,510 parameters: three slabs
	run, other := trainSmall(t, wide...), trainSmall(t, slices.Concat(wide, []string{"--seed", "2"})...)
	for _, c := range []struct {
		args   []string
		shards []int
	}{
		{[]string{"pca", "--losses", "3", "--layers"}, []int{1, 2, 7, 64}},
		{[]string{"pca", "--with", other, "--equal-runs", "--rows", "0-5"}, []int{2}},
		{[]string{"pca", "--scores-only", "--kinds", "all", "--surrogates", "3"}, []int{3}},
	} {
		one := filepath.Join(t.TempDir(), "one")
		wantStatus(t, exitOK, slices.Concat(c.args, []string{"-q", "--out", one, run})...)
		for _, n := range c.shards {
			plan, merged := filepath.Join(t.TempDir(), "plan"), filepath.Join(t.TempDir(), "merged")
			stdout, _ := wantStatus(t, exitOK,
				slices.Concat([]string{"plan"}, c.args,
					[]string{"-q", "--shards", strconv.Itoa(n), "--out", plan, run})...)
			if !strings.Contains(stdout, "3 slab") {
				t.Errorf("plan says %q", stdout)
			}
			for i := range n {
				wantStatus(t, exitOK, "work", "-q", "--shard", strconv.Itoa(n-1-i), plan)
			}
			wantStatus(t, exitOK, "merge", "-q", "--out", merged, plan)
			sameFiles(t, fmt.Sprintf("%v in %d shards", c.args, n), merged, one)
		}
	}
}

// TestSlabsOfAGrownRun: a PCA whose runs have grown since it was planned is refused
// with both fingerprints, whichever of the runs it is.
func TestSlabsOfAGrownRun(t *testing.T) {
	whole := trainSmall(t)
	for _, grown := range []string{"run", "other"} {
		dir := t.TempDir()
		plan, run, other := filepath.Join(dir, "plan"), filepath.Join(dir, "run"), filepath.Join(dir, "other")
		recordSome(t, whole, run, 4)
		recordSome(t, whole, other, 4)
		wantStatus(t, exitOK, "plan", "pca", "-q", "--with", other, "--shards", "2", "--timing", "0", "--out", plan,
			run)
		wantStatus(t, exitOK, "work", "-q", "--shard", "0", plan)
		before := fingerprint(t, filepath.Join(dir, grown))
		appendSome(t, whole, filepath.Join(dir, grown), 4, 6)
		after := fingerprint(t, filepath.Join(dir, grown))
		_, stderr := wantStatus(t, exitFailure, "work", "-q", "--shard", "1", plan)
		if strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "the recording changed") ||
			!strings.Contains(stderr, before) || !strings.Contains(stderr, after) {
			t.Errorf("%s has grown: %q", grown, stderr)
		}
		_, stderr = wantStatus(t, exitFailure, "merge", "-q", "--preview", plan)
		if !strings.Contains(stderr, "the recording changed") {
			t.Errorf("%s has grown: merging says %q", grown, stderr)
		}
	}
}

func fingerprint(t *testing.T, run string) string {
	t.Helper()
	r := must(arrowfile.Open(run))
	defer r.Close()
	return must(r.Fingerprint())
}

// appendSome goes on with a copy of a run.
func appendSome(t *testing.T, from, to string, first, end int) {
	t.Helper()
	r := must(arrowfile.Open(from))
	defer r.Close()
	w := must(arrowfile.Continue(to, arrowfile.Options{}))
	for i := first; i < end; i++ {
		s := must(r.Read(i, record.AllParts))
		if err := w.Append(&s); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
