package record

import (
	"fmt"
	"math"
	"sort"
	"time"
)

// BudgetOptions has the costs that a header does not know: those of the file format
// and of the optimizer's inner loop. The zero value counts only the vectors, for an
// optimizer without an inner loop.
type BudgetOptions struct {
	RowOverhead    int64 // bytes that the format adds to the vectors of a row
	RunOverhead    int64 // bytes that it adds once for the run
	InnerRows      int   // rows of inner iterates for each kept step; 0 for most optimizers
	BatchesPerStep int   // mini-batches that one step draws, which decides the epoch of a step; 0 means 1
	LastStep       bool  // the last step is recorded whatever the schedule says
}

// Validate names the field, its value and what is allowed.
func (o BudgetOptions) Validate() error {
	if o.RowOverhead < 0 || o.RunOverhead < 0 || o.InnerRows < 0 || o.BatchesPerStep < 0 {
		return fmt.Errorf("record: budget: row overhead %d, run overhead %d, inner rows %d, batches per step %d: "+
			"none may be negative",
			o.RowOverhead, o.RunOverhead, o.InnerRows, o.BatchesPerStep)
	}
	return nil
}

// Budget is the size of a recording, computed before its first step. A run that
// diverges or is stopped needs less.
type Budget struct {
	Steps       int64 // planned updates
	Rows        int64 // rows that the schedule keeps, including the row after the last update
	VectorBytes int64 // bytes of the recorded vectors in a row
	RowBytes    int64 // VectorBytes plus the overhead of a row
	TotalBytes  int64 // the whole run; at most math.MaxInt64
	Schedule    Schedule

	options BudgetOptions
}

// NewBudget computes the size of a run with this header. Every row counts with all
// recorded vectors, because the file format reserves space also for an absent one.
// The number of rows is exact: Schedule.Keep is called for every step, except for
// schedules that are a single every:K. An epoch has ceil(training examples / batch)
// mini-batches.
func NewBudget(h *Header, o BudgetOptions) (*Budget, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if err := h.Validate(); err != nil {
		return nil, err
	}
	b := &Budget{Steps: h.Steps, Schedule: h.Schedule, options: o}
	for _, v := range []struct {
		recorded bool
		layout   Layout
		element  int
	}{{h.Columns.Theta, h.Layout, h.ElementBytes()}, {h.Columns.Grad, h.Layout, h.ElementBytes()}, {
		h.Columns.State,
		h.State, 4,
	}} {
		if v.recorded {
			b.VectorBytes += int64(v.element) * int64(v.layout.Len())
		}
	}
	b.RowBytes = b.VectorBytes + o.RowOverhead
	kept := countKeptSteps(h, max(o.BatchesPerStep, 1))
	if o.LastStep && h.Steps > 0 && !h.Schedule.Keep(h.Steps-1, int32(h.Epochs)) {
		kept++
	}
	b.Rows = b.rowsForSteps(kept)
	b.TotalBytes = b.bytesForRows(b.Rows)
	return b, nil
}

// countKeptSteps counts the steps from 0 to h.Steps-1 that the schedule keeps.
func countKeptSteps(h *Header, batchesPerStep int) int64 {
	rules := h.Schedule.steps.rules
	switch {
	case len(rules) == 0:
		return h.Steps
	case len(rules) == 1 && rules[0].kind == "every":
		return countMultiples(rules[0].n, 0, h.Steps)
	}
	perEpoch := int64(math.MaxInt64) // without a known data set: one long epoch
	if h.Batch > 0 && h.Data.TrainExamples > 0 {
		perEpoch = int64((h.Data.TrainExamples + h.Batch - 1) / h.Batch)
	}
	n, epoch, batch := int64(0), int32(1), int64(0)
	for k := range h.Steps {
		if h.Schedule.Keep(k, epoch) {
			n++
		}
		batch += int64(batchesPerStep)
		epoch += int32(batch / perEpoch)
		batch %= perEpoch
	}
	return n
}

// countMultiples counts the multiples of k in [from, to).
func countMultiples(k, from, to int64) int64 {
	if to <= from {
		return 0
	}
	before := func(n int64) int64 { // multiples in [0, n)
		if n == 0 {
			return 0
		}
		return (n-1)/k + 1
	}
	return before(to) - before(from)
}

// rowsForSteps returns the number of rows for this number of kept steps: one row and
// its inner rows for each step, and the row after the last update.
func (b *Budget) rowsForSteps(kept int64) int64 {
	perStep := 1 + int64(b.options.InnerRows)
	if kept > (math.MaxInt64-1)/perStep {
		return math.MaxInt64
	}
	return kept*perStep + 1
}

// bytesForRows returns the size of a run with this number of rows, at most math.MaxInt64.
func (b *Budget) bytesForRows(rows int64) int64 {
	if b.RowBytes > 0 && rows > (math.MaxInt64-b.options.RunOverhead)/b.RowBytes {
		return math.MaxInt64
	}
	return rows*b.RowBytes + b.options.RunOverhead
}

// BytesPerStep returns TotalBytes divided by all steps, kept or not.
func (b *Budget) BytesPerStep() float64 { return float64(b.TotalBytes) / float64(max(b.Steps, 1)) }

