//go:build linux || darwin

package arrowfile_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
)

// A segment that claims terabytes, nearly all of them a hole, is opened and checked
// as fast as the few bytes that are there.
func TestSegmentOfTerabytes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	h := &record.Header{
		Format: 1, DType: record.Float32, Columns: record.Columns{Theta: true},
		Layout: record.Pack(record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{2}}),
	}
	w, err := arrowfile.Create(dir, h, arrowfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if err := w.Append(&record.Step{Step: int64(i), Theta: []float32{1, float32(i)}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "steps-000000.arrow"), 1<<42); err != nil {
		t.Skipf("no file of 4 TiB can be made here, also without data: %v", err)
	}
	begun := time.Now()
	r, err := arrowfile.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.Len() != 5 {
		t.Errorf("%d rows of 5", r.Len())
	}
	problems := 0
	if _, err := arrowfile.Check(dir, func(error) { problems++ }); err != nil || problems == 0 {
		t.Errorf("%d problems, %v", problems, err)
	}
	// Reading all of it would take an hour.
	if took := time.Since(begun); took > time.Minute {
		t.Errorf("it took %v", took)
	}
}
