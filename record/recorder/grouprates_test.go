package recorder_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sgdwalk/record/recorder"
)

// TestGroupRates: the rates that are written are read, at every step from their own on.
func TestGroupRates(t *testing.T) {
	dir := t.TempDir()
	if rates, err := recorder.ReadGroupRates(dir); rates != nil || err != nil {
		t.Fatalf("a run without the file has %v, %v", rates, err)
	}
	w, err := recorder.NewGroupRates(dir, 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		step  int64
		rates []float64
	}{{3, []float64{0.1, 1e-7}}, {4, []float64{0.1, 1e-7}}, {9, []float64{0.05, 1.0 / 3}}} {
		if err := w.Add(c.step, c.rates); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := recorder.ReadGroupRates(dir)
	if err != nil {
		t.Fatal(err)
	}
	for step, want := range map[int64][]float64{
		0: nil, 2: nil, 3: {0.1, 1e-7}, 8: {0.1, 1e-7}, 9: {0.05, 1.0 / 3}, 1000: {0.05, 1.0 / 3},
	} {
		if got := r.At(step); !slices.Equal(got, want) {
			t.Errorf("step %d has the rates %v; want %v", step, got, want)
		}
	}
	if got := (*recorder.RateTable)(nil).At(3); got != nil {
		t.Errorf("no table has the rates %v", got)
	}
	for _, bad := range []string{"step,a,b\n1,2\n", "step,a,b\n1,2,x\n", "step,a,b\n2,1,1\n2,1,1\n", "step,a,b\nx,1,1\n"} {
		if err := os.WriteFile(filepath.Join(dir, recorder.GroupRatesName), []byte(bad), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := recorder.ReadGroupRates(dir); err == nil || !strings.Contains(err.Error(), "line ") {
			t.Errorf("%q is read: %v", bad, err)
		}
	}
}
