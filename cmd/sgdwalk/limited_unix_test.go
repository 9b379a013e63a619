//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sgdwalk/analyze/audit"
	"sgdwalk/record"
	"sgdwalk/record/recorder"

	"golang.org/x/sys/unix"
)

// limitedName is the command that the test binary is for runLimited.
const limitedName = "sgdwalk-limited"

// filesLimit begins the first argument of runLimited that limits open files.
const filesLimit = "files:"

// runLimited is the program in a process whose files cannot grow beyond so many
// bytes, its first argument: the next write is cut there and fails, as on a disk
// that is full at that byte. With filesLimit the number of open files is limited.
func runLimited() {
	limit, isOfFiles := strings.CutPrefix(os.Args[1], filesLimit)
	n, err := strconv.ParseUint(limit, 10, 64)
	switch {
	case err != nil:
	case isOfFiles:
		err = unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: n})
	default:
		signal.Ignore(syscall.SIGXFSZ)
		err = unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: n, Max: n})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(9)
	}
	os.Exit(run(context.Background(), os.Args[2:], os.Stdout, os.Stderr))
}

var endsAfterRow = regexp.MustCompile(`the recording ends after row (-?\d+)`)

// TestDiskFullWhileTraining: whichever write of the program finds no room, it
// says so on one line, or trains on and says that the recording is incomplete if
// it was told to, and what was written before is there, sound, and nothing torn.
func TestDiskFullWhileTraining(t *testing.T) {
	t.Parallel()
	f := faultRun{Model: "mlp:2", Optimizer: "sgd", Batch: 100, Epochs: 1, Seed: 5}
	reference := f.reference(t)
	size := int(reference.Bytes())
	stride := size / faults(7, 400)
	full, rows, refused := 0, 0, 0
	most := 0
	for limit := 0; limit < size; limit += stride {
		dir := filepath.Join(t.TempDir(), "run")
		args := f.args(dir)
		trainOn := limit/stride%2 == 1
		if trainOn {
			args = append(args, "--on-record-error", "continue")
		}
		status, stdout, stderr := callLimited(t, limit, args...)
		full++
		last := stderr[strings.LastIndex(strings.TrimSpace(stderr), "\n")+1:]
		if _, err := os.Stat(filepath.Join(dir, "header.json")); err != nil {
			if status != exitFailure || !strings.Contains(last, "file too large") {
				t.Errorf("limit %d: status %d without a run: %s", limit, status, stderr)
			}
			refused++
			continue
		}
		n, torn := prefix(t, dir, reference)
		if torn != 0 || n < most {
			t.Errorf("limit %d: %d rows, %d bytes torn; a smaller disk had room for %d rows", limit, n, torn, most)
		}
		most = max(most, n)
		rows += n
		verified, _ := wantStatus(t, exitOK, "verify", dir)
		text := last
		switch {
		case trainOn && n < reference.Len():
			text = stdout
			if status != exitOK || !strings.Contains(stdout, "INCOMPLETE") {
				t.Errorf("limit %d: status %d, %q; want training to end and an incomplete recording",
					limit, status, stdout)
			}
			// A limit of the disk can leave train.json, which says so, unwritten too.
			if stats, err := recorder.ReadStats(dir); err == nil && stats != nil && !strings.Contains(verified,
				"INCOMPLETE: ") {
				t.Errorf("limit %d: verify says %q of an incomplete recording", limit, verified)
			}
		case status != exitFailure || !strings.HasPrefix(last, "sgdwalk: "):
			t.Errorf("limit %d: status %d: %s", limit, status, stderr)
		}
		if !strings.Contains(text, "file too large") || !strings.Contains(text, "steps-") {
			t.Errorf("limit %d: the message does not say what was too large: %q", limit, text)
		}
		if m := endsAfterRow.FindStringSubmatch(text); n < reference.Len() && (m == nil || m[1] != strconv.Itoa(n-1)) {
			t.Errorf("limit %d: %d rows are there; the message says %q", limit, n, text)
		}
	}
	if most != reference.Len() {
		t.Errorf("the largest disk had room for %d of %d rows; only the footer should have been missing",
			most, reference.Len())
	}
	t.Logf("%d full disks: %d before the first row could be written, %d rows found and compared after the others",
		full, refused, rows)
}

