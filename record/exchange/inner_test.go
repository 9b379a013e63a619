package exchange_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"sgdwalk/record"
	"sgdwalk/record/exchange"
)

// withInner returns a recording of three steps with inner iterates, which have a loss and a
// gradient if they were evaluated, and are results of the updates otherwise.
func withInner(t *testing.T, evaluated bool) *record.Memory {
	t.Helper()
	h := record.NewHeader(record.Pack(record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{1}}))
	h.Columns.Grad, h.Columns.Substep, h.Optimizer.Name, h.Steps = true, true, "test", 3
	h.Schedule, _ = record.ParseSchedule("every:1")
	m, err := record.NewMemory(h)
	if err != nil {
		t.Fatal(err)
	}
	for k := range int64(4) {
		s := record.Step{Step: k, Epoch: 1, Evaluations: k, Theta: []float32{float32(k)}, FullLoss: record.Some(9)}
		if k < 3 {
			s.BatchLoss, s.Grad = record.Some(float64(k)), []float32{1}
		}
		rows := []*record.Step{&s}
		for n := int32(1); n <= 2 && k < 3; n++ {
			at := record.Step{Step: k, Substep: n, Epoch: 1, Evaluations: k + 1, Theta: []float32{float32(10*int(n) + int(k))}}
			if evaluated {
				at.BatchLoss, at.Grad = record.Some(float64(n)), []float32{float32(n)}
			}
			rows = append(rows, &at)
		}
		for _, r := range rows {
			if err := m.Append(r); err != nil {
				t.Fatal(err)
			}
		}
	}
	return m
}

func listed(t *testing.T, r record.Trajectory) []string {
	t.Helper()
	var all []string
	var previous *record.Step
	for i := range r.Len() {
		s, err := r.Read(i, record.AllParts)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Header().CheckStep(&s, previous); err != nil {
			t.Fatal(err)
		}
		previous = &s
		theta, err := record.ThetaOf(r, i)
		if err != nil || !slices.Equal(theta, s.Theta) {
			t.Errorf("row %d: theta %v, %v; the row has %v", i, theta, err, s.Theta)
		}
		all = append(all, fmt.Sprint(s.Step, s.Evaluations, s.Theta, s.Grad, s.BatchLoss.Valid, s.FullLoss.Valid))
	}
	return all
}

// TestInnerIterates: evaluated points keep the number of their step, results of an update
// belong to the next step and start with theta_0.
func TestInnerIterates(t *testing.T) {
	points, err := exchange.InnerIterates(withInner(t, true), 2)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"0 1 [20] [2] true false", "1 2 [21] [2] true false", "2 3 [22] [2] true false"}
	if got := listed(t, points); !slices.Equal(got, want) {
		t.Errorf("%q; want %q", got, want)
	}
	results, err := exchange.InnerIterates(withInner(t, false), 1)
	if err != nil {
		t.Fatal(err)
	}
	want = []string{"0 0 [0] [] false false", "1 1 [10] [] false false", "2 2 [11] [] false false", "3 3 [12] [] false false"}
	if got := listed(t, results); !slices.Equal(got, want) {
		t.Errorf("%q; want %q", got, want)
	}
	h := results.Header()
	if h.Optimizer.Name != "" || h.Columns != (record.Columns{Theta: true}) || !h.Schedule.IsZero() ||
		h.Comment != "inner iterates 1 of a run of test" {
		t.Errorf("header %+v", h)
	}
	if h := points.Header(); !h.Columns.Grad {
		t.Errorf("the gradients are lost: %+v", h.Columns)
	}
}

func TestInnerIteratesErrors(t *testing.T) {
	plain := record.NewHeader(record.Pack(record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{1}}))
	empty, _ := record.NewMemory(plain)
	for _, c := range []struct {
		run    record.Trajectory
		number int
		want   string
	}{
		{withInner(t, true), 3, "inner iterate 3 is requested; the steps of test have 1 to 2"},
		{withInner(t, true), -1, "inner iterate -1 is requested; the steps of test have 1 to 2"},
		{empty, 1, "inner iterate 1 is requested; the recording has none"},
	} {
		if _, err := exchange.InnerIterates(c.run, c.number); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v; want %q", err, c.want)
		}
	}
}