// TimeShare estimates the time for writing relative to the time for training: the
// mean bytes of a step divided by the speed of writing and by the duration of a
// step. A writer in another goroutine slows training by less. TimeShare is NaN when
// either argument is not positive.
func (b *Budget) TimeShare(step time.Duration, bytesPerSecond float64) float64 {
	if step <= 0 || bytesPerSecond <= 0 {
		return math.NaN()
	}
	return b.BytesPerStep() / bytesPerSecond / step.Seconds()
}

// String describes the budget in one line.
func (b *Budget) String() string {
	return fmt.Sprintf("%d of %d steps kept as %d rows of %s: %s", (b.Rows-1)/(1+int64(b.options.InnerRows)), b.Steps,
		b.Rows, Bytes(b.RowBytes), Bytes(b.TotalBytes))
}

// BudgetError reports that a recording does not fit, and which schedule does.
type BudgetError struct {
	Budget   *Budget
	MaxBytes int64
	Fits     bool     // whether any schedule fits
	Schedule Schedule // the schedule that Fit suggests
	Bytes    int64    // size with Schedule; where no schedule fits, size of the first and the last row
}

// Error describes the problem and the suggestion in one line, with all numbers.
func (e *BudgetError) Error() string {
	text := fmt.Sprintf("record: the recording needs %s (%d rows of %s), but only %s are allowed; ",
		Bytes(e.Budget.TotalBytes), e.Budget.Rows, Bytes(e.Budget.RowBytes), Bytes(e.MaxBytes))
	if !e.Fits {
		return text + fmt.Sprintf("no schedule fits: the first and the last row alone need %s", Bytes(e.Bytes))
	}
	return text + fmt.Sprintf("the schedule %s fits with %s", e.Schedule, Bytes(e.Bytes))
}

// Check returns nil when the recording fits into maxBytes, and otherwise a
// *BudgetError that suggests a schedule.
func (b *Budget) Check(maxBytes int64) error {
	if b.TotalBytes <= maxBytes {
		return nil
	}
	e := &BudgetError{Budget: b, MaxBytes: maxBytes}
	var kept int64
	if e.Schedule, kept, e.Fits = b.fitSchedule(maxBytes); !e.Fits {
		kept = 1
	}
	if b.options.LastStep {
		kept = min(kept+1, b.Steps)
	}
	e.Bytes = b.bytesForRows(b.rowsForSteps(kept))
	return e
}

// Fit returns the densest simple schedule that fits into maxBytes, independent of
// the schedule in the header:
//
//   - every step, if all fit;
//   - first:N+every:K with N a tenth of the steps that fit, at most 100, because a
//     run moves most at its beginning;
//   - log:N when fewer than 20 steps fit, because evenly spaced steps would miss
//     the beginning, and every:K when not even log:1 fits.
//
// The error is a *BudgetError when the first and the last row do not fit.
func (b *Budget) Fit(maxBytes int64) (Schedule, error) {
	s, _, ok := b.fitSchedule(maxBytes)
	if !ok {
		return Schedule{}, &BudgetError{
			Budget: b, MaxBytes: maxBytes,
			Bytes: b.bytesForRows(b.rowsForSteps(min(1, b.Steps))),
		}
	}
	return s, nil
}

// minEvenSteps is the number of steps from which on Fit spaces them evenly; fewer
// steps are spaced logarithmically.
const minEvenSteps = 20

// fitSchedule does the work of Fit, and also returns how many steps the schedule
// keeps.
func (b *Budget) fitSchedule(maxBytes int64) (s Schedule, kept int64, ok bool) {
	room := int64(math.MaxInt64) // steps that fit
	if b.RowBytes > 0 {
		rows := (maxBytes - b.options.RunOverhead) / b.RowBytes
		if maxBytes < b.options.RunOverhead || rows < 1 {
			return s, 0, false
		}
		room = (rows - 1) / (1 + int64(b.options.InnerRows))
		if b.options.LastStep && room < b.Steps {
			room--
		}
	}
	switch {
	case room >= b.Steps:
		return s, b.Steps, true
	case room < 1:
		return s, 0, false
	case room < minEvenSteps:
		if n, kept := b.fitLog(room); n > 0 {
			return Schedule{Steps{[]stepRule{{kind: "log", n: n}}}}, kept, true
		}
	}
	first := min(100, room/10)
	count := func(k int64) int64 { return first + countMultiples(k, first, b.Steps) }
	k := 1 + int64(sort.Search(int(b.Steps-1), func(i int) bool { return count(int64(i)+1) <= room }))
	if first > 0 {
		s.steps.rules = append(s.steps.rules, stepRule{kind: "first", n: first})
	}
	s.steps.rules = append(s.steps.rules, stepRule{kind: "every", n: k})
	return s, count(k), true
}

// fitLog returns the densest log:N that keeps at most room steps, and how many;
// 0 when there is none.
func (b *Budget) fitLog(room int64) (n, kept int64) {
	for next := int64(1); next <= minEvenSteps; next++ {
		count, last := int64(1), int64(0) // step 0
		for i := 0; ; i++ {
			step := int64(math.Round(math.Pow(10, float64(i)/float64(next))))
			if step >= b.Steps {
				break
			}
			if step > last {
				count, last = count+1, step
			}
		}
		if count > room {
			break
		}
		n, kept = next, count
	}
	return n, kept
}
