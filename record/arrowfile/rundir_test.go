package arrowfile

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

// tree lists the files under dir.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && path != dir {
			rel, _ := filepath.Rel(dir, path)
			out = append(out, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestCreateRefuses(t *testing.T) {
	h := recordtest.Header(3)
	for name, test := range map[string]struct {
		make func(dir string)
		opts Options
		want error
	}{
		"a run": {func(dir string) { must(t, os.Rename(writeRun(t, h, nil, Options{}), dir)) }, Options{}, ErrExists},
		"other files": {func(dir string) {
			must(t, os.Mkdir(dir, 0o755))
			mustWrite(t, filepath.Join(dir, "thesis.tex"), []byte("x"))
		}, Options{}, ErrExists},
		"other files, overwriting": {func(dir string) {
			must(t, os.Mkdir(dir, 0o755))
			mustWrite(t, filepath.Join(dir, "thesis.tex"), []byte("x"))
			mustWrite(t, filepath.Join(dir, segmentName(0)), []byte("x"))
		}, Options{Overwrite: true}, ErrNotRun},
		"another header.json, overwriting": {func(dir string) {
			must(t, os.Mkdir(dir, 0o755))
			mustWrite(t, filepath.Join(dir, headerName), []byte(`{"name": "somebody else's"}`))
		}, Options{Overwrite: true}, ErrExists},
		"a newer run, overwriting": {func(dir string) {
			must(t, os.Mkdir(dir, 0o755))
			mustWrite(t, filepath.Join(dir, headerName), []byte(`{"format": 99}`))
		}, Options{Overwrite: true}, ErrNewerFormat},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "run")
			test.make(dir)
			before := tree(t, dir)
			_, err := Create(dir, h, test.opts)
			if !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			} else if !strings.Contains(err.Error(), dir) || strings.Contains(err.Error(), "\n") {
				t.Errorf("the error should name the directory in one line: %v", err)
			}
			if after := tree(t, dir); !slices.Equal(before, after) {
				t.Errorf("files before: %q, after: %q", before, after)
			}
		})
	}
	t.Run("a file", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "file")
		mustWrite(t, path, []byte("x"))
		for _, overwrite := range []bool{false, true} {
			if _, err := Create(path, h, Options{Overwrite: overwrite}); err == nil {
				t.Errorf("a file was taken for a directory (overwrite %v)", overwrite)
			}
		}
		if string(mustRead(t, path)) != "x" {
			t.Error("the file was changed")
		}
	})
	t.Run("invalid header", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "run")
		bad := recordtest.Header(3)
		bad.Layout[0].Name = ""
		if _, err := Create(dir, bad, Options{}); err == nil {
			t.Error("an invalid header was taken")
		}
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Error("the directory was left behind")
		}
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestCreateInEmptyDirectory(t *testing.T) {
	w, err := Create(t.TempDir(), recordtest.Header(2), Options{})
	if err != nil {
		t.Fatal(err)
	}
	must(t, w.Close())
}

func TestCreateMakesParents(t *testing.T) {
	w, err := Create(filepath.Join(t.TempDir(), "a", "b", "run"), recordtest.Header(2), Options{})
	if err != nil {
		t.Fatal(err)
	}
	must(t, w.Close())
}

// TestOverwrite: the old run goes, with its analyses, and nothing else does.
func TestOverwrite(t *testing.T) {
	h := recordtest.Header(3)
	dir := writeRun(t, h, recordtest.Rows(h, 8, 1), Options{SegmentBytes: 1})
	must(t, os.MkdirAll(filepath.Join(dir, analysisName, "pca"), 0o755))
	mustWrite(t, filepath.Join(dir, analysisName, "pca", "summary.json"), []byte("{}"))
	for _, name := range []string{"notes.txt", "steps-1.arrow", "steps-000001.arrow.bak"} {
		mustWrite(t, filepath.Join(dir, name), []byte("mine"))
	}
	w, err := Create(dir, h, Options{Overwrite: true})
	if err != nil {
		t.Fatal(err)
	}
	appendRows(t, w, recordtest.Rows(h, 1, 2))
	must(t, w.Close())
	want := []string{headerName, lockName, "notes.txt", segmentName(0), "steps-000001.arrow.bak", "steps-1.arrow"}
	if got := tree(t, dir); !slices.Equal(got, want) {
		t.Errorf("files: %q, want %q", got, want)
	}
	if r := mustOpen(t, dir); r.Len() != 2 {
		t.Errorf("%d rows, want 2", r.Len())
	}
}

