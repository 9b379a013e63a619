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

	"sgdwalk/record/recorder"
)

// lay puts a run together as it stands at some moment: files by their names, with
// "=" those of the reference, else with that content.
func lay(t *testing.T, from string, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		b := []byte(content)
		if content == "=" {
			var err error
			if b, err = os.ReadFile(filepath.Join(from, name)); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// remains returns the files in a run's directory that only a process that was
// killed leaves there.
func remains(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || strings.HasPrefix(e.Name(), "recorder.json") {
			names = append(names, e.Name())
		}
	}
	return names
}

// TestKilledWhileBeginning goes through the moments of a run's beginning, and of
// the replacing of another, at which the process can be killed. Each leaves a run
// that goes on to its end, or one that says how it is begun anew and can be.
func TestKilledWhileBeginning(t *testing.T) {
	t.Parallel()
	f := faultRun{Model: "mlp:8", Optimizer: "sgd", Batch: 100, Epochs: 2, Seed: 5, SegmentBytes: 100_000}
	reference := f.reference(t)
	if reference.Segments() < 2 {
		t.Fatal("the run should have two segments")
	}
	whole := filepath.Join(t.TempDir(), "whole")
	wantStatus(t, exitOK, f.args(whole)...)
	segment, err := os.ReadFile(filepath.Join(whole, "steps-000000.arrow"))
	if err != nil {
		t.Fatal(err)
	}
	const anew = "" // no message: it goes on
	for _, m := range []struct {
		name  string
		files map[string]string
		says  string // what --resume says
	}{
		{"locked", map[string]string{"lock": ""}, "not a recorded run"},
		{"settings half written", map[string]string{"lock": "", ".config.toml.1.tmp": "data"}, "not a recorded run"},
		{"settings", map[string]string{"lock": "", "config.toml": "="}, "--force"},
		{
			"header half written",
			map[string]string{"lock": "", "config.toml": "=", ".header.json.2.tmp": "{"},
			"--force",
		},
		{"header", map[string]string{"lock": "", "config.toml": "=", "header.json": "="}, "--force"},
		{"empty segment", map[string]string{
			"lock": "", "config.toml": "=", "header.json": "=",
			"steps-000000.arrow": "",
		}, anew},
		{"schema half written", map[string]string{
			"lock": "", "config.toml": "=", "header.json": "=",
			"steps-000000.arrow": string(segment[:99]),
		}, anew},
		{"row half written", map[string]string{
			"lock": "", "config.toml": "=", "header.json": "=",
			"steps-000000.arrow": string(segment[:3000]),
		}, anew},
		{"segment being rewritten", map[string]string{
			"lock": "", "config.toml": "=", "header.json": "=", "steps-000000.arrow": string(segment[:9000]),
			".steps-000000.arrow.77.tmp": string(segment[:5000]), ".checkpoint.5": "sg",
		}, anew},
		{"next segment empty", map[string]string{
			"lock": "", "config.toml": "=", "header.json": "=",
			"steps-000000.arrow": "=", "steps-000001.arrow": "",
		}, anew},
		{
			"replaced: first segment gone",
			map[string]string{
				"lock": "", "config.toml": "=", "header.json": "=", "train.json": "=", "checkpoint": "=",
				"steps-000001.arrow": "=",
			},
			"missing",
		},
		{"replaced: header left", map[string]string{"lock": "", "header.json": "="}, "missing"},
	} {
		t.Run(m.name, func(t *testing.T) {
			dir := lay(t, whole, m.files)
			status, _, stderr := call("train", "--resume", dir)
			if m.says != anew {
				if status != exitFailure && status != exitDamaged || !strings.Contains(stderr, m.says) ||
					strings.Count(stderr, "\n") != 1 {
					t.Errorf("--resume: status %d: %q; want a line with %q", status, stderr, m.says)
				}
				wantStatus(t, exitOK, append(f.args(dir), "--force")...)
			} else if status != exitOK {
				t.Errorf("--resume: status %d: %s", status, stderr)
			}
			if n, torn := prefix(t, dir, reference); n != reference.Len() || torn != 0 {
				t.Errorf("%d rows of %d, %d bytes torn", n, reference.Len(), torn)
			}
			if left := remains(t, dir); left != nil {
				t.Errorf("%q is left behind", left)
			}
			wantStatus(t, exitOK, "verify", dir)
		})
	}
}

// TestKilledAgainAndAgain kills training, and then every attempt to go on with
// it, at random moments, until one comes to the end: what is recorded is, bit for
// bit, the run that was never killed, and nothing is left of the attempts.
func TestKilledAgainAndAgain(t *testing.T) {
	t.Parallel()
	want := faults(6, 100)
	rng := rand.New(rand.NewPCG(21, 22))
	runs := faultRuns()
	kills, sessions, ended := 0, 0, 0
	for i := 0; kills < want; i++ {
		if i > want {
			t.Fatalf("only %d of %d sessions could be killed", kills, sessions)
		}
		f := runs[i%len(runs)]
		reference := f.reference(t)
		dir := filepath.Join(t.TempDir(), "run")
		args := f.args(dir, "--quiet")
		longest := 250 * time.Millisecond // that a session lives; more and more, as a busy machine may need that to come anywhere
		behind := false
		for done := false; !done; sessions++ {
			longest += longest / 5
			cmd := exec.Command("sgdwalk", args...)
			var said strings.Builder
			cmd.Stderr = &said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			timer := time.AfterFunc(time.Duration(rng.Int64N(int64(longest))), func() { cmd.Process.Kill() })
			err := cmd.Wait()
			switch {
			case !timer.Stop() && cmd.ProcessState.ExitCode() < 0:
				kills++
			case err != nil && strings.Contains(said.String(), "is finished"):
				done, behind = true, true // it was killed behind its last row
			case err != nil:
				t.Fatalf("session %d: %v: %s", sessions, err, said.String())
			default:
				done = true
			}
			args = []string{"train", "--resume", dir, "--quiet", "--segment-bytes", "200kB"}
			if _, err := os.Stat(filepath.Join(dir, "steps-000000.arrow")); err != nil {
				args = f.args(dir, "--quiet", "--force")
			}
		}
		ended++
		if n, torn := prefix(t, dir, reference); n != reference.Len() || torn != 0 {
			t.Errorf("%d rows of %d, %d bytes torn", n, reference.Len(), torn)
		}
		// A death after the last row, while the summary or the counters are written or
		// removed, comes after all sessions: such files stay for a while, and are no row.
		left := slices.DeleteFunc(remains(t, dir), func(name string) bool {
			return behind && (strings.HasPrefix(name, "."+recorder.SummaryName+".") ||
				strings.HasPrefix(strings.TrimPrefix(name, "."), "recorder.json"))
		})
		if len(left) > 0 {
			t.Errorf("%q is left behind", left)
		}
		wantStatus(t, exitOK, "verify", dir)
		os.RemoveAll(dir)
	}
	t.Logf("%d kills in %d sessions; %d runs came to their end and are whole", kills, sessions, ended)
}
