package path_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"sgdwalk/analyze/internal/column"
	"sgdwalk/analyze/path"
	"sgdwalk/record"
)

// The rows of a meter are those of Compute, bit for bit; the newest row has what is known
// without its successor.
func TestMeterGivesTheRowsOfCompute(t *testing.T) {
	m := descent(t, []float64{1, 7, 0.2}, []float64{1, -1, 2}, 0.3, 12)
	meter := path.NewMeter(m.Header().Layout)
	var rows []path.IterateRow
	for i := range m.Len() {
		s, err := m.Read(i, record.ThetaPart|record.GradPart)
		if err != nil {
			t.Fatal(err)
		}
		before, ok, err := meter.Push(i, &s)
		if err != nil || ok != (i > 0) {
			t.Fatalf("row %d: complete %v, error %v", i, ok, err)
		}
		if ok {
			rows = append(rows, before)
		}
		if n := meter.Newest(); n.Step != s.Step || !n.Displacement.Valid || n.UpdateNorm.Valid {
			t.Errorf("the newest row after step %d is %+v", s.Step, n)
		}
	}
	rows = append(rows, meter.Newest())
	if d := cmp.Diff(compute(t, m, path.Options{}).Table, column.Of(rows)); d != "" {
		t.Errorf("(-Compute +Meter):\n%s", d)
	}
	short := record.Step{Step: 99, Theta: make([]float32, 2)}
	if _, _, err := meter.Push(99, &short); err == nil {
		t.Error("a theta of the wrong length is accepted")
	}
}