func TestSecondWriter(t *testing.T) {
	h := recordtest.Header(3)
	dir := filepath.Join(t.TempDir(), "run")
	w, err := Create(dir, h, Options{})
	if err != nil {
		t.Fatal(err)
	}
	rows := recordtest.Rows(h, 2, 1)
	appendRows(t, w, rows[:1])
	_, err = Create(dir, h, Options{Overwrite: true})
	if !errors.Is(err, ErrLocked) {
		t.Errorf("second writer: %v, want %v", err, ErrLocked)
	}
	appendRows(t, w, rows[1:]) // the first one is not disturbed
	must(t, w.Close())
	if r := mustOpen(t, dir); r.Len() != 3 {
		t.Fatalf("%d rows, want 3", r.Len())
	}
	w, err = Create(dir, h, Options{Overwrite: true})
	if err != nil {
		t.Fatalf("after the first writer closed: %v", err)
	}
	must(t, w.Close())
}

func TestOpenRefuses(t *testing.T) {
	h := recordtest.Header(3)
	rows := recordtest.Rows(h, 5, 1)
	other := recordtest.Header(3)
	other.Seed = 2
	for name, test := range map[string]struct {
		spoil func(dir string)
		want  error
	}{
		"no directory": {func(dir string) { must(t, os.RemoveAll(dir)) }, ErrNotRun},
		"no header":    {func(dir string) { must(t, os.Remove(filepath.Join(dir, headerName))) }, record.ErrDamaged},
		"nothing": {func(dir string) {
			removeSegments(t, dir, 0, 1, 2, 3, 4, 5)
			must(t, os.Remove(filepath.Join(dir, headerName)))
		}, ErrNotRun},
		"newer header": {func(dir string) {
			removeSegments(t, dir, 0, 1, 2, 3, 4, 5)
			mustWrite(t, filepath.Join(dir, headerName), []byte(`{"format": 4, "new": 1}`))
		}, ErrNewerFormat},
		"newer by damage": {func(dir string) {
			mustWrite(t, filepath.Join(dir, headerName),
				[]byte(`{"format": 4, "new": 1}`))
		}, record.ErrDamaged},
		"no segment":     {func(dir string) { removeSegments(t, dir, 0, 1, 2, 3, 4, 5) }, ErrMissingSegment},
		"first missing":  {func(dir string) { removeSegments(t, dir, 0) }, ErrMissingSegment},
		"middle missing": {func(dir string) { removeSegments(t, dir, 3) }, ErrMissingSegment},
		"changed header": {func(dir string) { changeSeed(t, dir) }, ErrWrongRun},
		"segments change": {func(dir string) {
			swap(t, filepath.Join(dir, segmentName(1)),
				filepath.Join(dir, segmentName(2)))
		}, ErrWrongRun},
		"foreign segment": {func(dir string) {
			foreign := writeRun(t, other, rows, Options{SegmentBytes: 1})
			mustWrite(t, filepath.Join(dir, segmentName(2)), mustRead(t, filepath.Join(foreign, segmentName(2))))
		}, ErrWrongRun},
	} {
		t.Run(name, func(t *testing.T) {
			dir := writeRun(t, h, rows, Options{SegmentBytes: 1})
			test.spoil(dir)
			r, err := Open(dir)
			if err == nil {
				r.Close()
			}
			if !errors.Is(err, test.want) {
				t.Fatalf("error %v, want %v", err, test.want)
			}
			if strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), dir) {
				t.Errorf("the error should name the place in one line: %v", err)
			}
			t.Log(err)
		})
	}
}

func removeSegments(t *testing.T, dir string, numbers ...int) {
	t.Helper()
	for _, n := range numbers {
		must(t, os.Remove(filepath.Join(dir, segmentName(n))))
	}
}

func swap(t *testing.T, a, b string) {
	t.Helper()
	x, y := mustRead(t, a), mustRead(t, b)
	mustWrite(t, a, y)
	mustWrite(t, b, x)
}

// changeSeed makes a valid header of another run out of the run's.
func changeSeed(t *testing.T, dir string) {
	t.Helper()
	h, err := readHeader(dir)
	must(t, err)
	h.Seed++
	changed, err := newRunHeader(h.Header)
	must(t, err)
	if err := writeHeader(dir, changed); err != nil {
		t.Fatal(err)
	}
}
