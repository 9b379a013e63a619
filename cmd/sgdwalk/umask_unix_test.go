//go:build unix

package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestUmask: what the program writes is as readable as the umask allows, no more and
// no less.
func TestUmask(t *testing.T) {
	for _, mask := range []fs.FileMode{0o077, 0o002} {
		root := t.TempDir()
		run := filepath.Join(root, "run")
		old := syscall.Umask(int(mask))
		for _, args := range [][]string{
			{"train", "--data", "digits", "--model", "mlp:2", "--epochs", "2", "--grad", "--out", run},
			{"walk", "--segments", "0-2", run},
			{"landscape", "--grid", "2x2", "--gif", "--vtk", run},
			{"report", run, "--out", filepath.Join(root, "r.html")},
			{
				"export", run, "--npz", filepath.Join(root, "r.npz"), "--csv", filepath.Join(root, "r.csv"),
				"--safetensors", filepath.Join(root, "all") + "/", "--events", filepath.Join(root, "logs", "run"),
				"--projector", filepath.Join(root, "logs", "run"),
			},
			{"repair", run, "--out", filepath.Join(root, "again")},
			{
				"plan", "walk", "--segments", "0-1", "--shards", "1", "--timing", "0", "--out",
				filepath.Join(root, "plan"), run,
			},
			{"work", filepath.Join(root, "plan"), "--shard", "0"},
			{"merge", filepath.Join(root, "plan"), "--out", filepath.Join(root, "merged")},
		} {
			if status, _, stderr := call(append(args, "-q")...); status != exitOK {
				t.Errorf("%v: status %d: %s", args, status, stderr)
			}
		}
		syscall.Umask(old)
		files := 0
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			info, infoErr := os.Lstat(path)
			if err := errors.Join(err, infoErr); err != nil || path == root {
				return err
			}
			want := 0o666 &^ mask
			if d.IsDir() {
				want = 0o777 &^ mask
			}
			if info.Mode().Perm() != want {
				t.Errorf("umask %03o: %s has mode %03o, want %03o", mask, path[len(root):], info.Mode().Perm(), want)
			}
			files++
			return nil
		})
		if err != nil || files < 40 {
			t.Errorf("%d files: %v", files, err)
		}
	}
}
