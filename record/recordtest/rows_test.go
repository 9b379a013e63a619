package recordtest_test

import (
	"fmt"
	"math"
	"testing"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

func TestRows(t *testing.T) {
	h := recordtest.Header(4)
	rows := recordtest.Rows(h, 6, 1)
	if len(rows) != 7 {
		t.Fatalf("%d rows, want 7", len(rows))
	}
	again := recordtest.Rows(h, 6, 1)
	for i := range rows {
		if err := h.CheckStep(&rows[i], nil); err != nil {
			t.Error(err)
		}
		if d := recordtest.Diff(&rows[i], &again[i]); d != "" {
			t.Errorf("row %d: %s", i, d)
		}
		if rows[i].IsLast() != (i == 6) {
			t.Errorf("row %d: last is %v", i, rows[i].IsLast())
		}
	}
}

// TestDiff: every kind of difference is seen, and NaN is no difference.
func TestDiff(t *testing.T) {
	base := func() *record.Step {
		return &record.Step{
			BatchLoss: record.Some(math.NaN()), Theta: []float32{1, float32(math.NaN()), 0},
			State: []float32{},
		}
	}
	if d := recordtest.Diff(base(), base()); d != "" {
		t.Errorf("equal rows: %s", d)
	}
	for i, change := range []func(*record.Step){
		func(s *record.Step) { s.Step++ },
		func(s *record.Step) { s.Substep++ },
		func(s *record.Step) { s.Epoch++ },
		func(s *record.Step) { s.Examples++ },
		func(s *record.Step) { s.Evaluations++ },
		func(s *record.Step) { s.WallTime = s.WallTime.Add(1) },
		func(s *record.Step) { s.BatchLoss = record.Optional{} },
		func(s *record.Step) { s.BatchLoss.Value = math.Float64frombits(math.Float64bits(math.NaN()) ^ 2) },
		func(s *record.Step) { s.BatchAccuracy = record.Some(0) },
		func(s *record.Step) { s.LearningRate = record.Some(0) },
		func(s *record.Step) { s.FullLoss = record.Some(0) },
		func(s *record.Step) { s.TestLoss = record.Some(0) },
		func(s *record.Step) { s.Theta[2] = float32(math.Copysign(0, -1)) },
		func(s *record.Step) { s.Theta = s.Theta[:2] },
		func(s *record.Step) { s.Grad = []float32{} },
		func(s *record.Step) { s.State = nil },
	} {
		s := base()
		change(s)
		if recordtest.Diff(s, base()) == "" {
			t.Errorf("change %d was not seen", i)
		}
	}
}

func ExampleDiff() {
	a := &record.Step{Step: 3, Theta: []float32{1, 2}}
	b := &record.Step{Step: 3, Theta: []float32{1, 3}}
	fmt.Println(recordtest.Diff(a, b))
	// Output:
	// theta element 1 is 2 (0x40000000), want 3 (0x40400000)
}
