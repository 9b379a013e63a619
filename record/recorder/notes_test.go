package recorder_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sgdwalk/record/arrowfile"
	"sgdwalk/record/recorder"
	"sgdwalk/record/recordtest"
)

// TestNotes adds notes and tags to a run, whose recording stays the same.
func TestNotes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	recordRun(t, dir, 5, true)
	before := recording(t, dir)
	when := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for _, n := range []recorder.Note{
		{Time: when, Text: "one \x1b[31m<b>", Tags: []string{"b", "a"}},
		{Time: when, Tags: []string{"b", "c"}},
		{Time: when, Text: "two\nlines", RemovedTags: []string{"a"}},
	} {
		if err := recorder.AddNote(dir, n); err != nil {
			t.Fatal(err)
		}
	}
	got := recorder.ReadNotes(dir)
	if !slices.Equal(got.Tags, []string{"b", "c"}) || len(got.Notes) != 2 || got.Notes[0].Text != "one \x1b[31m<b>" ||
		got.Notes[1].Text != "two\nlines" || !got.Notes[0].Time.Equal(when) || got.Problem != "" {
		t.Errorf("%+v", got)
	}
	if after := recording(t, dir); !slices.Equal(before, after) {
		t.Error("the notes changed the recording")
	}
	v, err := recorder.Verify(dir, func(problem string) { t.Error(problem) })
	if err != nil || len(v.Problems)+len(v.Notes) > 0 {
		t.Errorf("%v, %+v", err, v)
	}
	for _, n := range []recorder.Note{
		{},
		{Tags: []string{"two words"}},
		{Tags: []string{""}},
		{Tags: []string{"a,b"}},
		{Tags: []string{"\u202e"}},
		{Text: "\xff"},
		{Text: strings.Repeat("x", 1<<17)},
		{Tags: []string{strings.Repeat("x", 65)}},
	} {
		if err := recorder.AddNote(dir, n); err == nil {
			t.Errorf("a note was accepted: %.40q %.40q", n.Text, n.Tags)
		}
	}
	if again := recorder.ReadNotes(dir); len(again.Notes) != 2 {
		t.Errorf("%+v", again)
	}

	path := filepath.Join(dir, recorder.NotesName)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append([]byte("no note\n\n[1]\n"), text...), 0o666); err != nil {
		t.Fatal(err)
	}
	if got := recorder.ReadNotes(dir); len(got.Notes) != 2 || !strings.Contains(got.Problem, "not notes (2)") {
		t.Errorf("of a damaged file: %+v", got)
	}
}

// recordRun records some rows in dir. The last one ends the run if finished is true.
func recordRun(t *testing.T, dir string, rows int, finished bool) {
	t.Helper()
	h := recordtest.Header(3)
	w, err := arrowfile.Create(dir, h, arrowfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range recordtest.Rows(h, rows-1, 1) {
		if err := w.Append(&s); err != nil {
			t.Fatal(err)
		}
	}
	w.SetFinished(finished)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// recording returns the bytes of a run's header and first segment, and the hash of its rows.
func recording(t *testing.T, dir string) []byte {
	t.Helper()
	var all []byte
	for _, name := range []string{"header.json", "steps-000000.arrow"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	r, err := arrowfile.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	print, err := r.Fingerprint()
	if err != nil {
		t.Fatal(err)
	}
	return append(all, print...)
}
