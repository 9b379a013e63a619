package arrowfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sgdwalk/record/recordtest"
)

// TestBeside: the files beside a recording come and go with the run.
func TestBeside(t *testing.T) {
	h := recordtest.Header(3)
	dir := filepath.Join(t.TempDir(), "run")
	must(t, os.Mkdir(dir, 0o777))
	w, err := Create(dir, h, Options{ExtraFiles: map[string][]byte{"settings": []byte("first"), "result": nil}})
	must(t, err)
	must(t, w.Close())
	mustWrite(t, filepath.Join(dir, "result"), []byte("good"))
	mustWrite(t, filepath.Join(dir, "notes"), []byte("mine"))
	w, err = Create(dir, h, Options{
		Overwrite:  true,
		ExtraFiles: map[string][]byte{"settings": []byte("second"), "result": nil},
	})
	must(t, err)
	must(t, w.Close())
	if got := string(mustRead(t, filepath.Join(dir, "settings"))); got != "second" {
		t.Errorf("settings are %q; want second", got)
	}
	if got, want := tree(t, dir),
		[]string{headerName, lockName, "notes", "settings", segmentName(0)}; !slices.Equal(got, want) {
		t.Errorf("files %q; want %q", got, want)
	}
	for _, name := range []string{"", ".", "..", "a/b", headerName, lockName, analysisName, segmentName(3)} {
		_, err := Create(filepath.Join(t.TempDir(), "run"), h, Options{ExtraFiles: map[string][]byte{name: nil}})
		if err == nil || !strings.Contains(err.Error(), "ExtraFiles") {
			t.Errorf("%q beside a run: %v", name, err)
		}
	}
}

// TestBesideFails: a run that cannot be begun leaves no settings behind.
func TestBesideFails(t *testing.T) {
	h := recordtest.Header(3)
	dir := filepath.Join(t.TempDir(), "run")
	must(t, os.MkdirAll(filepath.Join(dir, "settings", "of somebody"), 0o777))
	mustWrite(t, filepath.Join(dir, lockName), nil)
	if _, err := Create(dir, h,
		Options{ExtraFiles: map[string][]byte{"settings": []byte("x"), "a": []byte("y")}}); err == nil {
		t.Fatal("a directory was taken for a file of settings")
	}
	if got, want := tree(t, dir),
		[]string{lockName, "settings", filepath.Join("settings", "of somebody")}; !slices.Equal(got, want) {
		t.Errorf("files %q; want %q", got, want)
	}
}

// TestBegun: a directory in which a run was being begun is used, and nobody
// else's.
func TestBegun(t *testing.T) {
	h := recordtest.Header(3)
	beside := map[string][]byte{"settings": []byte("x")}
	for _, c := range []struct {
		files []string
		taken bool
	}{
		{[]string{lockName}, true},
		{[]string{lockName, "settings"}, true},
		{[]string{lockName, ".settings.12.tmp"}, true},
		{[]string{lockName, "settings", "." + headerName + ".12.tmp"}, true},
		{[]string{"settings"}, false}, // it has no lock: somebody made it by hand
		{[]string{lockName, "notes"}, false},
		{[]string{lockName, ".notes.12.tmp"}, false},
		{[]string{lockName, segmentName(0)}, false}, // rows, perhaps
	} {
		dir := t.TempDir()
		for _, name := range c.files {
			mustWrite(t, filepath.Join(dir, name), []byte("x"))
		}
		w, err := Create(dir, h, Options{ExtraFiles: beside})
		if !c.taken {
			if !errors.Is(err, ErrExists) {
				t.Errorf("%q: %v; want %v", c.files, err, ErrExists)
			}
			continue
		}
		must(t, err)
		must(t, w.Close())
		if got, want := tree(t, dir),
			[]string{headerName, lockName, "settings", segmentName(0)}; !slices.Equal(got, want) {
			t.Errorf("%q became %q; want %q", c.files, got, want)
		}
	}
}

// TestContinueTidies: what an attempt has left that was killed while it wrote a
// segment anew goes; what looks like it and is not stays.
func TestContinueTidies(t *testing.T) {
	h := recordtest.Header(3)
	dir := writeRun(t, h, recordtest.Rows(h, 3, 1), Options{})
	stale := []string{"." + segmentName(0) + ".123.tmp", "." + headerName + ".9.tmp"}
	others := []string{".steps-0.arrow.1.tmp", "notes.tmp", "." + segmentName(0)}
	for _, name := range append(stale, others...) {
		mustWrite(t, filepath.Join(dir, name), []byte("x"))
	}
	w, err := Continue(dir, Options{})
	must(t, err)
	must(t, w.Close())
	for _, name := range stale {
		if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there (%v)", name, err)
		}
	}
	for _, name := range others {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}
