package recorder_test

import (
	"os"
	"path/filepath"
	"testing"

	"sgdwalk/record/arrowfile"
	"sgdwalk/record/recorder"
	"sgdwalk/record/recordtest"
)

// TestList lists runs in every state, a series, and nothing else.
func TestList(t *testing.T) {
	root := t.TempDir()
	at := func(parts ...string) string { return filepath.Join(append([]string{root}, parts...)...) }
	h := recordtest.Header(3)
	recordRun(t, at("finished"), int(h.Steps)+1, true)
	recordRun(t, at("deep", "er", "stopped"), 3, false)
	recordRun(t, at("1", "2", "3", "4", "5", "too deep"), 3, false)
	recordRun(t, at(".hidden"), 3, false)
	recordRun(t, at("damaged"), 3, false)
	if err := os.WriteFile(at("damaged", "steps-000000.arrow"), []byte("no segment"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at("damaged", "header.json"), []byte("{}"), 0o666); err != nil {
		t.Fatal(err)
	}
	recordRun(t, at("short"), 3, false)
	if err := recorder.WriteJSON(at("short"), recorder.SummaryName, map[string]int{"rows": 7}); err != nil {
		t.Fatal(err)
	}
	w, err := arrowfile.Create(at("running"), h, arrowfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, name := range []string{"checkpoint-10", "checkpoint-20", "final"} {
		if err := os.MkdirAll(at("series", name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at("series", name, "model.safetensors"), make([]byte, 10), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(at("one model"), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"} {
		if err := os.WriteFile(at("one model", name), nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	_ = os.Symlink(at("finished"), at("link"))

	entries, err := recorder.List(t.Context(), root, recorder.DefaultDepth, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]recorder.State{
		"finished": recorder.Finished, "deep/er/stopped": recorder.Stopped, "damaged": recorder.Damaged,
		"short": recorder.Damaged, "running": recorder.Running, "series": recorder.Series,
	}
	for _, e := range entries {
		name, _ := filepath.Rel(root, e.Path)
		name = filepath.ToSlash(name)
		if e.State != want[name] {
			t.Errorf("%s is %q (%s), want %q", name, e.State, e.Problem, want[name])
		}
		delete(want, name)
		switch name {
		case "finished":
			if e.Step != h.Steps || e.Steps != h.Steps || e.Model != h.Model || e.Rows != int(h.Steps)+1 || e.Bytes == 0 {
				t.Errorf("%+v", e)
			}
		case "series":
			if e.Rows != 2 || e.Bytes != 30 {
				t.Errorf("%+v", e)
			}
		case "damaged", "short":
			if e.Problem == "" {
				t.Errorf("%s: the problem is not named", name)
			}
		}
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
	if _, err := recorder.List(t.Context(), at("none"), 1, nil); err == nil {
		t.Error("a missing directory was listed")
	}
}
