package pca_test

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// forget drops the files of a run from the system's page cache.
func forget(tb testing.TB, dir string) {
	names, err := filepath.Glob(filepath.Join(dir, "steps-*.arrow"))
	if err != nil || len(names) == 0 {
		tb.Fatal(names, err)
	}
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			tb.Fatal(err)
		}
		// Pages that are not yet on the disk would stay.
		if err := f.Sync(); err != nil {
			tb.Fatal(err)
		}
		if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
			tb.Fatal(err)
		}
		f.Close()
	}
}
