package recordtest

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"sgdwalk/record"
)

// OpenSink opens a new, empty sink. Reopen is called after the sink was closed
// and returns what was recorded.
type OpenSink func(t *testing.T, h *record.Header) (sink record.Sink, reopen func() record.Trajectory)

// Sink runs the conformance suite for a record.Sink and for what it leaves
// behind.
func Sink(t *testing.T, open OpenSink) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, OpenSink)
	}{
		{"rows", sinkRows},
		{"no rows", sinkNoRows},
		{"columns", sinkColumns},
		{"borrowed slices", sinkBorrowed},
		{"special values", sinkSpecialValues},
		{"absent is not NaN", sinkAbsent},
		{"extreme integers", sinkExtremes},
		{"wall time", sinkWallTime},
		{"substeps", sinkSubsteps},
		{"refused rows", sinkRefused},
		{"append after close", sinkClosed},
		{"header is copied", sinkHeaderCopied},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open) })
	}
}

// written appends rows, closes the sink and compares what can be read with them.
func written(t *testing.T, open OpenSink, h *record.Header, rows []record.Step) record.Trajectory {
	t.Helper()
	sink, reopen := open(t, h)
	for i := range rows {
		if err := sink.Append(&rows[i]); err != nil {
			t.Fatalf("row %d: %v", i, err)
		}
	}
	return closed(t, sink, reopen, rows)
}

// closed closes the sink, and compares what can be read with the rows.
func closed(t *testing.T, sink record.Sink, reopen func() record.Trajectory, rows []record.Step) record.Trajectory {
	t.Helper()
	if err := sink.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	tr := reopen()
	compare(t, tr, rows)
	return tr
}

// compare compares a recording with the rows, bit for bit.
func compare(t *testing.T, tr record.Trajectory, rows []record.Step) {
	t.Helper()
	if tr.Len() != len(rows) {
		t.Fatalf("%d rows, want %d", tr.Len(), len(rows))
	}
	for i := range rows {
		got, err := tr.Read(i, record.AllParts)
		if err != nil {
			t.Fatalf("row %d: %v", i, err)
		}
		if d := Diff(&got, &rows[i]); d != "" {
			t.Errorf("row %d: %s", i, d)
		}
	}
}

// sinkRows checks that T updates give T+1 rows, and that the header is unchanged.
func sinkRows(t *testing.T, open OpenSink) {
	const updates = 20
	h := Header(7)
	tr := written(t, open, h, Rows(h, updates, 1))
	if tr.Len() != updates+1 {
		t.Errorf("%d updates gave %d rows, want one more", updates, tr.Len())
	}
	for i := range tr.Len() {
		s, err := tr.Read(i, record.AllParts)
		if err != nil {
			t.Fatal(err)
		}
		if s.IsLast() != (i == updates) {
			t.Errorf("row %d: last is %v", i, s.IsLast())
		}
	}
	if got, want := mustEncode(t, tr.Header()), mustEncode(t, h); got != want {
		t.Errorf("header:\n%s\nwant:\n%s", got, want)
	}
}

func mustEncode(t *testing.T, h *record.Header) string {
	t.Helper()
	b, err := h.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func sinkNoRows(t *testing.T, open OpenSink) { written(t, open, Header(2), nil) }

// sinkColumns records every combination of vectors, and leaves some out of some rows.
func sinkColumns(t *testing.T, open OpenSink) {
	for bits := range 8 {
		h := Header(5)
		h.Columns = record.Columns{Theta: bits&1 != 0, Grad: bits&2 != 0, State: bits&4 != 0}
		rows := Rows(h, 4, uint64(bits))
		if bits == 7 { // a column that exists need not have a value in every row
			rows[1].Theta, rows[2].State = nil, nil
			rows[3].Theta, rows[3].Grad, rows[3].State = nil, nil, nil
		}
		written(t, open, h, rows)
	}
}

// sinkBorrowed checks that a sink keeps no slice of the caller, who reuses them for the next step.
func sinkBorrowed(t *testing.T, open OpenSink) {
	h := Header(6)
	rows := Rows(h, 5, 3)
	sink, reopen := open(t, h)
	for i := range rows {
		s := rows[i]
		s.Theta, s.Grad, s.State = slices.Clone(s.Theta), slices.Clone(s.Grad), slices.Clone(s.State)
		if err := sink.Append(&s); err != nil {
			t.Fatal(err)
		}
		// The loop goes on and changes everything that it lent.
		for _, v := range [][]float32{s.Theta, s.Grad, s.State} {
			for j := range v {
				v[j] = float32(math.NaN())
			}
		}
		s = record.Step{}
	}
	closed(t, sink, reopen, rows)
}

// sinkSpecialValues checks that NaNs keep their bits, and zeros their signs: a run that diverges is
// recorded too.
func sinkSpecialValues(t *testing.T, open OpenSink) {
	vector := []float32{
		float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.Copysign(0, -1)), 0,
		math.SmallestNonzeroFloat32, -math.MaxFloat32,
		math.Float32frombits(0x7fc00001), math.Float32frombits(0xffc12345), // quiet NaNs
		math.Float32frombits(0x7f800001), // a signalling one
	}
	h := Header(len(vector))
	var rows []record.Step
	for k, v := range []float64{
		math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), math.SmallestNonzeroFloat64,
		math.Float64frombits(0x7ff0000000000001), math.Float64frombits(0xfff8000000000abc),
	} {
		o := record.Some(v)
		rows = append(rows, record.Step{
			Step: int64(k), Theta: vector, Grad: vector, State: vector[:3],
			BatchLoss: o, BatchAccuracy: o, LearningRate: o, FullLoss: o, TestLoss: o,
		})
	}
	written(t, open, h, rows)
}

