package main

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
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

// BenchmarkStart runs calls that do nearly nothing, in processes of their own: what is measured is their start.
func BenchmarkStart(b *testing.B) {
	for _, line := range []string{"--version", "--help", "help train", "info --help"} {
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
