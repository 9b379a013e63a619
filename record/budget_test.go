package record_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

func mustSchedule(t testing.TB, text string) record.Schedule {
	t.Helper()
	s, err := record.ParseSchedule(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// budgetHeader is a run of 10 mini-batches an epoch, 100 parameters.
func budgetHeader(t testing.TB, steps int64, schedule string) *record.Header {
	h := recordtest.Header(100)
	h.Steps, h.Batch, h.Data.TrainExamples = steps, 100, 999 // the tenth batch is smaller
	h.Schedule = mustSchedule(t, schedule)
	h.Columns = record.Columns{Theta: true}
	return h
}

func mustBudget(t testing.TB, h *record.Header, o record.BudgetOptions) *record.Budget {
	t.Helper()
	b, err := record.NewBudget(h, o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBudgetRows(t *testing.T) {
	for _, test := range []struct {
		schedule string
		steps    int64
		o        record.BudgetOptions
		rows     int64
	}{
		{"", 0, record.BudgetOptions{}, 1},
		{"", 50, record.BudgetOptions{}, 51},
		{"every:10", 50, record.BudgetOptions{}, 6},          // 0 10 20 30 40, 50
		{"every:10", 51, record.BudgetOptions{}, 7},          // ... 50, 51
		{"every:1000", 50, record.BudgetOptions{}, 2},        // 0, 50
		{"first:5+every:10", 50, record.BudgetOptions{}, 10}, // 0-4 10 20 30 40, 50
		{"log:1", 1000, record.BudgetOptions{}, 5},           // 0 1 10 100, 1000
		{"steps:3-5,70", 50, record.BudgetOptions{}, 5},      // 0 3 4 5, 50
		{"epochs:1,3", 50, record.BudgetOptions{}, 21},       // 0-9 20-29, 50
		// epoch 1 is steps 0 1, epoch 3 is 4 5; and 50
		{"epochs:1,3", 50, record.BudgetOptions{BatchesPerStep: 5}, 5},
		{"every:10", 50, record.BudgetOptions{InnerRows: 3}, 21},  // 5 steps of 4 rows, 50
		{"epochs:2", 15, record.BudgetOptions{InnerRows: 1}, 13},  // 0 10-14 with an inner one each, 15
		{"every:10", 50, record.BudgetOptions{LastStep: true}, 7}, // 0 10 20 30 40 49, 50
		{"every:7", 50, record.BudgetOptions{LastStep: true}, 9},  // 0 7 ... 49, 50
		{"every:10", 50, record.BudgetOptions{InnerRows: 2, LastStep: true}, 19},
		{"", 50, record.BudgetOptions{LastStep: true}, 51},
		{"every:1000000", 4_000_000_000_000, record.BudgetOptions{}, 4_000_001}, // not walked
	} {
		b := mustBudget(t, budgetHeader(t, test.steps, test.schedule), test.o)
		if b.Rows != test.rows {
			t.Errorf("%q of %d steps, %+v: %d rows, want %d", test.schedule, test.steps, test.o, b.Rows, test.rows)
		}
	}
}

func TestBudgetBytes(t *testing.T) {
	h := budgetHeader(t, 50, "every:10")
	h.Columns = record.Columns{Theta: true, Grad: true, State: true} // 100 + 100 + 3 numbers
	b := mustBudget(t, h, record.BudgetOptions{RowOverhead: 88, RunOverhead: 1000})
	if b.VectorBytes != 812 || b.RowBytes != 900 || b.TotalBytes != 6*900+1000 {
		t.Errorf("vectors %d, row %d, total %d bytes; want 812, 900 and 6400", b.VectorBytes, b.RowBytes, b.TotalBytes)
	}
	if got, want := b.String(), "5 of 50 steps kept as 6 rows of 900 B: 6.4 kB"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	// 128 bytes a step at 1280 bytes a second are 0.1 s, a tenth of a step of 1 s.
	if got := b.TimeShare(time.Second, 1280); got != 0.1 {
		t.Errorf("time share %v, want 0.1", got)
	}
	if got := b.TimeShare(0, 1280); !math.IsNaN(got) {
		t.Errorf("time share of steps without time is %v, want NaN", got)
	}
	h.Steps, h.Schedule = math.MaxInt64/800, record.Schedule{}
	if b := mustBudget(t, h, record.BudgetOptions{}); b.TotalBytes != math.MaxInt64 {
		t.Errorf("too many bytes to count came out as %d", b.TotalBytes)
	}
	for _, o := range []record.BudgetOptions{
		{RowOverhead: -1},
		{RunOverhead: -1},
		{InnerRows: -1},
		{BatchesPerStep: -1},
	} {
		if _, err := record.NewBudget(h, o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}

func TestBudgetFit(t *testing.T) {
	for _, test := range []struct {
		steps, rows int64 // rows of 400 bytes that are allowed
		want        string
		kept        int64 // rows of the suggestion
	}{
		{1000, 1001, "every:1", 1001},
		{1000, 1000, "first:99+every:2", 99 + 450 + 1}, // 999 steps fit; 100..998 even
		{10_000, 1001, "first:100+every:11", 100 + 900 + 1},
		{10_000, 101, "first:10+every:110", 10 + 90 + 1},
		{10_000, 21, "first:2+every:527", 2 + 18 + 1},
		{10_000, 20, "log:4", 0}, // 0 and 16 or 17 powers
		{10_000, 6, "log:1", 6},  // 0 1 10 100 1000, 10000
		{10_000, 5, "every:2500", 5},
		{10_000, 2, "every:10000", 2},
		{5, 3, "log:1", 3}, // 0 1, 5
		{0, 1, "every:1", 1},
	} {
		h := budgetHeader(t, test.steps, "")
		b := mustBudget(t, h, record.BudgetOptions{RunOverhead: 77})
		s, err := b.Fit(400*test.rows + 77 + 399)
		if err != nil {
			t.Errorf("%d rows of %d steps: %v", test.rows, test.steps, err)
			continue
		}
		if s.String() != test.want {
			t.Errorf("%d rows of %d steps: %v, want %s", test.rows, test.steps, s, test.want)
		}
		h.Schedule = s
		got := mustBudget(t, h, record.BudgetOptions{})
		if test.kept != 0 && got.Rows != test.kept || got.Rows > test.rows {
			t.Errorf("%d rows of %d steps: %v keeps %d rows, want %d", test.rows, test.steps, s, got.Rows, test.kept)
		}
	}
}

// What is suggested always fits, and its count in the error is the exact one.
func TestBudgetFitProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := recordtest.Header(rapid.IntRange(2, 50).Draw(t, "p"))
		h.Steps = rapid.Int64Range(0, 5000).Draw(t, "steps")
		o := record.BudgetOptions{
			RowOverhead: rapid.Int64Range(0, 99).Draw(t, "row"),
			RunOverhead: rapid.Int64Range(0, 999).Draw(t, "run"), InnerRows: rapid.IntRange(0, 3).Draw(t, "inner"),
		}
		b, err := record.NewBudget(h, o)
		if err != nil {
			t.Fatal(err)
		}
		limit := rapid.Int64Range(0, b.TotalBytes+10).Draw(t, "limit")
		refused := b.Check(limit)
		if (refused == nil) != (b.TotalBytes <= limit) {
			t.Fatalf("%d bytes of %d: %v", b.TotalBytes, limit, refused)
		}
		s, err := b.Fit(limit)
		if err != nil {
			least := int64(1)
			if h.Steps > 0 {
				least = 2 + int64(o.InnerRows)
			}
			if least = least*b.RowBytes + o.RunOverhead; limit >= least {
				t.Fatalf("%d bytes hold the least of %d: %v", limit, least, err)
			}
			return
		}
		h.Schedule = s
		fitted, err := record.NewBudget(h, o)
		if err != nil {
			t.Fatal(err)
		}
		if fitted.TotalBytes > limit {
			t.Fatalf("%v takes %d bytes of %d", s, fitted.TotalBytes, limit)
		}
		var e *record.BudgetError
		if errors.As(refused, &e) && e.Bytes != fitted.TotalBytes {
			t.Fatalf("%v takes %d bytes, the error says %d", s, fitted.TotalBytes, e.Bytes)
		}
	})
}

func TestBudgetCheck(t *testing.T) {
	h := budgetHeader(t, 10_000, "")
	b := mustBudget(t, h, record.BudgetOptions{})
	for limit, want := range map[int64]string{
		401 * 400: "record: the recording needs 4 MB (10001 rows of 400 B), but only 160 kB are allowed; the " +
			"schedule first:40+every:28 fits with 159 kB",
		799: "record: the recording needs 4 MB (10001 rows of 400 B), but only 799 B are allowed; no schedule fits: " +
			"the first and the last row alone need 800 B",
	} {
		if err := b.Check(limit); err == nil || err.Error() != want {
			t.Errorf("%d bytes:\n%v\nwant\n%s", limit, err, want)
		}
	}
	if err := b.Check(b.TotalBytes); err != nil {
		t.Error(err)
	}
	if _, err := b.Fit(799); err == nil || !strings.Contains(err.Error(), "800 B") {
		t.Errorf("fit: %v", err)
	}
}
