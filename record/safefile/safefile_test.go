package safefile_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sgdwalk/record/safefile"
)

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// link makes a link at path to a file with precious content outside of its
// directory, and returns a check that the file is as it was.
func link(t *testing.T, path string) (check func()) {
	t.Helper()
	victim := filepath.Join(t.TempDir(), "victim")
	ok(t, os.WriteFile(victim, []byte("precious"), 0o666))
	if err := os.Symlink(victim, path); err != nil {
		t.Skipf("no symbolic link can be made here: %v", err)
	}
	return func() {
		t.Helper()
		if b, err := os.ReadFile(victim); err != nil || string(b) != "precious" {
			t.Errorf("the file behind the link is %q, %v", b, err)
		}
	}
}

func TestWritersReplaceALink(t *testing.T) {
	for name, write := range map[string]func(path string, b []byte) error{
		"WriteBytes": safefile.WriteBytes, "WriteScript": safefile.WriteScript,
		"WriteTransient": safefile.WriteTransient,
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "f")
			check := link(t, path)
			ok(t, write(path, []byte("new")))
			check()
			b, err := os.ReadFile(path)
			ok(t, err)
			if string(b) != "new" {
				t.Errorf("%q is written", b)
			}
		})
	}
}

func TestWriteNew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	check := link(t, path)
	if err := safefile.WriteNew(path, []byte("new")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a link: %v", err)
	}
	check()
	ok(t, os.Remove(path))
	ok(t, safefile.WriteNew(path, []byte("1")))
	if err := safefile.WriteNew(path, []byte("2")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("the second time: %v", err)
	}
	if b, err := safefile.Read(path, 9); string(b) != "1" {
		t.Errorf("%q, %v", b, err)
	}
	alone(t, path)
}

// alone checks that nothing but the file is in its directory.
func alone(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	ok(t, err)
	if len(entries) != 1 || entries[0].Name() != filepath.Base(path) {
		t.Errorf("the directory has %v", entries)
	}
}

func TestAFailedWriteLeavesTheOldFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	ok(t, safefile.WriteBytes(path, []byte("old")))
	broken := errors.New("out of ink")
	err := safefile.Write(path, func(w io.Writer) error { _, _ = io.WriteString(w, "half"); return broken })
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "old" {
		t.Errorf("the file has %q", b)
	}
	alone(t, path)
}

func TestOpenRefusesWhatIsNotAFile(t *testing.T) {
	dir := t.TempDir()
	at := filepath.Join(dir, "link")
	check := link(t, at)
	dangling, sub := filepath.Join(dir, "dangling"), filepath.Join(dir, "sub")
	nowhere := filepath.Join(t.TempDir(), "nowhere")
	ok(t, errors.Join(os.Symlink(nowhere, dangling), os.Mkdir(sub, 0o777)))
	for _, path := range []string{at, dangling, sub} {
		for _, flag := range []int{
			os.O_RDONLY, os.O_WRONLY | os.O_APPEND | os.O_CREATE,
			os.O_WRONLY | os.O_TRUNC | os.O_CREATE,
		} {
			if f, err := safefile.Open(path, flag); !errors.Is(err, safefile.ErrNotPlain) {
				f.Close()
				t.Errorf("%s with flags %#x: %v", filepath.Base(path), flag, err)
			}
		}
		if err := safefile.Check(path); !errors.Is(err, safefile.ErrNotPlain) {
			t.Errorf("Check(%s): %v", filepath.Base(path), err)
		}
	}
	check()
	if _, err := os.Lstat(nowhere); err == nil {
		t.Error("a file was made behind a dangling link")
	}
	if _, err := safefile.Open(filepath.Join(dir, "none"), os.O_RDONLY); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

func TestReadHasALimit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	ok(t, safefile.WriteBytes(path, []byte("12345")))
	if b, err := safefile.Read(path, 5); string(b) != "12345" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := safefile.Read(path, 4); err == nil || !strings.Contains(err.Error(), "at most 4") {
		t.Errorf("got %v", err)
	}
}

// TestRemoveLeft: what a killed writer left goes; what is being written stays.
func TestRemoveLeft(t *testing.T) {
	dir := t.TempDir()
	for _, base := range []string{"page.html", strings.Repeat("\u00e4", 125) + ".html"} {
		path := filepath.Join(dir, base)
		old, live, other := safefile.TemporaryName(path), safefile.TemporaryName(path),
			safefile.TemporaryName(filepath.Join(dir, "x"+base[:9]))
		ok(t, errors.Join(safefile.WriteBytes(path, nil), os.WriteFile(old, nil, 0o666), os.WriteFile(live, nil, 0o666),
			os.WriteFile(other, nil, 0o666)))
		hour := time.Now().Add(-time.Hour)
		ok(t, errors.Join(os.Chtimes(old, hour, hour), os.Chtimes(other, hour, hour), os.Chtimes(path, hour, hour)))
		safefile.RemoveLeftovers(path)
		for name, want := range map[string]bool{path: true, old: false, live: true, other: true} {
			if _, err := os.Lstat(name); (err == nil) != want {
				t.Errorf("%s: %v", filepath.Base(name), err)
			}
		}
	}
}

func TestIsTemporary(t *testing.T) {
	for name, want := range map[string]bool{
		filepath.Base(safefile.TemporaryName("a/f.csv")): true,
		".f.csv.123": true, ".f.csv.123.tmp": true, // of earlier versions
		"f.csv": false, ".f.csv": false, ".f.csv.": false, ".g.csv.1.tmp": false, ".f.csv.x.1.tmp": false,
	} {
		if got := safefile.IsTemporary(name, "f.csv"); got != want {
			t.Errorf("IsTemporary(%q) is %v", name, got)
		}
	}
}
