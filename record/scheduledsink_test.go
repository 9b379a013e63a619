package record_test

import (
	"slices"
	"testing"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

// TestScheduled: the rows that the schedule names, the first, and the last one
// that came, whole even where it was not to be kept, although its memory is used
// again; gradients by a schedule of their own.
func TestScheduled(t *testing.T) {
	h := recordtest.Header(4)
	h.Schedule, _ = record.ParseSchedule("every:4")
	h.GradSchedule, _ = record.ParseSchedule("every:8")
	for _, c := range []struct {
		given int // of the rows; the last of all has no batch
		want  []int64
	}{
		{1, []int64{0}},
		{3, []int64{0, 2}},
		{5, []int64{0, 4}},
		{11, []int64{0, 4, 8, 10}},
		{13, []int64{0, 4, 8, 12}},
	} {
		m, err := record.NewMemory(h)
		if err != nil {
			t.Fatal(err)
		}
		s := record.NewScheduledSink(m, h)
		rows := recordtest.Rows(h, 12, 1)
		var scratch record.Step
		for i := range c.given {
			theta := append(scratch.Theta[:0], rows[i].Theta...)
			scratch = rows[i]
			scratch.Theta = theta
			if err := s.Append(&scratch); err != nil {
				t.Fatal(err)
			}
		}
		clear(scratch.Theta)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		var steps []int64
		for i := range m.Len() {
			got, _ := m.Read(i, record.AllParts)
			steps = append(steps, got.Step)
			want := rows[got.Step]
			if got.Step == 4 || got.Step == 12 { // the last row has none anyway
				want.Grad = nil
			}
			if d := recordtest.Diff(&got, &want); d != "" && i+1 < m.Len() {
				t.Errorf("of %d rows, step %d: %s", c.given, got.Step, d)
			}
			if !slices.Equal(got.Theta, want.Theta) {
				t.Errorf("of %d rows, step %d has another theta", c.given, got.Step)
			}
		}
		if !slices.Equal(steps, c.want) {
			t.Errorf("of %d rows steps %v are kept; want %v", c.given, steps, c.want)
		}
	}
}
