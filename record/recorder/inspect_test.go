package recorder_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/recorder"
	"sgdwalk/record/recordtest"
)

// inspect records a run whose row i is changed by change, damages the rows in damaged, and inspects it.
func inspect(t *testing.T, rows int, change func(i int, s *record.Step), damaged ...int) (*recorder.Info, error) {
	t.Helper()
	h := recordtest.Header(3)
	h.Columns, h.State = record.Columns{Theta: true}, nil
	all := recordtest.Rows(h, rows-1, 1)
	dir := filepath.Join(t.TempDir(), "run")
	w, err := arrowfile.Create(dir, h, arrowfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		all[i].BatchLoss, all[i].FullLoss, all[i].TestLoss = record.Optional{}, record.Optional{}, record.Optional{}
		change(i, &all[i])
		if err := w.Append(&all[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "steps-000000.arrow")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range damaged {
		value := binary.LittleEndian.AppendUint64(nil, math.Float64bits(float64(1000+i)))
		at := bytes.Index(b, value)
		if at < 0 {
			t.Fatalf("the file does not have the batch loss of row %d", i)
		}
		b[at]++
	}
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	r, err := arrowfile.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	info, _, err := recorder.Inspect(dir, r)
	return info, err
}

// TestInspect: only the first row and the rows that have the last losses are read, so damage of other rows does not
// show.
func TestInspect(t *testing.T) {
	losses := func(i int, s *record.Step) {
		s.BatchLoss = record.Some(float64(1000 + i))
		if i == 0 || i == 8 {
			s.FullLoss = record.Some(float64(2000 + i))
		}
		if i == 6 {
			s.TestLoss = record.Some(3000)
		}
	}
	info, err := inspect(t, 10, losses, 1, 2, 5)
	if err != nil {
		t.Fatal(err)
	}
	want := recorder.Info{
		Rows: 10, FirstStep: 0, LastStep: 9, FirstLoss: record.Some(1000), LastLoss: record.Some(1009),
		FullLoss: record.Some(2008), TestLoss: record.Some(3000),
	}
	if info.Rows != want.Rows || info.FirstStep != want.FirstStep || info.LastStep != want.LastStep ||
		info.FirstLoss != want.FirstLoss || info.LastLoss != want.LastLoss || info.FullLoss != want.FullLoss ||
		info.TestLoss != want.TestLoss {
		t.Errorf("the run is %+v, want %+v", info, want)
	}
	if _, err := inspect(t, 10, losses, 7); !record.IsDamage(err) {
		t.Errorf("a damaged row that must be read: %v", err)
	}
}

// TestInspectStatus: the last batch loss decides whether a run is diverged.
func TestInspectStatus(t *testing.T) {
	for _, c := range []struct {
		name   string
		losses map[int]float64
		want   string
	}{
		{"finite to the end", map[int]float64{0: 1, 8: 2}, "finished"},
		{"infinite once", map[int]float64{3: math.Inf(1), 8: 2}, "finished"},
		{"NaN at the end", map[int]float64{0: 1, 8: math.NaN()}, "diverged"},
		{"never measured", nil, "finished"},
	} {
		info, err := inspect(t, 10, func(i int, s *record.Step) {
			if l, ok := c.losses[i]; ok {
				s.BatchLoss = record.Some(l)
			}
		})
		if err != nil || info.Status != c.want {
			t.Errorf("%s: the run is %s, want %s: %v", c.name, info.Status, c.want, err)
		}
	}
}
