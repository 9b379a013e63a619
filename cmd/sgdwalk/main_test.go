package main

import (
	"bufio"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sgdwalk": main})
}

// TestScripts runs the commands as a user does. Each script is a session.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Vars = append(e.Vars, "MNIST="+mnist())
			return nil
		},
		Condition: func(cond string) (bool, error) {
			return cond == "mnist" && mnist() != "", nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"oneline": oneline, "flip": flip},
	})
}

// mnist returns the folder of the real images, or nothing.
func mnist() string {
	for _, dir := range []string{filepath.Join(os.Getenv("SGDWALK_DATA"), "mnist"), "../../../shared/data/mnist"} {
		if _, err := os.Stat(filepath.Join(dir, "t10k-images-idx3-ubyte.gz")); err == nil {
			abs, err := filepath.Abs(dir)
			if err == nil {
				return abs
			}
		}
	}
	return ""
}

// oneline checks that standard error of the last command is one line that begins
// with the program's name.
func oneline(ts *testscript.TestScript, _ bool, _ []string) {
	text := ts.ReadFile("stderr")
	if strings.Count(text, "\n") != 1 || !strings.HasPrefix(text, "sgdwalk: ") {
		ts.Fatalf("standard error is not one line of the program's: %q", text)
	}
}

// flip changes one bit in the middle of a file.
func flip(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	b, err := os.ReadFile(path)
	ts.Check(err)
	b[len(b)/2] ^= 1
	ts.Check(os.WriteFile(path, b, 0o666))
}

// TestReadmeTour runs every command of the README's console blocks, in their
// order, in one directory.
func TestReadmeTour(t *testing.T) {
	f, err := os.Open("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	t.Chdir(t.TempDir())
	inside, ran := false, 0
	for s := bufio.NewScanner(f); s.Scan(); {
		line := s.Text()
		if strings.HasPrefix(line, "```") {
			inside = line == "```console"
			continue
		}
		command, isCommand := strings.CutPrefix(line, "$ ")
		if !inside || !isCommand {
			continue
		}
		fields := strings.Fields(strings.Replace(command, "go run ./cmd/sgdwalk", "sgdwalk", 1))
		if fields[0] != "sgdwalk" {
			t.Errorf("README: %q is no command of this program; only those are in console blocks", command)
			continue
		}
		var out, errs strings.Builder
		if status := run(context.Background(), fields[1:], &out, &errs); status != exitOK {
			t.Fatalf("README: %q leaves with %d: %s", command, status, errs.String())
		}
		ran++
	}
	if ran < 6 {
		t.Errorf("the README has %d commands; the tour has more", ran)
	}
}
