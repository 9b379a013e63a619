package main

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/recordtest"
)

// TestInitialization holds the memory that packages allocate before main begins: every call of the program pays
// for it. What a package needs for some commands only, it makes at the first use.
func TestInitialization(t *testing.T) {
	cmd := exec.Command("sgdwalk", "--version")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	trace, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, trace)
	}
	total, seen := 0, 0
	for _, m := range regexp.MustCompile(`init (\S+) @.* (\d+) bytes`).FindAllStringSubmatch(string(trace), -1) {
		n, _ := strconv.Atoi(m[2])
		total += n
		if strings.HasPrefix(m[1], "sgdwalk/") {
			seen++
			if n > 160e3 {
				t.Errorf("package %s allocates %d bytes when the program starts; at most 160 kB are allowed", m[1], n)
			}
		}
	}
	if seen < 10 || total > 3.2e6 {
		t.Errorf("%d packages of the program and their dependencies allocate %d bytes when it starts; at most 3.2 MB "+
			"are allowed", seen, total)
	}
}

// BenchmarkStart runs calls in processes of their own that do little more than start: what every call pays, info on
// a run of 200,000 rows, closed and without a footer, and a whole training of 15 steps.
func BenchmarkStart(b *testing.B) {
	b.Chdir(b.TempDir())
	h := recordtest.Header(10)
	h.Columns, h.State = record.Columns{Theta: true}, nil
	s := recordtest.Rows(h, 1, 1)[0]
	s.FullLoss, s.TestLoss = record.Some(1), record.Some(1)
	for _, dir := range []string{"closed", "open"} {
		w := must(arrowfile.Create(dir, h, arrowfile.Options{}))
		defer w.Close()
		for s.Step = range 200_000 {
			if err := w.Append(&s); err != nil {
				b.Fatal(err)
			}
		}
		if dir == "closed" {
			w.Close()
		}
	}
	for _, line := range []string{
		"--version", "--help", "info --help", "info closed", "info open",
		"train -q --data digits --model mlp:32 --out trained --force",
	} {
		b.Run(line, func(b *testing.B) {
			for b.Loop() {
				out, err := exec.Command("sgdwalk", strings.Fields(line)...).CombinedOutput()
				if err != nil || len(out) == 0 {
					b.Fatalf("%v\n%s", err, out)
				}
			}
		})
	}
}
