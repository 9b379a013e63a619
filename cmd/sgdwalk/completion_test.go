package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func completionScript(t *testing.T, shell string) string {
	t.Helper()
	var out, problems bytes.Buffer
	if status := run(t.Context(), []string{"completion", shell}, &out, &problems); status != exitOK {
		t.Fatalf("status %d: %s", status, &problems)
	}
	return out.String()
}

// TestCompletionBash completes lines in bash itself.
func TestCompletionBash(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is not installed")
	}
	script := filepath.Join(t.TempDir(), "completion")
	if err := os.WriteFile(script, []byte(completionScript(t, "bash")), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ line, want string }{
		{"sgdwalk land", "landscape"},
		{"sgdwalk p", "python path pca plan plot"},
		{"sgdwalk help cur", "curvature"},
		{"sgdwalk train --opti", "--optimizer"},
		{"sgdwalk train --optimizer mom", "momentum"},
		{"sgdwalk walk --alp", "--alphas"},
		{"sgdwalk landscape --norm r", "running recompute"},
		{"sgdwalk completion z", "zsh"},
		{"sgdwalk walk --qui", "--quiet"},
	} {
		words := strings.Fields(c.line)
		cmd := exec.Command(bash, "--norc", "-c",
			`source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sgdwalk; echo "${COMPREPLY[@]}"`, "bash",
			script)
		cmd.Args = append(cmd.Args, words...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", c.line, err, out)
		}
		if got := strings.TrimSpace(string(out)); got != c.want {
			t.Errorf("%q completes to %q, want %q", c.line, got, c.want)
		}
	}
}

// TestCompletionScripts: the scripts of the other shells have every verb and flag,
// and are right for the shell where it is there to say so.
func TestCompletionScripts(t *testing.T) {
	for _, shell := range []string{"zsh", "fish"} {
		text := completionScript(t, shell)
		for _, want := range []string{
			"demo", "landscape", "completion", "alphas", "optimizer", "entropy-sgd",
			"momentum",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %q is missing", shell, want)
			}
		}
		program, err := exec.LookPath(shell)
		if err != nil {
			t.Logf("%s is not installed: its script is not parsed", shell)
			continue
		}
		file := filepath.Join(t.TempDir(), "completion")
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(program, "-n", file).CombinedOutput(); err != nil {
			t.Errorf("%s -n: %v\n%s", shell, err, out)
		}
	}
}

// TestHelp: help is --help, of everything or of one verb; an unknown verb is a
// mistake in the call.
func TestHelp(t *testing.T) {
	for _, c := range [][2][]string{{{"help"}, {"--help"}}, {{"help", "walk"}, {"walk", "--help"}}} {
		var got, want, problems bytes.Buffer
		if status := run(t.Context(), c[0], &got, &problems); status != exitOK {
			t.Errorf("%v: status %d: %s", c[0], status, &problems)
		}
		run(t.Context(), c[1], &want, &problems)
		if got.String() != want.String() || got.Len() == 0 {
			t.Errorf("%v prints\n%s\nwant\n%s", c[0], &got, &want)
		}
	}
	var out, problems bytes.Buffer
	if status := run(t.Context(), []string{"help", "wakl"}, &out, &problems); status != exitUsage ||
		strings.Count(problems.String(), "\n") != 1 {
		t.Errorf("help of an unknown verb: status %d, %q", status, &problems)
	}
}
