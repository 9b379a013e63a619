package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sgdwalk/record/arrowfile"
	"sgdwalk/record/recorder"
	"sgdwalk/train/replay"
	"sgdwalk/train/session"
)

// damagedRun is a damage and what must survive it.
type damagedRun struct {
	name   string
	spoil  func(t *testing.T, dir string)
	status int // of every verb that reads rows
	repair int
	rows   int // that repair saves
}

// TestDamageInEveryVerb: damage is exit status 3 in every verb, and a run that only
// ends early is none.
func TestDamageInEveryVerb(t *testing.T) {
	t.Parallel()
	whole, other := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "other")
	f := faultRun{Model: "mlp:2", Optimizer: "sgd", Batch: 300, Epochs: 2, Seed: 1, Grad: true, SegmentBytes: 12_000}
	wantStatus(t, exitOK, f.args(whole)...)
	f.Seed = 2
	wantStatus(t, exitOK, f.args(other)...)
	segment := func(dir, n string) string { return filepath.Join(dir, "steps-00000"+n+".arrow") }
	r, err := arrowfile.Open(whole)
	if err != nil {
		t.Fatal(err)
	}
	rows, segments := r.Len(), r.Segments()
	r.Close()
	if segments < 3 {
		t.Fatalf("%d segments; the table needs 3", segments)
	}
	header := func(dir string) string { return filepath.Join(dir, "header.json") }
	write := func(t *testing.T, path string, b []byte) {
		t.Helper()
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	read := func(t *testing.T, path string) []byte {
		t.Helper()
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, d := range []damagedRun{
		{"sound", func(*testing.T, string) {}, exitOK, exitOK, rows},
		{
			"header cut", func(t *testing.T, dir string) { write(t, header(dir), read(t, header(dir))[:300]) },
			exitDamaged, exitOK, rows,
		},
		{"header missing", func(t *testing.T, dir string) { os.Remove(header(dir)) }, exitDamaged, exitOK, rows},
		{"header too long", func(t *testing.T, dir string) {
			if err := os.Truncate(header(dir), 1<<30); err != nil {
				t.Fatal(err)
			}
		}, exitDamaged, exitOK, rows},
		{"header a directory", func(t *testing.T, dir string) {
			os.Remove(header(dir))
			if err := os.Mkdir(header(dir), 0o700); err != nil {
				t.Fatal(err)
			}
		}, exitDamaged, exitOK, rows},
		{
			"another run's header", func(t *testing.T, dir string) { write(t, header(dir), read(t, header(other))) },
			exitDamaged, exitOK, rows,
		},
		{
			"first segment missing", func(t *testing.T, dir string) { os.Remove(segment(dir, "0")) }, exitDamaged, exitOK,
			-1,
		},
		{
			"middle segment missing", func(t *testing.T, dir string) { os.Remove(segment(dir, "1")) }, exitDamaged, exitOK,
			-1,
		},
		{"another run's segment", func(t *testing.T,
			dir string,
		) {
			write(t, segment(dir, "1"), read(t, segment(other, "1")))
		}, exitDamaged, exitOK, -1},
		{
			"segment twice", func(t *testing.T, dir string) { write(t, segment(dir, "1"), read(t, segment(dir, "0"))) },
			exitDamaged, exitOK, -1,
		},
		{"all of a segment zero", func(t *testing.T, dir string) {
			write(t, segment(dir, "1"), make([]byte, len(read(t, segment(dir, "1")))))
		}, exitDamaged, exitOK, -1},
	} {
		t.Run(d.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "run")
			if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
				t.Fatal(err)
			}
			d.spoil(t, dir)
			out := t.TempDir()
			for _, verb := range []string{
				"info", "verify", "path", "pca", "walk", "line", "landscape --grid 3x3", "curvature --step -1", "average --windows 2",
				"compare --out " + filepath.Join(out, "compare") + " " + whole, "export --csv -", "watch --once",
				"plan walk --shards 2 --out " + filepath.Join(out, "plan"),
				"report --out " + filepath.Join(out, "report.html"),
			} {
				args := append(strings.Fields(verb), dir)
				if name, _, isPlan := strings.Cut(verb, " walk --shards"); isPlan {
					args = append([]string{name, "walk", dir}, args[2:len(args)-1]...)
				}
				if status, _, stderr := call(append(args, "-q")...); status != d.status {
					t.Errorf("%s leaves with %d, want %d: %s", verb, status, d.status, stderr)
				}
			}
			wantStatus(t, d.repair, "repair", dir, "--out", filepath.Join(out, "repaired"))
			s, err := arrowfile.Check(filepath.Join(out, "repaired"), func(err error) { t.Error(err) })
			if err != nil || d.rows >= 0 && int(s.Rows) != d.rows || s.Rows == 0 {
				t.Errorf("repair saved %d rows, want %d: %v", s.Rows, d.rows, err)
			}
		})
	}
}