// TestSeriesOfManyFiles: ten thousand checkpoints are a series for a process that may open 64
// files, with the numbers of the imported run.
func TestSeriesOfManyFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	folder, imported := filepath.Join(dir, "checkpoints"), filepath.Join(dir, "run")
	if err := os.Mkdir(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	layout := record.Pack(record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{2, 4}},
		record.Tensor{Name: "b", Kind: record.Bias, Shape: []int{4}})
	theta := make([]float32, layout.Len())
	for step := range 10_000 {
		theta[step%len(theta)] += float32(step%7) - 3
		path := filepath.Join(folder, fmt.Sprintf("ckpt-%d.safetensors", step))
		if err := os.WriteFile(path, plainSafetensors(layout, theta, 4), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	limited := func(args ...string) string {
		t.Helper()
		status, stdout, stderr := callWith(t, filesLimit+"64", append(args, "--quiet")...)
		if status != exitOK {
			t.Fatalf("%v: status %d: %s", args, status, stderr)
		}
		return stdout
	}
	limited("import", folder, "--out", imported)
	if text := limited("info", folder); !strings.Contains(text, "10000 checkpoints, steps 0 to 9999") {
		t.Errorf("info says %s", text)
	}
	for _, verb := range [][]string{{"path"}, {"pca", "--rows", "every:20", "--scores-only", "--kinds", "all"}} {
		var tables [2][]byte
		for i, of := range []string{folder, imported} {
			out := filepath.Join(dir, fmt.Sprint(verb[0], i))
			limited(append(verb, "--formats", "svg", "--out", out, of)...)
			name := map[string]string{"path": "path.csv", "pca": "scores.csv"}[verb[0]]
			tables[i] = must(os.ReadFile(filepath.Join(out, name)))
		}
		if len(tables[0]) == 0 || !bytes.Equal(tables[0], tables[1]) {
			t.Errorf("%s: the tables of the series and of the run differ", verb[0])
		}
	}
}

// TestAuditOfManyFiles: ten thousand checkpoints are audited with 64 open files, in a few seconds and
// less than 300 MB, and the one at a wrong step is the only finding.
func TestAuditOfManyFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	folder := filepath.Join(dir, "checkpoints")
	if err := os.Mkdir(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	layout := record.Pack(record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{8, 16}},
		record.Tensor{Name: "b", Kind: record.Bias, Shape: []int{8}})
	r := rand.New(rand.NewPCG(1, 2))
	theta := make([]float32, layout.Len())
	var early []byte
	for step := range 10_000 {
		for i := range theta {
			theta[i] += float32(0.01 * r.NormFloat64())
		}
		file := plainSafetensors(layout, theta, 4)
		switch step {
		case 3000:
			early = file
		case 7000:
			file = early
		}
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("ckpt-%d.safetensors", step)), file, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(limitedName, filesLimit+"64", "audit", "--quiet", "--json", "--out", filepath.Join(dir, "out"), folder)
	begin := time.Now()
	out, err := cmd.Output()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != exitDamaged {
		t.Fatalf("%v, want exit status %d", err, exitDamaged)
	}
	var result struct{ Summary audit.Summary }
	if err := json.Unmarshal(out, &result); err != nil {
		t.Fatal(err)
	}
	s := result.Summary
	if s.Checkpoints != 10_000 || s.Faults != 1 || s.Warnings != 0 || s.List[0].Step != 7000 || *s.List[0].FitsStep != 3000 {
		t.Errorf("%d checkpoints, %d errors, %d warnings: %+v", s.Checkpoints, s.Faults, s.Warnings, s.List)
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	megabytes := int64(usage.Maxrss) >> 10
	if runtime.GOOS == "darwin" {
		megabytes >>= 10 // there it is in bytes
	}
	t.Logf("10000 checkpoints audited in %v, %d MB", time.Since(begin).Round(time.Millisecond), megabytes)
	if megabytes > 300 {
		t.Errorf("the audit needed %d MB, want at most 300", megabytes)
	}
}

// callLimited runs the program in a process with a limited size of files.
func callLimited(t *testing.T, limit int, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	return callWith(t, strconv.Itoa(limit), args...)
}

// callWith runs the program in a limited process.
func callWith(t *testing.T, limit string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	cmd := exec.Command(limitedName, append([]string{limit}, args...)...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() < 0 {
		t.Fatalf("limit %s: %v", limit, err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}
