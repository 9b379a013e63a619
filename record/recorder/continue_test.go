package recorder_test

import (
	"os"
	"path/filepath"
	"testing"

	"sgdwalk/record"
	"sgdwalk/record/recorder"
	"sgdwalk/record/recordtest"
	"sgdwalk/record/safefile"
)

// TestContinueRemovesTemporaryFiles: what a killed process was writing next to the rows is removed, and nothing else.
func TestContinueRemovesTemporaryFiles(t *testing.T) {
	h := recordtest.Header(3)
	h.Columns, h.State = record.Columns{Theta: true}, nil
	dir := filepath.Join(t.TempDir(), "run")
	r, err := recorder.Create(dir, h, recorder.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	left := []string{
		safefile.TemporaryName(filepath.Join(dir, "recorder.json")),
		safefile.TemporaryName(filepath.Join(dir, recorder.CheckpointName)),
	}
	other := filepath.Join(dir, ".notes.tmp")
	for _, path := range append(left, other) {
		if err := os.WriteFile(path, nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if r, err = recorder.Continue(dir, h, recorder.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range left {
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("%s is left behind: %v", filepath.Base(path), err)
		}
	}
	if _, err := os.Stat(other); err != nil {
		t.Error(err)
	}
}