// TestLostTail: verify says where a run ends that should be longer, and calls it
// damaged when its writer had counted more rows.
func TestLostTail(t *testing.T) {
	f := faultRun{Model: "mlp:2", Optimizer: "sgd", Batch: 300, Epochs: 2, Seed: 1, SegmentBytes: 12_000}
	dir := filepath.Join(t.TempDir(), "run")
	wantStatus(t, exitOK, f.args(dir)...)
	paths, err := filepath.Glob(filepath.Join(dir, "steps-*.arrow"))
	if err != nil || len(paths) < 2 {
		t.Fatalf("%q, %v", paths, err)
	}
	os.Remove(paths[len(paths)-1])
	if stdout, _ := wantStatus(t, exitDamaged, "verify", dir); !strings.Contains(stdout,
		"train.json says that the run has") {
		t.Errorf("with train.json: %q", stdout)
	}
	os.Remove(filepath.Join(dir, recorder.SummaryName))
	if stdout, _ := wantStatus(t, exitOK, "verify", dir); !strings.Contains(stdout, "unfinished: it ends at step") {
		t.Errorf("without train.json: %q", stdout)
	}
	// The lost steps are computed again.
	wantStatus(t, exitOK, "train", "--resume", dir)
	if stdout, _ := wantStatus(t, exitOK, "verify", dir); strings.Contains(stdout, "unfinished") {
		t.Errorf("after --resume: %q", stdout)
	}
}

// TestNothingBlocksForGood: whatever a killed process left behind, the next call
// says so, computes what is missing, bit for bit, and ends well.
func TestNothingBlocksForGood(t *testing.T) {
	t.Parallel()
	f := faultRun{Model: "mlp:4", Optimizer: "momentum", Batch: 100, Epochs: 3, Seed: 3}
	reference := f.reference(t)
	for _, test := range []struct {
		name  string
		spoil func(t *testing.T, dir string)
		says  string
	}{
		{"damaged checkpoint", func(t *testing.T,
			dir string,
		) {
			spoilAt(t, filepath.Join(dir, replay.CheckpointName), 200)
		}, "checkpoint.damaged"},
		{"cut checkpoint", func(t *testing.T, dir string) {
			if err := os.Truncate(filepath.Join(dir, replay.CheckpointName), 100); err != nil {
				t.Fatal(err)
			}
		}, "checkpoint.damaged"},
		{"checkpoint a directory", func(t *testing.T, dir string) {
			path := filepath.Join(dir, replay.CheckpointName)
			os.Remove(path)
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "checkpoint.damaged"},
		{
			"no checkpoint", func(_ *testing.T, dir string) { os.Remove(filepath.Join(dir, replay.CheckpointName)) },
			"no checkpoint",
		},
		{"no summary", func(*testing.T, string) {}, "continues"},
		{"damaged summary", func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, recorder.SummaryName), []byte("{"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "continues"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "run")
			wantStatus(t, exitOK, f.args(dir)...)
			os.Remove(filepath.Join(dir, recorder.SummaryName)) // killed between the last row and its summary
			test.spoil(t, dir)
			if _, stderr := wantStatus(t, exitOK, "train", "--resume", dir); !strings.Contains(stderr, test.says) {
				t.Errorf("--resume says %q, want %q", stderr, test.says)
			}
			if n, torn := prefix(t, dir, reference); n != reference.Len() || torn != 0 {
				t.Errorf("%d rows of %d, %d bytes torn", n, reference.Len(), torn)
			}
			wantStatus(t, exitOK, "verify", dir)
			if s, err := session.ReadSummary(dir); err != nil || s == nil || s.Rows != int64(reference.Len()) {
				t.Errorf("train.json has %+v, %v", s, err)
			}
			wantStatus(t, exitOK, "train", "--resume", dir) // nothing is left to do
		})
	}
}

func spoilAt(t *testing.T, path string, at int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[at] ^= 0x55
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestInterruptedStatus: work that was interrupted leaves with a status of its own.
func TestInterruptedStatus(t *testing.T) {
	f := faultRun{Model: "mlp:4", Optimizer: "sgd", Batch: 100, Epochs: 3, Seed: 3}
	run0 := filepath.Join(t.TempDir(), "run")
	wantStatus(t, exitOK, f.args(run0)...)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := filepath.Join(t.TempDir(), "stopped")
	for _, args := range [][]string{
		f.args(dir), {"verify", "--replay", run0}, {"walk", run0}, {"path", run0}, {"pca", run0},
	} {
		var out, errs strings.Builder
		if status := run(ctx, args, &out, &errs); status != exitInterrupted {
			t.Errorf("%s leaves with %d, want %d: %s", args[0], status, exitInterrupted, errs.String())
		}
	}
	wantStatus(t, exitOK, "train", "--resume", dir)
}

// TestOtherKernel: a run is continued and replayed with the kernel of its header, or
// refused with both names.
func TestOtherKernel(t *testing.T) {
	f := faultRun{Model: "mlp:4", Optimizer: "sgd", Batch: 100, Epochs: 2, Seed: 3}
	dir := filepath.Join(t.TempDir(), "run")
	wantStatus(t, exitOK, f.args(dir)...)
	r, err := arrowfile.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	h := r.Header().Clone()
	if err := session.CheckKernel(dir, h); err != nil {
		t.Error(err)
	}
	own := h.Kernel
	h.Kernel = "sve9"
	if err := session.CheckKernel(dir, h); err == nil || !strings.Contains(err.Error(), "sve9") ||
		!strings.Contains(err.Error(), own) {
		t.Errorf("%v; want both kernels named", err)
	}
}