// sinkAbsent checks all combinations of absent and NaN numbers.
func sinkAbsent(t *testing.T, open OpenSink) {
	nan := record.Some(math.NaN())
	rows := make([]record.Step, 32)
	for k := range rows {
		rows[k].Step = int64(k)
		for bit, o := range []*record.Optional{
			&rows[k].BatchLoss, &rows[k].BatchAccuracy, &rows[k].LearningRate,
			&rows[k].FullLoss, &rows[k].TestLoss,
		} {
			if k>>bit&1 == 1 {
				*o = nan
			} else {
				o.Value = 7 // a value that is not there must not come back
			}
		}
	}
	tr := written(t, open, Header(2), rows)
	s, err := tr.Read(0, record.AllParts)
	if err != nil {
		t.Fatal(err)
	}
	if s.BatchLoss.Valid {
		t.Errorf("absent batch loss came back as %v", s.BatchLoss)
	}
}

// sinkExtremes records the largest whole numbers.
func sinkExtremes(t *testing.T, open OpenSink) {
	written(t, open, Header(2), []record.Step{
		{Step: 0, Epoch: math.MinInt32, Examples: math.MinInt32, Evaluations: math.MinInt64},
		{
			Step: math.MaxInt64, Substep: math.MaxInt32, Epoch: math.MaxInt32, Examples: math.MaxInt32,
			Evaluations: math.MaxInt64,
		},
	})
}

// sinkWallTime checks that nanoseconds are kept, and that a time that does not fit is refused.
func sinkWallTime(t *testing.T, open OpenSink) {
	written(t, open, Header(2), []record.Step{
		{Step: 0}, // not taken
		{Step: 1, WallTime: time.Date(2024, 2, 29, 23, 59, 59, 999_999_999, time.FixedZone("east", 3600))},
		{Step: 2, WallTime: time.Date(1961, 4, 12, 6, 7, 0, 1, time.UTC)},
	})
}

// sinkSubsteps records inner iterates.
func sinkSubsteps(t *testing.T, open OpenSink) {
	written(t, open, Header(2), []record.Step{
		{Step: 0}, {Step: 0, Substep: 1}, {Step: 0, Substep: 5}, {Step: 3}, {Step: 3, Substep: 1}, {Step: 4},
	})
}

// sinkRefused: a row that is refused leaves no trace, and the next one is taken.
func sinkRefused(t *testing.T, open OpenSink) {
	h := Header(4)
	h.Columns.Grad = false
	rows := Rows(h, 3, 5)
	sink, reopen := open(t, h)
	for i := range 2 {
		if err := sink.Append(&rows[i]); err != nil {
			t.Fatal(err)
		}
	}
	for name, s := range map[string]record.Step{
		"theta too short":      {Step: 2, Theta: make([]float32, 3)},
		"theta too long":       {Step: 2, Theta: make([]float32, 5)},
		"theta empty":          {Step: 2, Theta: []float32{}},
		"state too long":       {Step: 2, State: make([]float32, 4)},
		"grad is not recorded": {Step: 2, Grad: make([]float32, 4)},
		"step goes back":       {Step: 0},
		"step repeated":        {Step: 1},
		"step negative":        {Step: -1},
		"substep negative":     {Step: 2, Substep: -1},
	} {
		if err := sink.Append(&s); err == nil {
			t.Errorf("%s: the row was taken", name)
		}
	}
	for i := 2; i < len(rows); i++ {
		if err := sink.Append(&rows[i]); err != nil {
			t.Fatalf("row %d after refused ones: %v", i, err)
		}
	}
	closed(t, sink, reopen, rows)
}

// sinkClosed checks that Close may be called twice, and that Append then fails.
func sinkClosed(t *testing.T, open OpenSink) {
	h := Header(2)
	rows := Rows(h, 1, 1)
	sink, reopen := open(t, h)
	if err := sink.Append(&rows[0]); err != nil {
		t.Fatal(err)
	}
	closed(t, sink, reopen, rows[:1])
	if err := sink.Append(&rows[1]); !errors.Is(err, record.ErrClosed) {
		t.Errorf("append after close: %v, want %v", err, record.ErrClosed)
	}
	if err := sink.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	compare(t, reopen(), rows[:1])
}

// sinkHeaderCopied checks that a later change of the caller's header does not reach the sink.
func sinkHeaderCopied(t *testing.T, open OpenSink) {
	h := Header(3)
	want := mustEncode(t, h)
	sink, reopen := open(t, h)
	h.Optimizer.Hyperparameters["learning_rate"] = 7
	h.Layout[0].Shape[1] = 1
	h.Model = "changed"
	h.Columns.Theta = false
	rows := Rows(Header(3), 2, 1)
	for i := range rows {
		if err := sink.Append(&rows[i]); err != nil {
			t.Fatal(err)
		}
	}
	if got := mustEncode(t, closed(t, sink, reopen, rows).Header()); got != want {
		t.Errorf("the header followed the caller's changes:\n%s", got)
	}
}
