package exchange

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestIndex: hashes come back while the file is the same, through any link to it.
func TestIndex(t *testing.T) {
	dir, results := t.TempDir(), filepath.Join(t.TempDir(), "new", "results")
	a, b := save(t, dir, "a", []byte("123")), save(t, dir, "b", []byte("123"))
	link := filepath.Join(dir, "link")
	if err := os.Symlink("a", link); err != nil {
		t.Skipf("no symbolic link can be made here: %v", err)
	}
	x, note := OpenIndex(results)
	if note != "" || x.Hash(a, "w") != "" || x.Hash(filepath.Join(dir, "none"), "w") != "" {
		t.Errorf("an empty index: %q", note)
	}
	if err := x.Save(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(results); err == nil {
		t.Error("an index without hashes is written")
	}
	x.Hash(a, "w")
	x.SetHash(a, "w", "0a1b")
	x.SetHash(b, "w", "77")
	x.SetHash(filepath.Join(dir, "none"), "w", "77")
	if err := x.Save(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(results, IndexName)
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	x, note = OpenIndex(results)
	if note != "" || x.Hash(link, "w") != "0a1b" || x.Hash(a, "v") != "" || x.Hash(b, "w") != "77" {
		t.Errorf("%q, %q, %q", note, x.Hash(link, "w"), x.Hash(b, "w"))
	}
	x.SetHash(link, "w", "0a1b")
	if err := x.Save(); err != nil {
		t.Fatal(err)
	}
	if after, err := os.Stat(path); err != nil || !os.SameFile(before, after) {
		t.Errorf("an unchanged index is written again: %v", err)
	}

	// Another size or time, and a change between the reading of the values and Save.
	x, _ = OpenIndex(results)
	save(t, dir, "a", []byte("1234"))
	if err := os.Chtimes(b, time.Time{}, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if x.Hash(a, "w") != "" || x.Hash(b, "w") != "" {
		t.Error("the hash of a file that has changed is used")
	}
	x.SetHash(a, "w", "1")
	save(t, dir, "a", []byte("12345"))
	if err := x.Save(); err != nil {
		t.Fatal(err)
	}
	x, note = OpenIndex(results)
	if note != "" || x.Hash(a, "w") != "" {
		t.Errorf("the hash of a file that changed before Save is kept; %q", note)
	}
}

// TestBadIndex: an index that is not one is ignored with a note, and replaced.
func TestBadIndex(t *testing.T) {
	a := save(t, t.TempDir(), "a", []byte("123"))
	for text, want := range map[string]string{
		"":                            "unexpected end of JSON",
		"[]":                          "cannot unmarshal array",
		`{"format": 2}`:               "its format is 2",
		`{"format":1,"files":[null]}`: "without a path",
		`{"format":1,"files":[{"path":"x","size":-1}]}`:                                         "negative size",
		`{"format":1,"files":[{"path":"x","hashes":{"w":"../../etc"}}]}`:                        "not a hexadecimal number",
		`{"format":1,"files":[{"path":"x","hashes":{"w":"` + strings.Repeat("0", 200) + `"}}]}`: "not a hexadecimal number",
	} {
		dir := t.TempDir()
		save(t, dir, IndexName, []byte(text))
		x, note := OpenIndex(dir)
		if !strings.Contains(note, want) || !strings.Contains(note, IndexName) {
			t.Errorf("%s: note %q, want %s", text, note, want)
		}
		x.SetHash(a, "w", "5")
		if err := x.Save(); err != nil {
			t.Fatal(err)
		}
		if x, note := OpenIndex(dir); note != "" || x.Hash(a, "w") != "5" {
			t.Errorf("%s: after Save: %q", text, note)
		}
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, IndexName), 0o777); err != nil {
		t.Fatal(err)
	}
	if _, note := OpenIndex(dir); !strings.Contains(note, "a directory") {
		t.Errorf("note %q", note)
	}
}
