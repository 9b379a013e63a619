package result_test

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sgdwalk/analyze/result"
)

// replaceName is the environment variable that makes the test binary replace results
// in a directory until it is killed.
const replaceName = "SGDWALK_TEST_REPLACE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(replaceName); dir != "" {
		err := replaceForever(dir)
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// kinds are two results with other files.
var kinds = [2][]string{{"a.txt", "both.txt", "more.txt"}, {"b.txt", "both.txt"}}

func replaceForever(dir string) error {
	for i := 0; ; i++ {
		if err := writeKind(dir, i%2); err != nil {
			return err
		}
		fmt.Println(i)
	}
}

func writeKind(dir string, kind int) error {
	d, err := result.Create(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	for _, name := range kinds[kind] {
		if err := d.Write(name, func(w io.Writer) error { _, err := fmt.Fprint(w, kind); return err }); err != nil {
			return err
		}
	}
	return d.Finish(&result.Document{Analysis: fmt.Sprint(kind), Summary: struct{}{}})
}

// TestKill kills a process that replaces one result by another all the time: the
// directory has one complete result, and the next process continues.
func TestKill(t *testing.T) {
	kills := 6
	if os.Getenv("SGDWALK_FAULTS") != "" {
		kills = 300
	}
	for _, exchanged := range []bool{true, false} {
		dir := filepath.Join(t.TempDir(), "x")
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if !exchanged { // a directory with more than files is not exchanged
			ok(t, os.Mkdir(filepath.Join(dir, "sub"), 0o777))
		}
		seen := make(map[string]int)
		for range kills {
			killOne(t, dir)
			seen[whole(t, dir)]++
		}
		if exchanged && seen["unfinished"] > 0 {
			t.Errorf("%d results of %d are neither the old nor the new one", seen["unfinished"], kills)
		}
		ok(t, writeKind(dir, 1))
		want := append(slices.Clone(kinds[1]), result.SummaryName)
		if !exchanged {
			want = append(want, "sub")
		}
		slices.Sort(want)
		if got := names(t, dir); !slices.Equal(got, want) {
			t.Errorf("after a whole call there are %v, want %v", got, want)
		}
		if left := names(t, filepath.Dir(dir)); len(left) != 1 {
			t.Errorf("next to the result are %v", left)
		}
		t.Logf("%d kills, exchanged %v: %v", kills, exchanged, seen)
	}
}

// killOne starts a process and kills it after a random time.
func killOne(t *testing.T, dir string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), replaceName+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	ok(t, err)
	ok(t, cmd.Start())
	if !bufio.NewScanner(out).Scan() {
		t.Fatal("it replaced nothing")
	}
	time.Sleep(time.Duration(rand.Int64N(int64(30 * time.Millisecond))))
	ok(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
}

// whole returns which result the directory has. All files must belong to this result.
func whole(t *testing.T, dir string) string {
	t.Helper()
	all := slices.DeleteFunc(names(t, dir), func(s string) bool { return strings.HasPrefix(s, ".") || s == "sub" })
	if !slices.Contains(all, result.SummaryName) {
		return "unfinished"
	}
	doc, err := result.Read(dir, nil)
	ok(t, err)
	for _, name := range doc.Files {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(b) != doc.Analysis {
			t.Fatalf("result %s has %q in %s, %v", doc.Analysis, b, name, err)
		}
	}
	mixed := slices.DeleteFunc(all, func(s string) bool {
		return s == result.SummaryName || s == "unfinished.json" || slices.Contains(doc.Files, s)
	})
	if len(mixed) > 0 {
		t.Fatalf("result %s has %v as well", doc.Analysis, mixed)
	}
	return doc.Analysis
}
