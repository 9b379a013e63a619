package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/recordtest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"sgdwalk": func() {
			if os.Getenv(formatsKey) == "svg" {
				os.Args = append(os.Args[:1], drawSVG(os.Args[1:])...)
			}
			main()
		},
		acknowledgingName: trainAcknowledging,
		limitedName:       runLimited, objectiveName: runObjective,
	})
}

// formatsKey is the environment variable that makes the program of the scripts draw SVG files only. A script with
// the line "env FORMATS=" draws the files that a user gets.
const formatsKey = "FORMATS"

// drawSVG returns the arguments with --formats svg for a verb that draws, unless they have --formats. PNG and PDF
// files would take a third of the time of all tests.
func drawSVG(args []string) []string {
	verb := slices.IndexFunc(args, func(a string) bool { return a != "plan" })
	if verb < 0 || !slices.Contains([]string{"path", "walk", "pca", "line", "curvature", "landscape", "average", "compare", "sweep"},
		args[verb]) || slices.Contains(args, "--formats") {
		return args
	}
	return slices.Insert(slices.Clone(args), verb+1, "--formats", "svg")
}

// TestScripts runs the commands as a user does. Each script is a session.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			program, err := exec.LookPath("sgdwalk") // the test binary under this name
			e.Vars = append(e.Vars, "MNIST="+mnist(), "SGDWALK="+program, formatsKey+"=svg")
			return err
		},
		Condition: func(cond string) (bool, error) {
			return cond == "mnist" && mnist() != "", nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"oneline": oneline, "flip": flip,
			"stopping": stopping, "samerows": samerows, "samestart": samestart, "killsweep": killsweep,
			"elsewhere": elsewhere, "flies": flies,
			"foreign": foreign, "sameresult": sameResults, "snapshot": snapshot,
			"flipbit": flipBit, "hubcache": hubCache, "redrawn": redrawn,
		},
	})
}

// mnist returns the folder of the real images that SGDWALK_DATA names, or nothing.
func mnist() string {
	dir, err := filepath.Abs(filepath.Join(os.Getenv("SGDWALK_DATA"), "mnist"))
	if err != nil {
		return ""
	}
	if _, err := os.Stat(filepath.Join(dir, "t10k-images-idx3-ubyte.gz")); err != nil {
		return ""
	}
	return dir
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

// stopping trains into a directory and sends the program a signal in the middle.
func stopping(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[1])
	cmd := exec.Command(ts.Getenv("SGDWALK"), append([]string{"train", "--out", dir}, args[2:]...)...)
	ts.Check(cmd.Start())
	deadline := time.Now().Add(time.Minute)
	for {
		if r, err := arrowfile.Open(dir); err == nil {
			n := r.Len()
			r.Close()
			if n > 300 {
				break
			}
		}
		if time.Now().After(deadline) {
			ts.Fatalf("the run has not begun after a minute")
		}
		time.Sleep(time.Millisecond)
	}
	signal := os.Signal(os.Interrupt)
	if args[0] == "KILL" {
		signal = os.Kill
	}
	ts.Check(cmd.Process.Signal(signal))
	if err := cmd.Wait(); args[0] == "KILL" && err == nil {
		ts.Fatalf("the run had ended before it was killed")
	}
}

// flies trains a model with an optimizer for a few steps and takes the walk.
func flies(ts *testscript.TestScript, _ bool, args []string) {
	model, optimizer, data := args[0], args[1], args[2]
	dir := ts.MkAbs(strings.NewReplacer(":", "-", ",", "-").Replace(model + "-" + optimizer))
	train := []string{"train", "--data", data, "--model", model, "--optimizer", optimizer, "--grad", "--out", dir}
	if strings.HasPrefix(model, "mlp") {
		train = append(train, "--epochs", "3")
	}
	if optimizer != "gd" { // which takes all
		train = append(train, "--batch", "40")
	}
	if optimizer == "entropy-sgd" {
		train = append(train, "--hyper", "inner_steps=2")
	}
	for _, command := range [][]string{
		train,
		{"verify", "--replay", dir},
		{"path", dir},
		{"walk", "--segments", "0-1", dir},
		{"pca", dir},
		{"landscape", "--grid", "3x3", dir},
	} {
		ts.Check(ts.Exec("sgdwalk", command...))
	}
}

// samerows compares two runs bit for bit, the time of day aside.
func samerows(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(compareRows(ts.MkAbs(args[0]), ts.MkAbs(args[1])))
}

// compareRows says where two runs differ, the time of day aside.
func compareRows(one, other string) error {
	var runs [2]*arrowfile.Reader
	for i, dir := range []string{one, other} {
		r, err := arrowfile.Open(dir)
		if err != nil {
			return err
		}
		defer r.Close()
		runs[i] = r
	}
	if runs[0].Len() != runs[1].Len() {
		return fmt.Errorf("%s has %d rows, %s has %d", one, runs[0].Len(), other, runs[1].Len())
	}
	for i := range runs[0].Len() {
		a, err := runs[0].Read(i, record.AllParts)
		if err != nil {
			return err
		}
		b, err := runs[1].Read(i, record.AllParts)
		if err != nil {
			return err
		}
		a.WallTime = b.WallTime
		if d := recordtest.Diff(&b, &a); d != "" {
			return fmt.Errorf("%s and %s: row %d: %s", one, other, i, d)
		}
	}
	return nil
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
		if status, _, stderr := call(fields[1:]...); status != exitOK {
			t.Fatalf("README: %q leaves with %d: %s", command, status, stderr)
		}
		ran++
	}
	if ran < 6 {
		t.Errorf("the README has %d commands; the tour has more", ran)
	}
}

// TestNegativeValues: a number below zero behind a flag is its value.
func TestNegativeValues(t *testing.T) {
	for _, c := range [][2]string{
		{"curvature --step -1 RUN", "curvature --step=-1 RUN"},
		{"walk --alphas -0.5:2:26 -q RUN", "walk --alphas=-0.5:2:26 -q RUN"},
		{"landscape --x -1:1 --y -.5:.5 RUN", "landscape --x=-1:1 --y=-.5:.5 RUN"},
		{"walk -q --json RUN", "walk -q --json RUN"},
		{"line --from=-1 -- -1", "line --from=-1 -- -1"},
		{"-1 --step", "-1 --step"},
	} {
		if got := strings.Join(joinNegative(strings.Fields(c[0])), " "); got != c[1] {
			t.Errorf("%s: %s, want %s", c[0], got, c[1])
		}
	}
	status, _, stderr := call("curvature", "--step", "-1", filepath.Join(t.TempDir(), "none"))
	if status != exitFailure || strings.Contains(stderr, "flag") {
		t.Errorf("%d: %s", status, stderr)
	}
}
