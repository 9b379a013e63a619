//go:build unix

package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sgdwalk/record/recorder"
)

// TestPlantedFiles: a link, a pipe or a directory in place of a file of a run that
// came from elsewhere is named on one line, and never read.
func TestPlantedFiles(t *testing.T) {
	t.Parallel()
	whole := trainSmall(t)
	wantStatus(t, exitOK, "path", "-q", whole)
	for _, text := range []struct{ name, text string }{
		{recorder.ImportName, `{"rows": 9}`},
		{recorder.IngestName, `{"rows": 9}`},
		{recorder.GroupRatesName, "step,learning_rate_0,learning_rate_1\n"},
	} {
		if err := os.WriteFile(filepath.Join(whole, text.name), []byte(text.text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	plant := map[string]func(outside, at string) error{
		"link":      os.Symlink,
		"pipe":      func(_, at string) error { return syscall.Mkfifo(at, 0o666) },
		"directory": func(_, at string) error { return os.Mkdir(at, 0o777) },
	}
	for _, test := range []struct {
		name   string
		status int
		args   []string // RUN stands for the run, OUT for a new path
	}{
		{"header.json", exitDamaged, []string{"info", "RUN"}},
		{"header.json", exitDamaged, []string{"report", "RUN", "--out", "OUT"}},
		{"steps-000000.arrow", exitDamaged, []string{"info", "RUN"}},
		{"steps-000000.arrow", exitDamaged, []string{"path", "RUN"}},
		{recorder.ConfigName, exitDamaged, []string{"train", "--resume", "RUN"}},
		{recorder.ConfigName, exitOK, []string{"repair", "RUN", "--out", "OUT"}},
		{"checkpoint", exitOK, []string{"repair", "RUN", "--out", "OUT"}},
		{"checkpoint", exitOK, []string{"verify", "RUN"}},
		{recorder.GroupRatesName, exitOK, []string{"repair", "RUN", "--out", "OUT"}},
		{recorder.SummaryName, exitOK, []string{"info", "RUN"}},
		{recorder.SummaryName, exitOK, []string{"verify", "RUN"}},
		{recorder.ImportName, exitOK, []string{"verify", "RUN"}},
		{recorder.IngestName, exitOK, []string{"verify", "RUN"}},
		{"analysis/path/summary.json", exitOK, []string{"report", "RUN", "--out", "OUT"}},
		{"analysis/path/loss.svg", exitOK, []string{"report", "RUN", "--out", "OUT"}},
		{"analysis/path/path.csv", exitOK, []string{"report", "RUN", "--out", "OUT"}},
		{"analysis", exitDamaged, []string{"report", "RUN", "--out", "OUT"}},
	} {
		for kind, plant := range plant {
			if test.name == "analysis" && kind != "link" {
				continue
			}
			dir := filepath.Join(t.TempDir(), "run")
			at, outside := filepath.Join(dir, test.name), filepath.Join(whole, test.name)
			if err := errors.Join(os.CopyFS(dir, os.DirFS(whole)), os.RemoveAll(at)); err != nil {
				t.Fatal(err)
			}
			if err := plant(outside, at); err != nil {
				t.Skipf("no %s can be made here: %v", kind, err)
			}
			var args []string
			for _, a := range test.args {
				args = append(args, strings.NewReplacer("RUN", dir, "OUT",
					filepath.Join(t.TempDir(), "new")).Replace(a))
			}
			status, stdout, stderr := call(args...)
			named := 0
			for line := range strings.Lines(stdout + stderr) {
				if strings.Contains(line, at+": not a plain file") {
					named++
				}
			}
			if status != test.status || named != 1 {
				t.Errorf("%v with a %s as %s: status %d, named on %d lines: %s%s",
					test.args, kind, test.name, status, named, stdout, stderr)
			}
		}
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(whole, link); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"verify"}, {"path"}, {"report", "--out", filepath.Join(t.TempDir(), "r.html")}} {
		wantStatus(t, exitOK, append(args, link)...)
	}
}
