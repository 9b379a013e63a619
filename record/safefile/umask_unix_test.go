//go:build unix

package safefile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"sgdwalk/record/safefile"
)

func TestUmask(t *testing.T) {
	dir := t.TempDir()
	for _, mask := range []os.FileMode{0o077, 0o022, 0o002} {
		old := syscall.Umask(int(mask))
		path := filepath.Join(dir, fmt.Sprintf("%o", mask))
		err1, err2 := safefile.WriteBytes(path, nil), safefile.WriteScript(path+".sh", nil)
		f, err3 := safefile.Open(path+".made", os.O_WRONLY|os.O_CREATE)
		syscall.Umask(old)
		f.Close()
		for _, err := range []error{err1, err2, err3} {
			ok(t, err)
		}
		for name, want := range map[string]os.FileMode{
			path: 0o666 &^ mask, path + ".sh": 0o777 &^ mask,
			path + ".made": 0o666 &^ mask,
		} {
			info, err := os.Stat(name)
			ok(t, err)
			if info.Mode().Perm() != want {
				t.Errorf("umask %03o: %s has mode %03o, want %03o", mask, filepath.Base(name), info.Mode().Perm(), want)
			}
		}
	}
}

// A pipe without a writer would block an open for good.
func TestAPipeIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o666); err != nil {
		t.Skipf("no named pipe can be made here: %v", err)
	}
	done := make(chan error, 1) // the goroutine can end when nobody waits
	go func() { _, err := safefile.Read(path, 9); done <- err }()
	select {
	case err := <-done:
		if err == nil {
			t.Error("a pipe is read")
		}
	case <-time.After(5 * time.Second):
		t.Error("reading a pipe blocks")
	}
}
