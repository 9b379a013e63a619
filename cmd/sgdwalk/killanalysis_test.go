package main

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestKilledAnalyses kills analyses at random moments where an earlier result is:
// what is left is the earlier result or the new one, to the last byte, and the next
// call gives the new one.
func TestKilledAnalyses(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short leaves out kills of analyses, which start many processes")
	}
	run := trainSmall(t)
	rng := rand.New(rand.NewPCG(31, 32))
	kills, old, fresh := 0, 0, 0
	for _, c := range []struct {
		name          string
		before, after []string
	}{
		{"walk", []string{"walk", "--segments", "0-1"}, []string{"walk", "--segments", "2-5", "--formats", "svg"}},
		{"path", []string{"path", "--layers"}, []string{"path", "--formats", "svg"}},
		{"pca", []string{"pca", "--layers"}, []string{"pca", "--components", "2", "--formats", "svg"}},
		{
			"landscape",
			[]string{"landscape", "--grid", "3x3", "--surface"},
			[]string{"landscape", "--grid", "4x4", "--formats", "svg"},
		},
		{
			"curvature",
			[]string{"curvature", "--products", "4", "--top", "1"},
			[]string{"curvature", "--along", "every:4", "--products", "4", "--top", "1", "--formats", "svg"},
		},
	} {
		write := func(args []string) string {
			dir := filepath.Join(t.TempDir(), c.name)
			wantStatus(t, exitOK, slices.Concat(args, []string{"-q", "--out", dir, run})...)
			return dir
		}
		before, after := write(c.before), write(c.after)
		dir := filepath.Join(t.TempDir(), c.name)
		for range faults(1, 40) {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
			if err := os.CopyFS(dir, os.DirFS(before)); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("sgdwalk", slices.Concat(c.after, []string{"-q", "--out", dir, run})...)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			timer := time.AfterFunc(time.Duration(rng.Int64N(int64(400*time.Millisecond))),
				func() { cmd.Process.Kill() })
			_ = cmd.Wait() // it may have been killed
			timer.Stop()
			kills++
			switch {
			case sameResult(t, dir, before):
				old++
			case sameResult(t, dir, after):
				fresh++
			default:
				t.Errorf("%s: what is left is neither the earlier result nor the new one", c.name)
			}
		}
		wantStatus(t, exitOK, slices.Concat(c.after, []string{"-q", "--out", dir, run})...)
		sameFiles(t, c.name, dir, after)
		entries, err := os.ReadDir(filepath.Dir(dir))
		if err != nil || len(entries) != 1 {
			t.Errorf("%s: beside the result are %v, %v", c.name, entries, err)
		}
	}
	t.Logf("%d kills: %d earlier results, %d new ones", kills, old, fresh)
}

// sameResult compares the files of two results. Finished units that are kept for the
// next call, and what is hidden, are not part of a result.
func sameResult(t *testing.T, a, b string) bool {
	t.Helper()
	read := func(dir string) map[string]string {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		files := make(map[string]string)
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), ".") || strings.HasPrefix(e.Name(), "journal-") {
				continue
			}
			b, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			files[e.Name()] = string(b)
		}
		return files
	}
	x, y := read(a), read(b)
	if len(x) != len(y) {
		return false
	}
	for name, content := range x {
		if other, there := y[name]; !there || other != content {
			return false
		}
	}
	return true
}
